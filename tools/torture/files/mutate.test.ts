/** Mutations are the same for the same seed, of bounded size, and reach behind the first checks; and what readers do wrong is seen. */
import { describe, expect, it } from 'vitest';
import { encodePng, readPngText } from '../../../src/data/formats/png.ts';
import { openSafetensors, writeSafetensors } from '../../../src/data/formats/safetensors.ts';
import { WinnowError } from '../../../src/shared/errors.ts';
import { mutators } from './binary.ts';
import { inputOf, judge, shares } from './judge.ts';
import { bytesOf, type Files, mutate, textOf } from './mutate.ts';
import { random } from './random.ts';
import type { Reader } from './readers/reader.ts';

const words = ['format', 'x', 'a.weight'];
const seeds: Record<string, Files> = {
  safetensors: {
    'a.safetensors': writeSafetensors({ 'a.weight': { shape: [2, 2], data: new Float32Array(4) } }, { format: 'pt' }),
  },
  png: { 'a.png': encodePng({ width: 2, height: 2, data: new Uint8Array(16) }, { parameters: 'a cat' }) },
  json: { 'a.json': bytesOf('{"a": [1, 2, {"b": "c"}], "d": null}') },
  jsonl: { 'a.jsonl': bytesOf('{"a": 1}\n{"a": 2}\n') },
  text: { 'a.txt': bytesOf('a cat\na dog: 5, 6\n') },
  folder: { 'a.json': bytesOf('{"a": 1}'), 'b.txt': bytesOf('b') },
};
const made = (seed: Files, count = 400): Files[] =>
  Array.from({ length: count }, (_, i) => mutate(seed, random(7, 'test', i), words, mutators));

describe.each(Object.entries(seeds))('%s', (_, seed) => {
  it('is the same for the same numbers, and seldom the seed itself', () => {
    const [once, again] = [made(seed), made(seed)];
    expect(once).toEqual(again);
    const same = once.filter((files) =>
      Object.keys(seed).every((name) => files[name] && textOf(files[name]) === textOf(seed[name]!)),
    );
    expect(same.length).toBeLessThan(once.length / 4);
    for (const files of once) for (const bytes of Object.values(files)) expect(bytes.length).toBeLessThan(2 ** 19);
  });
});

it('leaves files whose first checks pass', async () => {
  const passes = async (read: (files: Files) => unknown, seed: Files): Promise<number> => {
    let count = 0;
    for (const files of made(seed)) {
      try {
        await read(files);
        count++;
      } catch {
        // Refused.
      }
    }
    return count;
  };
  expect(await passes((files) => openSafetensors(files['a.safetensors']!), seeds['safetensors']!)).toBeGreaterThan(40);
  expect(await passes((files) => readPngText(files['a.png']!), seeds['png']!)).toBeGreaterThan(100);
  expect(await passes((files) => JSON.parse(textOf(files['a.json']!)), seeds['json']!)).toBeGreaterThan(200);
});

const reader = (read: Reader['read']): Reader => ({
  name: 'test',
  sources: [],
  seeds: () => [{ 'a.txt': bytesOf('a') }],
  words,
  read,
});
const problem = async (read: Reader['read']): Promise<string | undefined> =>
  (await judge(reader(read), { 'a.txt': bytesOf('a') })).problem;

describe('of a reader it is seen', () => {
  const refuse = (what: string, remedy = 'Choose another file.'): never => {
    throw new WinnowError('BadFile', what, remedy);
  };
  it.each<[string, RegExp | undefined, Reader['read']]>([
    ['that all is well', undefined, () => {}],
    ['that it refuses in words', undefined, () => refuse('The file is no text.')],
    ['that an error has no name of ours', /TypeError/, () => void (undefined as unknown as string).length],
    ['that it says what only a program understands', /not in words/, () => refuse('x is undefined.')],
    ['that it does not say what to do', /not in words/, () => refuse('The file is no text.', '')],
    ['that it takes memory out of proportion', /MiB for 1 bytes/, () => void held.push(new Uint8Array(2 ** 27))],
  ])('%s', async (_, expected, read) => {
    const found = await problem(read);
    if (expected) expect(found).toMatch(expected);
    else expect(found).toBeUndefined();
    held.length = 0;
  });

  it('that it is slow each time, and not that it once was', async () => {
    const busy = (ms: number): void => {
      for (const start = performance.now(); performance.now() - start < ms;);
    };
    expect(await problem(() => busy(1100))).toMatch(/took \d+ ms/);
    let calls = 0;
    expect(await problem(() => busy(calls++ === 0 ? 1100 : 0))).toBeUndefined();
  });
});
const held: Uint8Array[] = [];

it('asks the seeds first, and each reader its share', () => {
  const one = reader(() => {});
  expect(inputOf(one, 1, 0)).toEqual(one.seeds()[0]);
  expect(shares([one, { ...one, share: 0.5 }], 30)).toEqual([20, 10]);
});
