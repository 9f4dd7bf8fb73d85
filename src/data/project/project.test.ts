/** A project file: what was saved is there again elsewhere, byte for byte; what is here is kept; what is damaged or cut short leaves nothing. On real
 *  zips and a real IndexedDB implementation. */
import 'fake-indexeddb/auto';
import { makeZip } from 'client-zip';
import { afterEach, describe, expect, it } from 'vitest';
import type { TrainPair } from '../../records/runs.ts';
import { imageRecord, labelEvent, pairRecord } from '../../records/testRecords.ts';
import { KilledFiles } from '../../service/killedFiles.ts';
import { MemoryFileStore } from '../../service/memoryFiles.ts';
import { testRun } from '../../service/testRuns.ts';
import { type Database, openDatabase, putTogether, readStore } from '../db.ts';
import { heldOutOf } from '../heldOut.ts';
import { foldLabels } from '../labels.ts';
import { ModelStore } from '../modelStore.ts';
import { pairsFor } from '../pairs.ts';
import { listRuns, writeRun } from '../runs.ts';
import { MANIFEST, type ProjectManifest } from './manifest.ts';
import { type CheckedProject, checkProject, restoreProject, undoCutRestore } from './restore.ts';
import { type ProjectRequest, saveProject } from './save.ts';

const bytesOf = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const sha = async (bytes: Uint8Array<ArrayBuffer>): Promise<string> =>
  Buffer.from(await crypto.subtle.digest('SHA-256', bytes)).toString('hex');

let opened: Database[] = [];
afterEach(() => {
  for (const db of opened.splice(0)) db.close();
});

interface Place {
  files: KilledFiles;
  db: Database;
}

async function empty(): Promise<Place> {
  const db = await openDatabase(crypto.randomUUID());
  opened.push(db);
  return { files: new KilledFiles(), db };
}

/** Files, an empty one among them, a run, a model, records of every kind. */
async function filled(largest = 100): Promise<Place> {
  const place = await empty();
  const { files, db } = place;
  const pair = pairRecord('p');
  const blind = {
    version: 1 as const,
    id: 'b',
    a: { title: 'a', model: { base: 'm', adapters: [] } },
    b: { title: 'b', model: { base: 'm', adapters: [] } },
    questions: ['general' as const],
    planned: 2,
    rounds: [],
    createdAt: '2026-01-01T00:00:00Z',
  };
  await putTogether(db, {
    labels: [labelEvent('l1', 'p'), { type: 'retract', id: 'r1', label: 'l1', at: '' }, labelEvent('l2', 'p')],
    pairs: [pair],
    images: [imageRecord('i')],
    blindTests: [blind],
  });
  await files.write('images/i.png', bytesOf('a picture'));
  await files.write('images/i.safetensors', new Uint8Array(largest).fill(7));
  await files.write('pictures/abc.jpg', new Uint8Array());
  await files.write('loras/x.safetensors', bytesOf('a lora'));
  const run = testRun({
    id: 'r',
    checkpoints: [{ step: 2, file: 'runs/r/checkpoints/step-000002.safetensors', at: '' }],
  });
  await writeRun(files, run);
  await files.write('runs/r/checkpoints/step-000002.safetensors', bytesOf('weights'));
  await files.write('runs/r/state.safetensors', bytesOf('moments'));
  await files.write('runs/r/metrics.jsonl', bytesOf('{}\n'));
  await files.write('runs/left/samples/x.png', bytesOf('of no run'));
  await files.write('settings/choices-x.json', bytesOf('{}'));
  await files.write('exports/1/x.zip', bytesOf('taken away'));
  const unet = bytesOf('unet');
  await files.write('models/m/unet/model.safetensors', unet);
  await new ModelStore(files).save('m', {
    version: 1,
    title: 'A model',
    source: 'hub',
    origin: 'https://host/owner/name@1',
    files: [{ path: 'unet/model.safetensors', size: unet.length, sha256: await sha(unet) }],
    addedAt: '2026-01-01T00:00:00Z',
  });
  return place;
}

