/** Prompt sets as the field hands them round. The rows are those of the sets themselves, each set cut to a few. */
import { expect, it } from 'vitest';
import { readPromptSet } from './promptSets.ts';

const read = (name: string, text: string | object): ReturnType<typeof readPromptSet> =>
  readPromptSet(new TextEncoder().encode(typeof text === 'string' ? text : JSON.stringify(text)), name);

it('reads PartiPrompts, with quotes inside a cell and without a note', async () => {
  const text = [
    'Prompt\tCategory\tChallenge\tNote',
    'bond\tAbstract\tBasic\tBiology-inspired concepts with multiple meanings',
    'a robot painted as graffiti on a brick wall. The words "Fly an airplane" are written on the wall.\tOutdoor Scenes\tComplex\t',
    '"G I G G L E" painted as graffiti.\tIllustrations\tWriting & Symbols\t',
    'Dogs playing poker\tAnimals\tImagination\tDescription of "Dogs Playing Poker"',
    '',
  ].join('\n');
  expect(await read('PartiPrompts.tsv', text)).toEqual([
    { prompt: 'bond', category: 'Abstract' },
    {
      prompt: 'a robot painted as graffiti on a brick wall. The words "Fly an airplane" are written on the wall.',
      category: 'Outdoor Scenes',
    },
    { prompt: '"G I G G L E" painted as graffiti.', category: 'Illustrations' },
    { prompt: 'Dogs playing poker', category: 'Animals' },
  ]);
  // Whatever it is called, and with the line ends of another system.
  expect(await read('parti.txt', text.replaceAll('\n', '\r\n'))).toHaveLength(4);
});

it('reads DrawBench, as a table and as lines', async () => {
  const table = 'Prompts,Category\nA red colored car.,Colors\n"Hovering cow abducting aliens, at night.",Conflicting\n';
  const wanted = [
    { prompt: 'A red colored car.', category: 'Colors' },
    { prompt: 'Hovering cow abducting aliens, at night.', category: 'Conflicting' },
  ];
  expect(await read('drawbench.csv', table)).toEqual(wanted);
  expect(await read('drawbench.txt', table)).toEqual(wanted);
  expect(await read('drawbench.txt', 'A red colored car.\nA pear cut into seven pieces, in a ring.\n')).toEqual([
    { prompt: 'A red colored car.' },
    { prompt: 'A pear cut into seven pieces, in a ring.' },
  ]);
});

it('reads HPDv2: a style a file, all styles in one, and its test set', async () => {
  expect(await read('benchmark/concept-art.json', ['a vehicle, cyberpunk', 'a castle'])).toEqual([
    { prompt: 'a vehicle, cyberpunk', category: 'concept-art' },
    { prompt: 'a castle', category: 'concept-art' },
  ]);
  expect(await read('hpd.json', { anime: ['a girl'], photo: ['a dog', 'a cat'] })).toEqual([
    { prompt: 'a girl', category: 'anime' },
    { prompt: 'a dog', category: 'photo' },
    { prompt: 'a cat', category: 'photo' },
  ]);
  expect(await read('test.json', [{ prompt: 'a cat', image_path: ['1.jpg', '2.jpg'], rank: [0, 1] }])).toEqual([
    { prompt: 'a cat' },
  ]);
});

it("reads ImageReward's array and GenEval's lines", async () => {
  expect(await read('benchmark-prompts.json', [{ id: '005695-0057', prompt: 'a vehicle' }])).toEqual([
    { prompt: 'a vehicle' },
  ]);
  const lines =
    '{"tag": "single_object", "include": [{"class": "bench", "count": 1}], "prompt": "a photo of a bench"}\n' +
    '{"tag": "counting", "include": [], "prompt": "a photo of two clocks"}';
  expect(await read('evaluation_metadata.jsonl', lines)).toEqual([
    { prompt: 'a photo of a bench', category: 'single_object' },
    { prompt: 'a photo of two clocks', category: 'counting' },
  ]);
});

it('takes a list for a list', async () => {
  expect(await read('list.txt', '# mine\na tree, an oak; at night\nprompt engineering\n')).toEqual([
    { prompt: 'a tree, an oak; at night' },
    { prompt: 'prompt engineering' },
  ]);
});

it('takes a table of one column for a table', async () => {
  expect(await read('a.csv', '\ufeffprompt\r\na tree\r\n"an oak, at ""night"""\r\n')).toEqual([
    { prompt: 'a tree' },
    { prompt: 'an oak, at "night"' },
  ]);
  expect(await read('a.csv', 'a tree\nan oak\n')).toHaveLength(2);
});

it.each([
  ['a.csv', 'id,style\n1,anime\n', 'MissingColumns', 'a.csv names no prompts (it has id, style). Call the column'],
  ['a.json', [{ image: 'x' }], 'MissingColumns', 'a.json names no prompts (it has image).'],
  ['a.json', [{ prompt: 'x' }, { image: 'x' }], 'BadFile', 'a.json: entry 2 has no prompt.'],
  ['a.json', '["a tree", ', 'BadFile', 'a.json is not valid JSON.'],
  ['a.jsonl', 'a tree\n', 'BadFile', 'a.jsonl: line 1 is not valid JSON.'],
  ['a.json', [], 'BadFile', 'a.json holds no prompts.'],
  ['a.json', { version: 1 }, 'MissingColumns', 'a.json names no prompts (it has version).'],
  ['a.tsv', 'Prompt\tCategory\n', 'BadFile', 'a.tsv holds no prompts.'],
  ['a.tsv', 'Prompt\tCategory\na\tb\tc\n', 'BadFile', 'a.tsv: row 1 cannot be read: it has 3 cells, and the header 2.'],
  ['a.txt', `Prompt\tCategory\n${'a'.repeat(20_000)}\tb`, 'BadPrompt', 'A prompt has 20000 characters'],
  ['a.txt', '', 'BadFile', 'a.txt holds no prompts.'],
])('%s that holds %j is refused', async (name, content, error, message) => {
  await expect(read(name, content)).rejects.toMatchObject({
    name: error,
    message: expect.stringContaining(message) as string,
  });
});
