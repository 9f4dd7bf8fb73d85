/** What is kept of pictures from one session to the next, with the judges whose numbers torch has written. */
import { createHash, randomUUID } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { NodeFileStore } from '../../cli/files.ts';
import { writeSafetensors } from '../../data/formats/safetensors.ts';
import { partOf } from '../../data/files.ts';
import type { PictureMemory } from '../../judges/judge.ts';
import { readJudge } from '../../judges/table.ts';
import { cpuExecutor } from '../../oracle/run.ts';
import { MemoryFileStore } from '../memoryFiles.ts';
import { EmbeddingStore } from './embeddingStore.ts';
import { embedderIn, planJudge } from './judging.ts';
import { engineRunner } from './partRunner.ts';
import { type Files, filesOf, folder, itemsOf, jsonOf, judgeOf, recording, scored } from './testJudges.ts';

const ROOT = 'settings/embeddings';
let clock = 0;
/** A new session's, on the same files. */
const storeOn = (files: MemoryFileStore | NodeFileStore, most?: number): EmbeddingStore =>
  new EmbeddingStore(
    {
      files,
      sha256: async (bytes) => createHash('sha256').update(bytes).digest('hex'),
      now: () => new Date(++clock),
      newId: randomUUID,
    },
    most,
  );

/** What a new session runs to score a case's pictures, and what it finds. */
async function session(
  files: MemoryFileStore | NodeFileStore,
  name: string,
  { own = filesOf(name), prompt, path }: { own?: Files; prompt?: string; path?: string } = {},
): Promise<{ said: string[]; scores: number[] }> {
  const judge = await judgeOf(own, path);
  const memory = await storeOn(files).of((await judge.embedder!())!);
  const said: string[] = [];
  await using scorer = await (await judge.plan(recording(said, memory))).make();
  const items = (await itemsOf(name)).map((item) => ({ ...item, ...(prompt !== undefined && { prompt }) }));
  return { scores: await scored(scorer.score(items)), said };
}
const looks = (said: readonly string[]): string[] => said.filter((what) => what.includes('vision'));

describe.each([
  ['judge-pickscore', '/PickScore/'],
  ['judge-image-reward', '/mine/'],
])('%s', (name, path) => {
  it('sees a picture once, whatever session asks and whatever prompt', async () => {
    const files = new MemoryFileStore();
    const first = await session(files, name, { path });
    expect(looks(first.said)).toContain('vision');
    const second = await session(files, name, { path });
    expect(looks(second.said)).toEqual([]);
    expect(second.scores).toEqual(first.scores);
    const other = await session(files, name, { path, prompt: 'another' });
    expect(looks(other.said)).toEqual([]);
    const fresh = await session(new MemoryFileStore(), name, { path, prompt: 'another' });
    expect(other.scores).toEqual(fresh.scores);
    expect(other.scores).not.toEqual(first.scores);
  });

  it('and in a folder on the disk', async () => {
    const root = mkdtempSync(join(tmpdir(), 'winnow-embeddings-'));
    await session(new NodeFileStore(root), name, { path });
    expect(looks((await session(new NodeFileStore(root), name, { path })).said)).toEqual([]);
  });
});

it('is another judge’s by other weights or another way to see, and the same under another name', async () => {
  const files = new MemoryFileStore();
  const clip = filesOf('judge-clip');
  await session(files, 'judge-clip');
  expect(looks((await session(files, 'judge-clip', { path: '/PickScore/' })).said)).toEqual([]);
  const softer = { ...jsonOf(clip, 'preprocessor_config.json'), resample: 2 };
  const processed = await session(files, 'judge-clip', { own: { ...clip, 'preprocessor_config.json': softer } });
  expect(looks(processed.said)).toContain('vision');
  const weights = new Uint8Array(clip['model.safetensors'] as Uint8Array);
  weights[weights.length - 1]! ^= 1;
  const changed = await session(files, 'judge-clip', { own: { ...clip, 'model.safetensors': weights } });
  expect(looks(changed.said)).toContain('vision');
  // HPS sees whole pictures.
  expect(looks((await session(files, 'judge-clip', { path: '/hpsv2/' })).said)).toContain('vision');
});

const vector = (first: number, length = 1000): Float32Array => new Float32Array(length).fill(first);
async function keep(memory: PictureMemory, ...keys: string[]): Promise<void> {
  for (const key of keys) await memory.add(key, vector(Number(key)));
  await memory.flush();
}

describe('reads nothing that is half there', () => {
  it('after a tab was killed while it wrote', async () => {
    const files = new MemoryFileStore();
    await keep(await storeOn(files).of('x'), '1', '2');
    const [path] = await files.list(ROOT);
    const bytes = await files.read(path!);
    // What a write leaves that did not end, and what a disk leaves that lost the end of a file.
    await files.append(partOf(path!.replace('-', '-9')), bytes.slice(0, 5000));
    await files.write(path!.replace('-', '-8'), bytes.slice(0, 5000));
    await files.write(path!.replace('-', '-7'), new Uint8Array(100));
    const place = path!.slice(0, path!.lastIndexOf('/'));
    await files.write(
      `${place}/9.safetensors`,
      writeSafetensors({ 3: { shape: [2], data: Float32Array.of(NaN, 1) }, 4: { shape: [1], data: vector(4, 1) } }),
    );
    const memory = await storeOn(files).of('x');
    expect(await memory.get('1', 1000)).toEqual(vector(1));
    expect(await memory.get('2', 1000)).toEqual(vector(2));
    expect(await memory.get('3', 2)).toBeUndefined();
    expect(await memory.get('4', 1000)).toBeUndefined();
    expect(await files.list(ROOT)).toEqual([path, `${place}/9.safetensors`]);
  });

  it('and nothing that is no number is kept', async () => {
    const files = new MemoryFileStore();
    const memory = await storeOn(files).of('x');
    await memory.add('1', vector(NaN));
    await memory.flush();
    expect(await files.list(ROOT)).toEqual([]);
  });
});