async function saved({ files, db }: Place, change: Partial<ProjectRequest> = {}): Promise<Blob> {
  const settings = { preferences: { smoothing: 0.5 } };
  await saveProject({ files, db, settings, models: [], ...change }, 'exports/p/project.zip');
  return new Blob([await files.read('exports/p/project.zip')]);
}

const check = (blob: Blob, place: Place): Promise<CheckedProject> => checkProject(blob, 'mine.zip', place);

const everything = async ({ files, db }: Place): Promise<object> => {
  const paths: string[] = [];
  for (const folder of ['images', 'pairs', 'pictures', 'init', 'loras', 'runs', 'models'])
    paths.push(...(await files.list(folder)));
  const contents = await Promise.all(paths.map(async (path) => [path, await sha(await files.read(path))]));
  const records = await Promise.all(
    (['labels', 'pairs', 'images', 'blindTests'] as const).map((store) => readStore(db, store)),
  );
  return { contents, records };
};

describe('what was saved', () => {
  it('is there again elsewhere, byte for byte, and what belongs to the other computer is not', async () => {
    // Larger than a chunk.
    const here = await filled(9 * 2 ** 20);
    const there = await empty();
    const project = await check(await saved(here, { models: ['m'] }), there);
    expect(project).toMatchObject({
      runs: 1,
      same: 0,
      conflicts: [],
      missingModels: [],
      settings: { preferences: { smoothing: 0.5 } },
    });
    expect(project.manifest.counts).toEqual({ labels: 3, pairs: 1, images: 1, blindTests: 1, runs: 1 });
    expect(await everything(there)).toEqual({ contents: [], records: [[], [], [], []] });
    await restoreProject(project, there);
    await here.files.remove('runs/left');
    expect(await everything(there)).toEqual(await everything(here));
    expect(await there.files.exists('settings/choices-x.json')).toBe(false);
    expect(await there.files.exists('restoring.json')).toBe(false);
  });

  it('holds the same pairs out, in the runs that come along and in those that are begun with its pairs', async () => {
    const here = await filled();
    const { config } = testRun();
    const pairs = Array.from({ length: 24 }, (_, i) =>
      pairRecord(`pair ${(7 * i) % 24}`, {
        prompt: `prompt ${i}`,
        asked: { round: 'r', at: '2026-01-02T00:00:00Z', order: i, why: i % 3 === 0 ? 'chosen' : 'random' },
      }),
    );
    await putTogether(here.db, {
      pairs,
      labels: pairs.map(({ id }) => labelEvent(`l ${id}`, id)),
      images: [],
      blindTests: [],
    });
    const heldOut = (train: readonly TrainPair[]): string[] =>
      [...heldOutOf(train, config).pairs].map((i) => train[i]!.pair);
    const asTrained = async ({ db }: Place): Promise<TrainPair[]> =>
      pairsFor(config, await readStore(db, 'pairs'), foldLabels(await readStore(db, 'labels')));
    const trained = await asTrained(here);
    await writeRun(here.files, testRun({ id: 'held', pairs: trained }));
    expect(heldOut(trained)).toHaveLength(4);
    const there = await empty();
    await restoreProject(await check(await saved(here), there), there);
    const run = (await listRuns(there.files)).runs.find(({ id }) => id === 'held')!;
    expect(heldOut(run.pairs)).toEqual(heldOut(trained));
    expect(heldOut(await asTrained(there))).toEqual(heldOut(trained));
  });

  it('names models that did not come along, unless they are here as they were', async () => {
    const here = await filled();
    const blob = await saved(here);
    const there = await empty();
    expect((await check(blob, there)).missingModels).toMatchObject([{ id: 'm', origin: 'https://host/owner/name@1' }]);
    expect((await check(blob, here)).missingModels).toEqual([]);
  });

  it('can be packed again by another tool, deflated', async () => {
    const here = await filled();
    const { unzipSync, zipSync } = await import('fflate');
    const again = zipSync(unzipSync(new Uint8Array(await (await saved(here)).arrayBuffer())), { level: 6 });
    const there = await empty();
    await restoreProject(await check(new Blob([again as Uint8Array<ArrayBuffer>]), there), there);
    expect(await there.files.read('images/i.png')).toEqual(bytesOf('a picture'));
  });

  it('is not saved while a run is at work', async () => {
    await expect(saved(await filled(), { atWork: 'mine' })).rejects.toMatchObject({ name: 'BadArguments' });
  });
});

