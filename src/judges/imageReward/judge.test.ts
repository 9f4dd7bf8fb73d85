/** ImageReward from the folders in which people have it. Numbers are those of the case that torch and transformers wrote (tools/judges). */
import { describe, expect, it } from 'vitest';
import { writeSafetensors } from '../../data/formats/safetensors.ts';
import type { WinnowError } from '../../shared/errors.ts';
import { judgesOf, readJudge } from '../table.ts';
import {
  type Files,
  filesOf,
  folder,
  itemsOf,
  jsonOf,
  judgeOf,
  recording,
  scored,
  tensorsOf,
} from '../../service/sampling/testJudges.ts';

const CASE = 'judge-image-reward';
const files = filesOf(CASE);

/** The weights in f32, under other names, changed, or without some. */
async function weights(
  change: (name: string, data: Float32Array, shape: readonly number[]) => [string, readonly number[], Float32Array][],
): Promise<Uint8Array> {
  const file = await tensorsOf(CASE, 'weights.safetensors');
  const kept = await Promise.all(
    file.names.map(async (name) => change(name, await file.read(name), file.shape(name)!)),
  );
  return writeSafetensors(Object.fromEntries(kept.flat().map(([name, shape, data]) => [name, { shape, data }])));
}
const without = (part: string): Promise<Uint8Array> =>
  weights((name, data, shape) => (name.startsWith(part) ? [] : [[name, shape, data]]));

async function scoresOf(all: Files, path?: string): Promise<number[]> {
  const judge = await judgeOf(all, path);
  expect(judge).toMatchObject({ kind: 'image-reward', title: 'ImageReward', imageSize: null });
  await using scorer = await (await judge.plan(recording([]))).make();
  return await scored(scorer.score(await itemsOf(CASE)));
}

async function expectScores(scores: readonly number[]): Promise<void> {
  const expected = await (await tensorsOf(CASE, 'expected.safetensors')).read('score');
  expect(scores).toHaveLength(expected.length);
  scores.forEach((score, i) => expect(Math.abs(score - expected[i]!)).toBeLessThan(1e-5));
}

describe('scores what torch does', () => {
  const { 'model.safetensors': stored, ...rest } = files;
  it.each<[string, () => Promise<Files>]>([
    ['in f16, as model.safetensors', async () => files],
    [
      'as ImageReward.safetensors, with the vocabulary in a folder of BERT’s',
      async () => {
        const { 'vocab.txt': vocabulary, ...others } = rest;
        return { ...others, 'ImageReward.safetensors': stored!, 'bert-base-uncased/vocab.txt': vocabulary! };
      },
    ],
    [
      'in f32, with something before its keys',
      async () => ({
        ...rest,
        'model.safetensors': await weights((name, data, shape) => [[`model.${name}`, shape, data]]),
      }),
    ],
    ['beside a config that says nothing', async () => ({ ...files, 'config.json': {} })],
  ])('%s', async (_, all) => {
    await expectScores(await scoresOf(await all()));
  });
});

it('sees a picture once, and reads each prompt beside it', async () => {
  const said: string[] = [];
  const planned = await (await judgeOf(files)).plan(recording(said));
  const [item] = await itemsOf(CASE);
  {
    await using scorer = await planned.make();
    const [first, other, again] = await scored(scorer.score([item!, { ...item!, prompt: 'a red boat' }, item!]));
    expect(said.splice(0)).toEqual(['make vision', 'vision', 'make text', 'text', 'text', 'text']);
    expect(again).toBe(first);
    expect(other).not.toBe(first);
  }
  expect(said).toEqual(['free vision', 'free text']);
});

it('says what of a prompt it does not read', async () => {
  const judge = await judgeOf(files);
  expect(await judge.lost!(['snow '.repeat(33), `${'snow '.repeat(33)}by the sea`])).toEqual(['', 'by the sea']);
});

it('reads BERT’s own vocabulary where a folder brings none', async () => {
  const { 'vocab.txt': _, 'med_config.json': __, ...bare } = files;
  const table = 'blip.text_encoder.embeddings.word_embeddings.weight';
  const judge = await judgeOf({
    ...bare,
    'model.safetensors': await weights((name, data, shape) =>
      name === table ? [[name, [30_524, shape[1]!], new Float32Array(30_524 * shape[1]!)]] : [[name, shape, data]],
    ),
  });
  expect(await judge.lost!([`${'ocean '.repeat(33)}low-depth`])).toEqual(['low - depth']);
});

it('comes with a model, too', async () => {
  const own = folder(files);
  const inFolder = (path: string): string => path.replace('scorers/c/', '');
  const judges = await judgesOf({
    read: (path) => own.read(inFolder(path)),
    open: (path) => own.open(inFolder(path)),
    folders: async () => ['c'],
  });
  expect(judges).toMatchObject([{ name: 'c', kind: 'image-reward' }]);
});