describe('is bounded', () => {
  const bytesOf = async (files: MemoryFileStore): Promise<number> => {
    const sizes = await Promise.all((await files.list(ROOT)).map((path) => files.size(path)));
    return sizes.reduce((sum, size) => sum + size, 0);
  };
  it('by bytes, over all judges: the oldest goes first', async () => {
    const files = new MemoryFileStore();
    const most = 14_000;
    for (const [i, key] of ['1', '2', '3', '4'].entries()) {
      // A session each.
      await keep(await storeOn(files, most).of(i % 2 === 0 ? 'x' : 'y'), key);
      expect(await bytesOf(files)).toBeLessThanOrEqual(most);
      expect(await bytesOf(files)).toBeGreaterThan(4000);
    }
    const [x, y] = [await storeOn(files, most).of('x'), await storeOn(files, most).of('y')];
    expect(await x.get('1', 1000)).toBeUndefined();
    expect(await y.get('2', 1000)).toEqual(vector(2));
    expect(await x.get('3', 1000)).toEqual(vector(3));
    expect(await y.get('4', 1000)).toEqual(vector(4));
  });

  it('within a session, too, and one that is too large is not kept', async () => {
    const files = new MemoryFileStore();
    const memory = await storeOn(files, 9_000).of('x');
    for (const key of ['1', '2', '3']) await keep(memory, key);
    expect(await (await storeOn(files).of('x')).get('1', 1000)).toBeUndefined();
    expect(await (await storeOn(files).of('x')).get('3', 1000)).toEqual(vector(3));
    await memory.add('5', vector(5, 4000));
    await memory.flush();
    expect(await bytesOf(files)).toBeLessThanOrEqual(9_000);
    expect(await memory.get('5', 4000)).toBeUndefined();
    expect(await memory.get('3', 1000)).toEqual(vector(3));
  });

  it('by a tenth of what a disk has room for', async () => {
    const files = new MemoryFileStore(50_000);
    const memory = await storeOn(files).of('x');
    await keep(memory, '1');
    await keep(memory, '2');
    expect(await bytesOf(files)).toBeLessThanOrEqual(5_000);
    expect(await memory.get('2', 1000)).toEqual(vector(2));
  });

  it('and a full disk stops nobody', async () => {
    const { scores } = await session(new MemoryFileStore(100), 'judge-pickscore', { path: '/PickScore/' });
    expect(scores).toHaveLength(3);
  });

  it('puts many small files together', async () => {
    const files = new MemoryFileStore();
    const before = await storeOn(files).of('x');
    for (let key = 0; key < 70; key++) await keep(before, `${key}`);
    expect(await files.list(ROOT)).toHaveLength(70);
    await storeOn(files).of('x');
    expect(await files.list(ROOT)).toHaveLength(7);
    const memory = await storeOn(files).of('x');
    for (let key = 0; key < 70; key++) expect((await memory.get(`${key}`, 1000))![0]).toBe(key);
  });
});

it('is forgotten with its judge, and what is still at work writes no more', async () => {
  const files = new MemoryFileStore();
  const store = storeOn(files);
  const memory = await store.of('x');
  await keep(memory, '1');
  await keep(await store.of('y'), '2');
  await memory.add('3', vector(3));
  await store.forget('x');
  await keep(memory, '4');
  expect(await files.list(ROOT)).toHaveLength(1);
  expect(await (await store.of('x')).get('1', 1000)).toBeUndefined();
  expect(await (await store.of('y')).get('2', 1000)).toEqual(vector(2));
});

it('keeps what is computed in f16 apart, and knows it is f32 where onnxruntime runs the judge', async () => {
  const files = new MemoryFileStore();
  const judge = await judgeOf(filesOf('judge-clip'));
  const own = (await judge.embedder!())!;
  await keep(await storeOn(files).of(embedderIn(own, 'f32')), '1');
  expect(await (await storeOn(files).of(own)).get('1', 1000)).toEqual(vector(1));
  expect(await (await storeOn(files).of(embedderIn(own, 'f16'))).get('1', 1000)).toBeUndefined();
  const asked: boolean[] = [];
  const planned = await planJudge(judge, engineRunner(cpuExecutor()), async (onDevice) => {
    asked.push(onDevice);
    return undefined;
  });
  expect(planned.onDevice).toBe(false);
  await using owned = new AsyncDisposableStack();
  owned.use(await planned.make());
  expect(asked).toEqual([false]);
});

it('has nothing of a judge whose place does not know its files', async () => {
  const { sha256: _, ...without } = folder(filesOf('judge-clip'));
  const judge = await readJudge(without, { name: 'mine', from: 'folder' });
  expect(await judge.embedder!()).toBeUndefined();
});