describe('beside what is here', () => {
  it('the same is left as it is, and brought a second time it changes nothing', async () => {
    const here = await filled();
    const before = await everything(here);
    const project = await check(await saved(here, { models: ['m'] }), here);
    expect(project).toMatchObject({ files: [], bytes: 0, conflicts: [], runs: 0 });
    await restoreProject(project, here);
    expect(await everything(here)).toEqual(before);
  });

  it('what is new comes in, and what is something else under the same name is named and stays', async () => {
    const here = await filled();
    const blob = await saved(here);
    const there = await empty();
    const other = { ...pairRecord('p'), prompt: 'another' };
    await putTogether(there.db, { labels: [labelEvent('own', 'p')], pairs: [other], images: [], blindTests: [] });
    await there.files.write('images/i.png', bytesOf('another picture'));
    await writeRun(there.files, testRun({ id: 'r', name: 'another' }));
    const project = await check(blob, there);
    expect(project.conflicts.toSorted()).toEqual(['image i', 'images/i.png', 'pair p', 'runs/r']);
    await restoreProject(project, there);
    expect(await readStore(there.db, 'pairs')).toEqual([other]);
    expect((await readStore(there.db, 'labels')).map(({ id }) => id)).toEqual(['own', 'l1', 'r1', 'l2']);
    expect(await there.files.read('images/i.png')).toEqual(bytesOf('another picture'));
    expect(await there.files.list('runs')).toEqual(['runs/r/run.json']);
    expect(await there.files.exists('loras/x.safetensors')).toBe(true);
  });
});

describe('what is not whole', () => {
  it('is refused by name before anything is written', async () => {
    const here = await filled();
    const blob = await saved(here);
    const there = await empty();
    const zip = new Uint8Array(await blob.arrayBuffer());
    const at = Buffer.from(zip).indexOf('a lora');
    const turned = zip.slice();
    turned[at] = 0;
    await expect(check(new Blob([turned]), there)).rejects.toMatchObject({
      name: 'BadFile',
      message: expect.stringContaining('mine.zip') as string,
    });
    for (const cut of [0, 10, zip.length >> 1, zip.length - 3])
      await expect(check(new Blob([zip.slice(0, cut)]), there)).rejects.toMatchObject({ name: 'BadFile' });
    expect(await everything(there)).toEqual({ contents: [], records: [[], [], [], []] });
  });

  const zipOf = async (manifest: unknown, files: Record<string, string> = {}): Promise<Blob> =>
    new Response(
      makeZip([
        { name: MANIFEST, input: JSON.stringify(manifest) },
        ...Object.entries(files).map(([name, input]) => ({ name, input })),
      ]),
    ).blob();
  const manifest = (change: Partial<ProjectManifest> = {}): ProjectManifest => ({
    winnow: 'project',
    version: 1,
    savedAt: '',
    counts: { labels: 0, pairs: 0, images: 0, blindTests: 0, runs: 0 },
    entries: [],
    models: [],
    ...change,
  });
  const entry = async (path: string, content: string) => ({
    path,
    size: content.length,
    sha256: await sha(bytesOf(content)),
  });

  it.each([
    'files/../x',
    'files/images/../../x',
    'files/settings/x.json',
    'files/images\\x',
    '/x',
    'files/images/x.part',
    'records/../x',
  ])('a path that leads elsewhere: %s', async (path) => {
    const blob = await zipOf(manifest({ entries: [await entry(path, 'x')] }));
    await expect(check(blob, await empty())).rejects.toMatchObject({
      name: 'BadFile',
      message: expect.stringContaining('leads out of the project') as string,
    });
  });

  it('no project, one of a later version, one that lacks a file or names it twice, records that are none', async () => {
    const place = await empty();
    const x = await entry('files/images/x.png', 'x');
    const refused = async (blob: Blob | Promise<Blob>, name: string, what: string): Promise<void> =>
      expect(check(await blob, place)).rejects.toMatchObject({
        name,
        message: expect.stringContaining(what) as string,
      });
    await refused(new Response(makeZip([{ name: 'a.txt', input: 'x' }])).blob(), 'BadFile', 'is no project file');
    await refused(zipOf({ ...manifest(), version: 2 }), 'UnsupportedConfig', 'later version');
    await refused(zipOf(manifest({ entries: [x] })), 'BadFile', 'lacks files/images/x.png');
    await refused(zipOf(manifest({ entries: [x, x] }), { [x.path]: 'x' }), 'BadFile', 'twice');
    await refused(zipOf(manifest({ entries: [x] }), { [x.path]: 'xx' }), 'BadFile', 'not what was saved');
    const labels = await entry('records/labels-0000.jsonl', '{"type":"label"}\n');
    await refused(zipOf(manifest({ entries: [labels] }), { [labels.path]: '{"type":"label"}\n' }), 'BadFile', 'line 1');
    const run = await entry('files/runs/r/run.json', '{}');
    await refused(zipOf(manifest({ entries: [run] }), { [run.path]: '{}' }), 'BadFile', 'The record of this run');
  });
});

