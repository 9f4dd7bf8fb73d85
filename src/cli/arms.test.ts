/** What stands for a model on the command line of an evaluation, and pictures of folders brought to prompts and seeds. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { absolute } from './arguments.ts';
import { type Arm, openPictures, parseArm, picturesFor } from './arms.ts';

let root: string;
const folder = (name: string, files: Record<string, string>): string => {
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name, file)), { recursive: true });
    writeFileSync(join(root, name, file), text);
  }
  return join(root, name);
};
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'winnow-arms-'));
});

describe('a side of an evaluation', () => {
  it('is a model, with or without a name', () => {
    expect(parseArm('postcard')).toEqual({ kind: 'model', name: 'postcard', ref: { base: 'postcard', adapters: [] } });
    expect(parseArm('base=postcard')).toMatchObject({ name: 'base' });
  });
  it('is a model whose pictures another one goes over', () => {
    const ref = { base: 'postcard', adapters: [] };
    expect(parseArm('postcard++postcard')).toEqual({
      kind: 'model',
      name: 'postcard ++ postcard at 0.25',
      ref,
      refine: { ref, strength: 0.25 },
    });
    expect(parseArm('two=postcard++0.6:postcard')).toMatchObject({ name: 'two', refine: { strength: 0.6 } });
  });
  it('is a folder of pictures, and a folder of a model is none', () => {
    const pictures = folder('theirs', { '0.png': '' });
    expect(parseArm(pictures)).toEqual({ kind: 'pictures', name: 'theirs', folder: pictures });
    expect(parseArm(`SDXL=${pictures}`)).toMatchObject({ name: 'SDXL', folder: pictures });
    expect(() => parseArm(folder('model', { 'model_index.json': '{}' }))).not.toThrow();
    expect(parseArm(join(root, 'model')).kind).toBe('model');
  });
  it('is a checkpoint in a folder, and pictures in folders below', () => {
    expect(parseArm(folder('one-file', { 'model.safetensors': '' })).kind).toBe('model');
    expect(parseArm(folder('deep', { 'animals/0.jpg': '', 'readme.md': '' })).kind).toBe('pictures');
  });
  it.each<[string, Record<string, string>, RegExp]>([
    ['empty', {}, /empty is empty\. Give a diffusers folder or .*MODEL\+LORA.* folder of PNG/],
    [
      'texts',
      { 'readme.md': 'x' },
      /texts holds nothing that can be compared: neither a model nor pictures\. Give a diff/,
    ],
    ['lora', { 'adapter_model.safetensors': '', 'preview.png': '' }, /lora holds a LoRA, .*: MODEL\+.*lora\./],
  ])('is no folder of %s, and it is said what it can be', (name, files, message) => {
    mkdirSync(join(root, name), { recursive: true });
    expect(() => parseArm(folder(name, files))).toThrow(message);
  });
  it.each([
    ['postcard++0:postcard', 'strength of 0'],
    ['postcard++1.5:postcard', 'from 0 to 1'],
    ['postcard++postcard++postcard', 'is no model'],
    ['++postcard', 'is no model'],
    ['name=nowhere', 'There is no model folder nowhere'],
  ])('%s is refused', (text, message) => expect(() => parseArm(text)).toThrow(message));
});

describe('pictures from elsewhere', () => {
  const listed = ['a cat', 'a dog'].map((prompt) => ({ prompt, category: 'animals' }));
  const items = listed.flatMap(({ prompt }) => [0, 1].map((seed) => ({ prompt, seed })));
  const said: string[] = [];
  const open = (path: string): ReturnType<typeof openPictures> => {
    const arm = parseArm(path) as Extract<Arm, { kind: 'pictures' }>;
    return openPictures(arm, listed, (text) => void said.push(text));
  };
  const found = async (path: string): Promise<string[]> => picturesFor(await open(path), items, [0, 1]);

  it.each<[string, string[], Record<string, string>]>([
    [
      'metadata.jsonl',
      ['b.png', 'a.png', 'c.png', 'd.png'].toSorted(),
      {
        'a.png': '',
        'b.png': '',
        'c.png': '',
        'd.png': '',
        'metadata.jsonl':
          ['a', 'b'].map((name) => `{"file_name": "${name}.png", "prompt": "a  cat"}\n`).join('') +
          ['c', 'd'].map((name) => `{"file_name": "${name}.png", "text": "a dog"}\n`).join(''),
      },
    ],
    [
      'captions beside them',
      ['a.jpg', 'b.jpg', 'c.jpg', 'd.jpg'],
      {
        'a.jpg': '',
        'b.jpg': '',
        'c.jpg': '',
        'd.jpg': '',
        'a.txt': 'a cat\n',
        'b.txt': 'a cat',
        'c.txt': 'a dog',
        'd.txt': ' a dog',
      },
    ],
    [
      'numbers',
      ['00000-0.png', '00000-1.png', '00001-0.png', '00001-1.png'],
      {
        '00000-0.png': '',
        '00000-1.png': '',
        '00001-0.png': '',
        '00001-1.png': '',
      },
    ],
    [
      'numbers from one',
      ['1_1.png', '1_2.png', '2_1.png', '2_2.png'],
      {
        '1_1.png': '',
        '1_2.png': '',
        '2_1.png': '',
        '2_2.png': '',
      },
    ],
    [
      'numbers within a category',
      ['animals/0-0.png', 'animals/0-1.png', 'animals/1-0.png', 'animals/1-1.png'],
      {
        'animals/0-0.png': '',
        'animals/0-1.png': '',
        'animals/1-0.png': '',
        'animals/1-1.png': '',
      },
    ],
    [
      "GenEval's folders",
      ['00000/samples/0000.png', '00000/samples/0001.png', '00001/samples/0000.png', '00001/samples/0001.png'],
      {
        '00000/samples/0000.png': '',
        '00000/samples/0001.png': '',
        '00001/samples/0000.png': '',
        '00001/samples/0001.png': '',
      },
    ],
  ])('are found by %s', async (name, wanted, files) => {
    const path = folder(name, files);
    expect(await found(path)).toEqual(wanted.map((file) => absolute(join(path, file))));
  });

  it('are refused by name where they are of other prompts, or too few', async () => {
    const other = folder('other', { 'a.png': '', 'a.txt': 'a cat', 'b.png': '', 'b.txt': 'a horse' });
    await expect(found(other)).rejects.toMatchObject({
      name: 'BadArguments',
      message: expect.stringMatching(
        /^other holds pictures of other prompts: it has none of 1 of the 2 that are compared \("a dog"\)\. Compare what/,
      ) as string,
    });
    const few = folder('few', { '0.png': '', '1.png': '' });
    await expect(found(few)).rejects.toThrow(
      'few has 1 picture of "a cat", and none for seed 1. Give --seeds that all sides have, as --seeds 0.',
    );
    const nameless = folder('nameless', { 'x.png': '', 'y.png': '' });
    await expect(open(nameless)).rejects.toThrow(/^Nothing says which prompts the 2 pictures of .*nameless are of\./);
  });

  it('leave out, and say so, what nothing is said of', async () => {
    said.length = 0;
    const { prompts } = await open(folder('some', { '0.png': '', '1.png': '', 'sheet.png': '' }));
    expect(prompts).toEqual(['a cat', 'a dog']);
    expect(said).toEqual([expect.stringMatching(/^1 of 3 pictures of .*some are left out: .*\(sheet\.png\)\.$/)]);
  });
});