describe('one that cannot be it is refused by name', () => {
  const med = jsonOf(files, 'med_config.json');
  const changed = (part: RegExp, shape: number[]): Promise<Uint8Array> =>
    weights((name, data, own) =>
      part.test(name) ? [[name, shape, new Float32Array(shape.reduce((a, b) => a * b))]] : [[name, own, data]],
    );
  it.each<[string, () => Promise<Files>, string, RegExp]>([
    [
      'no vision tower',
      async () => ({ ...files, 'model.safetensors': await without('blip.visual_encoder') }),
      'MissingTensor',
      /mine\/model\.safetensors has no vision tower of ImageReward.*RE-N-Y\/ImageReward/,
    ],
    [
      'no text encoder',
      async () => ({ ...files, 'model.safetensors': await without('blip.text_encoder') }),
      'MissingTensor',
      /has no text encoder of ImageReward/,
    ],
    [
      'no head',
      async () => ({ ...files, 'model.safetensors': await without('mlp.') }),
      'MissingTensor',
      /has no head of ImageReward \(mlp\.layers\)/,
    ],
    [
      'a text encoder without cross-attention',
      async () => ({
        ...files,
        'model.safetensors': await weights((name, data, shape) =>
          name.includes('crossattention') ? [] : [[name, shape, data]],
        ),
      }),
      'MissingTensor',
      /there is no tensor blip\.text_encoder\.encoder\.layer\.0\.crossattention\.self\.query\.weight/,
    ],
    [
      'cross-attention of another tower',
      async () => ({
        ...files,
        'model.safetensors': await changed(/layer\.1\.crossattention\.self\.key\.weight/, [64, 96]),
      }),
      'WrongShape',
      /layer\.1\.crossattention\.self\.key\.weight has shape \[64, 96\], the config makes it \[64, 128\]/,
    ],
    [
      'a vision tower of a width that BLIP does not have',
      async () => ({ ...files, 'model.safetensors': await changed(/patch_embed\.proj\.weight/, [100, 3, 8, 8]) }),
      'UnsupportedArchitecture',
      /width of its vision tower is 100.*a multiple of 64/,
    ],
    [
      'another width than its config',
      async () => ({ ...files, 'med_config.json': { ...med, hidden_size: 96 } }),
      'WrongShape',
      /word_embeddings\.weight has shape \[\d+, 64\], the config makes it \[\d+, 96\]/,
    ],
    [
      'an activation that is not computed',
      async () => ({ ...files, 'med_config.json': { ...med, hidden_act: 'gelu_new' } }),
      'UnsupportedArchitecture',
      /hidden_act is "gelu_new".*Choose an ImageReward/,
    ],
    [
      'no vocabulary, for a table that is not BERT’s',
      async () => Object.fromEntries(Object.entries(files).filter(([name]) => name !== 'vocab.txt')),
      'NotFound',
      /has no vocabulary \(vocab\.txt\), and its text encoder reads \d+ tokens/,
    ],
    [
      'a vocabulary of another model',
      async () => ({ ...files, 'vocab.txt': `${new TextDecoder().decode(files['vocab.txt'] as Uint8Array)}more\n` }),
      'BadFile',
      /vocab\.txt is another model's: with \[DEC\] and \[ENC\] it has/,
    ],
    [
      'a head of another width',
      async () => ({ ...files, 'model.safetensors': await changed(/mlp\.layers\.0\.weight/, [24, 768]) }),
      'WrongShape',
      /The head of .*model\.safetensors has layer 0 of shape \[24, 768\]; it should be \[…, 64\]/,
    ],
    [
      'a weight that is no number',
      async () => ({
        ...files,
        'model.safetensors': await weights((name, data, shape) => [
          [name, shape, name === 'blip.visual_encoder.norm.weight' ? data.fill(NaN) : data],
        ]),
      }),
      'NotFinite',
      /blip\.visual_encoder\.norm\.weight of \/judges\/mine\/model\.safetensors/,
    ],
    [
      'the pickle',
      async () => ({ 'ImageReward.pt': 'PK', 'med_config.json': med }),
      'PickleRefused',
      /ImageReward\.pt is a pickle.*model\.safetensors of RE-N-Y\/ImageReward/,
    ],
  ])('%s', async (_, all, name, message) => {
    const refused: unknown = await scoresOf(await all()).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(refused).toMatchObject({ name });
    expect((refused as WinnowError).message).toMatch(message);
  });
});

it('is the file that is asked for', async () => {
  const asked = {
    ...folder({ ...files, 'ImageReward.safetensors': files['model.safetensors']! }),
    file: 'ImageReward.safetensors',
  };
  expect(await readJudge(asked, { name: 'mine', from: 'folder' })).toMatchObject({ kind: 'image-reward' });
});
