/** ONNX judges against scores that Pillow, numpy, transformers' tokenizer and onnxruntime gave (tools/judges/onnx/write_fixtures.py). */
import { createHash, randomUUID } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { folderReader } from '../../cli/files.ts';
import { byteRanges } from '../../data/formats/bytes.ts';
import { readOnnxHeader } from '../../data/formats/onnxHeader.ts';
import { decodePicture } from '../../data/formats/picture.ts';
import { MemoryFileStore } from '../../service/memoryFiles.ts';
import type { ModelFolder } from '../../service/model/modelFolder.ts';
import { EmbeddingStore } from '../../service/sampling/embeddingStore.ts';
import { judgeOf, planJudge } from '../../service/sampling/judging.ts';
import { onnxRunner } from '../../service/sampling/partRunner.ts';
import type { Judge, Judged } from '../judge.ts';

const fixtures = join(import.meta.dirname, '../../../tools/judges/onnx');
const heads = join(fixtures, '../cases/judge-aesthetic-v2');
const expected = JSON.parse(readFileSync(join(fixtures, 'expected.json'), 'utf8')) as Record<
  string,
  { needsPrompt: boolean; scores: { picture: string; prompt: string; score: number }[] }
>;
const none = {} as Pick<ModelFolder, 'reader' | 'info'>;
const open = (path: string): Promise<Judge> => judgeOf(none, path, (folder) => folderReader(folder));
const judged = (picture: string, prompt: string): Judged => ({
  key: async () => picture,
  picture: async () => decodePicture(new Uint8Array(readFileSync(join(fixtures, 'pictures', picture)))),
  prompt,
  pooled: () => Promise.reject(new Error('an ONNX judge asks for no words of the model')),
});

async function scores(judge: Judge, items: readonly Judged[]): Promise<number[]> {
  // An ONNX file is run as it is.
  const large = onnxRunner({ provider: 'wasm' });
  await using scorer = await (await planJudge(judge, large)).make();
  const found: number[] = [];
  for await (const { score } of scorer.score(items)) found.push(score!);
  return found;
}

describe('gives the scores that the field’s own libraries give', () => {
  it.each(Object.keys(expected))('%s', async (name) => {
    const { needsPrompt, scores: wanted } = expected[name]!;
    const judge = await open(join(fixtures, 'judges', name));
    expect(judge.scales).toHaveLength(1);
    expect(judge.scales[0]!.needs.includes('prompt')).toBe(needsPrompt);
    expect(judge.kind).toBe('onnx');
    const found = await scores(
      judge,
      wanted.map(({ picture, prompt }) => judged(picture, prompt)),
    );
    // Half-width inputs are of 11 bits.
    const tolerance = name === 'letterbox' ? 1e-4 : 1e-5;
    for (const [i, { score }] of wanted.entries())
      expect(Math.abs(found[i]! - score) / Math.max(1, Math.abs(score)), `${i}`).toBeLessThan(tolerance);
    expect(new Set(found).size).toBeGreaterThan(1);
  });
});

it('is named by its file, too, and says what of a prompt it does not read', async () => {
  const byFile = await open(join(fixtures, 'judges/timm/tiny.onnx'));
  expect(byFile).toMatchObject({ name: 'tiny.onnx', title: 'Judge tiny.onnx', from: 'folder' });
  const [first] = expected['timm']!.scores;
  expect((await scores(byFile, [judged(first!.picture, '')]))[0]).toBeCloseTo(first!.score, 5);
  const cosine = await open(join(fixtures, 'judges/cosine/judge.json'));
  expect(cosine.title).toBe('Cosine');
  expect(cosine.about.purpose).toContain('between -100 and 100');
  expect(cosine.scales[0]!.logit).toBe(1);
  const [short, long] = await cosine.lost!([
    'a tree',
    'one two three four five six seven eight nine ten eleven twelve',
  ]);
  expect(short).toBe('');
  expect(long).toMatch(/twelve$/);
});