describe('cut short', () => {
  it('at any write, and opened again, it is as before or whole', async () => {
    const here = await filled();
    const blob = await saved(here, { models: ['m'] });
    await here.files.remove('runs/left');
    const whole = await everything(here);
    const outcomes = new Set<string>();
    for (let left = 0, ended = false; !ended; left++) {
      const there = await empty();
      await there.files.write('images/own.png', bytesOf('own'));
      const before = await everything(there);
      const project = await check(blob, there);
      there.files.left = left;
      ended = await restoreProject(project, there).then(
        () => true,
        () => false,
      );
      there.files.left = Infinity;
      // The page opens again.
      await undoCutRestore(there.files, there.db);
      const after = await everything(there);
      await there.files.remove('images/own.png');
      const now = await everything(there);
      const isWhole = JSON.stringify(now) === JSON.stringify(whole);
      if (!isWhole) expect(after).toEqual(before);
      outcomes.add(isWhole ? 'whole' : 'as before');
      expect(await there.files.exists('restoring.json')).toBe(false);
    }
    expect([...outcomes].toSorted()).toEqual(['as before', 'whole']);
  });

  it('on a full disk nothing of it stays', async () => {
    const here = await filled(9 * 2 ** 20);
    const blob = await saved(here);
    const db = await openDatabase(crypto.randomUUID());
    opened.push(db);
    const small = new MemoryFileStore(2 ** 20);
    const project = await checkProject(blob, 'mine.zip', { files: small, db });
    await expect(restoreProject(project, { files: small, db })).rejects.toMatchObject({ name: 'NoDiskSpace' });
    expect(await small.list('images')).toEqual([]);
  });

  it('where the person stops it nothing stays', async () => {
    const here = await filled(9 * 2 ** 20);
    const blob = await saved(here);
    const there = await empty();
    const project = await check(blob, there);
    const stop = new AbortController();
    const restoring = restoreProject(project, there, {
      signal: stop.signal,
      onProgress: ({ doneBytes }) => doneBytes > 4 * 2 ** 20 && stop.abort(),
    });
    await expect(restoring).rejects.toMatchObject({ name: 'Cancelled' });
    expect(await everything(there)).toEqual({ contents: [], records: [[], [], [], []] });
  });
});