describe('looks once at a picture, whatever session asks', () => {
  /** What a new session says of pictures, and which of them it had to look at. */
  async function session(
    files: MemoryFileStore,
    path: string,
    items: readonly (readonly [picture: string, prompt: string])[],
  ): Promise<{ found: number[]; looked: string[] }> {
    const judge = await judgeOf(none, path, (folder) => folderReader(folder));
    const store = new EmbeddingStore({
      files,
      sha256: async (bytes) => createHash('sha256').update(bytes).digest('hex'),
      now: () => new Date(),
      newId: randomUUID,
    });
    const memory = await store.of((await judge.embedder!())!);
    await using scorer = await (await planJudge(judge, onnxRunner({ provider: 'wasm' }), async () => memory)).make();
    const [found, looked]: [number[], string[]] = [[], []];
    const given = items.map(([picture, prompt]): Judged => {
      const one = judged(picture, prompt);
      return {
        ...one,
        picture: async () => {
          looked.push(picture);
          return one.picture();
        },
      };
    });
    for await (const { score } of scorer.score(given)) found.push(score!);
    return { found, looked };
  }
  const pictures = ['wide.png', 'tall.png', 'square.png'];

  it.each(['laion-head', 'labels', 'cosine', 'both-towers'])('%s', async (name) => {
    const files = new MemoryFileStore();
    const path = join(fixtures, 'judges', name);
    const items = pictures.map((picture) => [picture, 'a red bird'] as const);
    const first = await session(files, path, items);
    expect(first.looked).toEqual(pictures);
    expect(await session(files, path, items)).toEqual({ found: first.found, looked: [] });
    // Beside other words a picture is another for whoever reads them; beside the same ones, in other letters, it is not.
    const { needsPrompt } = expected[name]!;
    expect((await session(files, path, [['tall.png', 'two blue houses']])).looked).toEqual(
      needsPrompt ? ['tall.png'] : [],
    );
    expect(await session(files, path, [['tall.png', 'A RED  bird']])).toEqual({ found: [first.found[1]], looked: [] });
  });

  it('and again where the judge is another', async () => {
    const files = new MemoryFileStore();
    const folder = mkdtempSync(join(tmpdir(), 'winnow-onnx-'));
    cpSync(join(fixtures, 'judges/labels'), folder, { recursive: true });
    const before = await session(files, folder, [['wide.png', '']]);
    const path = join(folder, 'judge.json');
    const said = JSON.parse(readFileSync(path, 'utf8')) as { scale?: number };
    writeFileSync(path, JSON.stringify({ ...said, scale: (said.scale ?? 1) * 2, shift: 0 }));
    const after = await session(files, folder, [['wide.png', '']]);
    expect(after.looked).toEqual(['wide.png']);
    expect(after.found).not.toEqual(before.found);
  });
});

it('is no pickle where one lies beside it, or where its weights are called as one', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'winnow-onnx-'));
  cpSync(join(fixtures, 'judges/head'), folder, { recursive: true });
  writeFileSync(join(folder, 'pytorch_model.bin'), 'PK');
  expect(await open(folder)).toMatchObject({ kind: 'onnx' });
});

it('what a file asks for is read without its weights', async () => {
  const bytes = new Uint8Array(readFileSync(join(fixtures, 'judges/both-towers/model.onnx')));
  let read = 0;
  const header = await readOnnxHeader(
    {
      size: bytes.length,
      read: async (start, end) => {
        read += end - start;
        return bytes.subarray(start, end);
      },
    },
    'model.onnx',
  );
  expect(header).toEqual({
    inputs: [
      { name: 'input_ids', type: 'int64', dims: [null, null] },
      { name: 'pixel_values', type: 'float32', dims: [null, 3, null, null] },
      { name: 'attention_mask', type: 'int64', dims: [null, null] },
    ],
    outputs: [
      { name: 'logits_per_image', type: 'float32', dims: [null, null] },
      { name: 'logits_per_text', type: 'float32', dims: [null, null] },
      { name: 'text_embeds', type: 'float32', dims: [null, 6] },
      { name: 'image_embeds', type: 'float32', dims: [null, 6] },
    ],
    external: [],
  });
  const beside = byteRanges(new Uint8Array(readFileSync(join(fixtures, 'judges/letterbox/model.onnx'))));
  expect((await readOnnxHeader(beside, 'model.onnx')).external).toEqual([{ name: 'model.onnx.data', bytes: 960 }]);
});

describe('what is wrong with a folder is named, before anything runs', () => {
  type Json = Record<string, unknown>;
  const edit = (file: string, change: (json: Json) => unknown) => (folder: string) => {
    const path = join(folder, file);
    writeFileSync(path, JSON.stringify(change(JSON.parse(readFileSync(path, 'utf8')) as Json)));
  };
  const cut = (folder: string): void => {
    const path = join(folder, 'model.onnx');
    writeFileSync(path, readFileSync(path).subarray(0, 300));
  };
  /** Bytes of a model by others, as many. */
  const patch = (from: string, to: string) => (folder: string) => {
    const path = join(folder, 'model.onnx');
    writeFileSync(path, Buffer.from(readFileSync(path, 'latin1').replaceAll(from, to), 'latin1'));
  };
  it.each<[what: string, judge: string, change: (folder: string) => void, message: RegExp]>([
    [
      'another width',
      'head',
      edit('preprocessor_config.json', (json) => ({ ...json, crop_size: 48 })),
      /takes pictures of 32 by 32 pixels, and its preprocessing makes 48 by 48/,
    ],
    [
      'no preprocessing',
      'head',
      (folder) => rmSync(join(folder, 'preprocessor_config.json')),
      /Nothing says how pictures come to .*onnx\/model\.onnx/,
    ],
    [
      'a kernel that nobody named',
      'head',
      edit('preprocessor_config.json', ({ resample: _, ...json }) => json),
      /does not say resample/,
    ],
    [
      'an odd preprocessor',
      'head',
      edit('preprocessor_config.json', (json) => ({ ...json, image_std: [0, 1, 1] })),
      /image_std/,
    ],
    [
      'no tokenizer',
      'cosine',
      (folder) => rmSync(join(folder, 'tokenizer.json')),
      /reads prompts and has no tokenizer/,
    ],
    [
      'a tower that is missing',
      'cosine',
      edit('judge.json', (json) => ({ ...json, text: null })),
      /wants inputs that nobody feeds: tokens/,
    ],
    [
      'an output that is not there',
      'cosine',
      edit('judge.json', (json) => ({ ...json, score: { output: 'score' } })),
      /has no output score \(it has image_features, text_features\)/,
    ],
    [
      'another dtype',
      'labels',
      edit('judge.json', (json) => ({ ...json, image: { ...(json['image'] as object), dtype: 'float32' } })),
      /takes img as uint8, not as float32/,
    ],
    [
      'another length',
      'cosine',
      edit('judge.json', (json) => ({ ...json, text: { ...(json['text'] as object), padTo: 24 } })),
      /takes 20 tokens, and prompts are padded to 24/,
    ],
    [
      'another tokenizer',
      'cosine',
      edit('judge.json', (json) => ({ ...json, text: { ...(json['text'] as object), tokenizer: 'bert' } })),
      /text\.tokenizer: is of another kind/,
    ],
    [
      'a field of another kind',
      'labels',
      edit('judge.json', (json) => ({ ...json, scale: 'x' })),
      /judge\.json is not right \(scale: expected number/,
    ],
    [
      'a model elsewhere',
      'labels',
      edit('judge.json', (json) => ({ ...json, model: '../model.onnx' })),
      /model: leads out of its folder/,
    ],
    [
      'a model that is not there',
      'labels',
      edit('judge.json', (json) => ({ ...json, model: 'other.onnx' })),
      /has no other\.onnx, which its judge\.json names/,
    ],
    ['a model that is cut off', 'labels', cut, /model\.onnx is cut off, or is no ONNX model/],
    [
      'no model at all',
      'labels',
      (folder) => writeFileSync(join(folder, 'model.onnx'), 'hello, this is text'),
      /is cut off, or is no ONNX model|is no ONNX model/,
    ],
    [
      'weights that are not there',
      'letterbox',
      (folder) => rmSync(join(folder, 'model.onnx.data')),
      /has no model\.onnx\.data, in which model\.onnx keeps weights/,
    ],
    [
      'weights that are cut off',
      'letterbox',
      (folder) => truncateSync(join(folder, 'model.onnx.data'), 900),
      /model\.onnx\.data is cut off: model\.onnx keeps 960 bytes of weights in it, and it has 900\. Copy or download it again/,
    ],
    [
      'weights that lie nowhere',
      'letterbox',
      patch('\x12\x0296', '\x12\x02-6'),
      /model\.onnx has weights beside it of length "-6"/,
    ],
    [
      'two models',
      'timm',
      (folder) => cpSync(join(folder, 'tiny.onnx'), join(folder, 'other.onnx')),
      /holds several models: other\.onnx, tiny\.onnx/,
    ],
    [
      'a head that is not there',
      'laion-head',
      (folder) => rmSync(join(folder, 'mlp.safetensors')),
      /has no mlp\.safetensors, which its judge\.json names as the head/,
    ],
    [
      'a head that is a pickle',
      'laion-head',
      edit('judge.json', (json) => ({ ...json, score: { output: 'image_embeds', head: 'sac+logos+ava1.pth' } })),
      /judge\.json is not right/,
    ],
    [
      'a head of another width',
      'laion-head',
      (folder) => cpSync(join(heads, 'head.safetensors'), join(folder, 'mlp.safetensors')),
      /gives 6 numbers as image_embeds, and its head reads 24/,
    ],
    [
      'a score that is known and not given',
      'laion-head',
      edit('judge.json', (json) => ({ ...json, scale: 2 })),
      /says that wide\.png scores -?[\d.]+, and it scores -?[\d.]+ here/,
    ],
    [
      'a known picture that is not there',
      'laion-head',
      (folder) => rmSync(join(folder, 'wide.png')),
      /has no wide\.png, whose score its judge\.json knows/,
    ],
    [
      'a known picture elsewhere',
      'laion-head',
      edit('judge.json', (json) => ({ ...json, selfTest: [{ image: '../wide.png', score: 1 }] })),
      /selfTest.*is no \.png, \.jpg or \.webp file of the folder/,
    ],
    [
      'a program to be run',
      'laion-head',
      edit('judge.json', (json) => ({ judge: 1, name: json['name'], command: ['python', 'score.py'] })),
      /asks for a program to be run \(command\)/,
    ],
    [
      // A batch of any number of pictures, named n; and of 2 in as many bytes.
      'several pictures at a time',
      'laion-head',
      patch('\x0a\x03\x12\x01n', '\x0a\x03\x08\x82\x00'),
      /takes 2 of pixel_values at a time, and is given one/,
    ],
    [
      'an operator that onnxruntime does not have',
      'laion-head',
      patch('Relu', 'Rexu'),
      /model\.onnx: onnxruntime failed to load a model: .*Rexu.* Take another export/,
    ],
    [
      'a scale of 0',
      'labels',
      edit('judge.json', (json) => ({ ...json, scale: 0 })),
      /scale: is 0, which makes all scores the same/,
    ],
    [
      'a range that is turned round',
      'labels',
      edit('judge.json', (json) => ({ ...json, range: [5, 1] })),
      /range: ends before it begins/,
    ],
    [
      'labels that are not as many',
      'labels',
      edit('judge.json', (json) => ({ ...json, score: { output: 'logits', weights: [1, 2] } })),
      /gives 7 numbers as logits, and the judge weighs 2/,
    ],
  ])('%s', async (_, name, change, message) => {
    const folder = mkdtempSync(join(tmpdir(), 'winnow-onnx-'));
    cpSync(join(fixtures, 'judges', name), folder, { recursive: true });
    change(folder);
    const asked = open(folder).then((judge) => scores(judge, [judged('wide.png', '')]));
    await expect(asked).rejects.toThrow(message);
    await expect(asked).rejects.toHaveProperty('remedy');
  });

  it('a picture that is too long and narrow', async () => {
    const judge = await open(join(fixtures, 'judges/head'));
    const line: Judged = {
      ...judged('wide.png', ''),
      picture: async () => ({ width: 70_000, height: 1, data: new Uint8Array(280_000) }),
    };
    await expect(scores(judge, [line])).rejects.toThrow(/too long and narrow/);
  });
});
