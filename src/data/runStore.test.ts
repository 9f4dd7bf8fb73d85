/** A run's record: read field by field, written by one hand, in whatever folder it lies. */
import { describe, expect, it } from 'vitest';
import { partOf, readText, writeJson, writeText } from './files.ts';
import { parseTrainConfig, printTrainConfig } from './formats/trainConfig.ts';
import { parseRunRecord } from './runs.ts';
import { presetNamed } from '../training/presets.ts';
import { MemoryFileStore } from '../service/memoryFiles.ts';
import { testRun } from '../service/testRuns.ts';
import type { RunRecord, StepMetrics } from '../service/types.ts';
import { RunStore } from './runStore.ts';

const config = presetNamed('standard')!.config;
const { recompute: _, ...earlier } = config;

describe('files of before a field was there', () => {
  it('reads a config without recompute as auto', () => {
    expect(parseTrainConfig(JSON.stringify(earlier))).toEqual({ ...config, recompute: 'auto' });
    expect(parseTrainConfig(printTrainConfig({ ...config, recompute: 'blocks' })).recompute).toBe('blocks');
    expect(parseTrainConfig(`\uFEFF${printTrainConfig(config)}`)).toEqual(config);
  });

  it('reads a run without recompute as one that kept what is dear to compute, and leaves a new one as it is', async () => {
    const files = new MemoryFileStore();
    const record = { ...testRun({ createdAt: '2025' }), config: earlier };
    await writeJson(files, 'runs/r/run.json', record);
    await writeJson(files, 'runs/undecided/run.json', testRun({ id: 'undecided', createdAt: '2026' }));
    const runs = new RunStore(files);
    expect(await runs.load('r')).toEqual({ ...record, recompute: 'cheap', config: { ...config, recompute: 'auto' } });
    expect((await runs.list()).map(({ id, recompute }) => [id, recompute])).toEqual([
      ['undecided', undefined],
      ['r', 'cheap'],
    ]);
  });

  it('reads a run of before failures, rates and hashes were kept', () => {
    const { choices, ...record } = testRun();
    const { failures: __, flopsPerSecond: ___, ...before } = choices;
    const { choices: read, sources } = parseRunRecord(JSON.stringify({ ...record, choices: before }), 'r');
    expect(read).toEqual({ ...before, failures: {}, flopsPerSecond: 0 });
    expect(sources).toBeUndefined();
  });
});

describe('a bad record', () => {
  const badOnes: [string, string, RegExp][] = [
    ['cut off', JSON.stringify(testRun()).slice(0, 200), /not valid JSON/],
    ['null', 'null', /not right/],
    ['a list', '[]', /not right/],
    ['empty', '', /not valid JSON/],
    ['of another version', JSON.stringify({ ...testRun(), version: 2 }), /version/],
    ['with a step that is none', JSON.stringify({ ...testRun(), step: -1 }), /step/],
    ['with a step as text', JSON.stringify({ ...testRun(), step: '3' }), /step/],
    ['with a misspelt status', JSON.stringify({ ...testRun(), status: 'runing' }), /status/],
    ['without pairs', JSON.stringify({ ...testRun(), pairs: null }), /pairs/],
    ['with a null pair', JSON.stringify({ ...testRun(), pairs: [null] }), /pairs\.0/],
    ['with settings out of bounds', JSON.stringify(testRun({ config: { ...config, rank: 1e9 } })), /rank/],
    [
      'with a checkpoint elsewhere',
      JSON.stringify(testRun({ checkpoints: [{ step: 1, file: '/etc/passwd', at: '2026' }] })),
      /checkpoints/,
    ],
    [
      'with fewer hashes than pairs',
      JSON.stringify(testRun({ sources: { model: {}, pairs: [] } })),
      /1 pairs and the hashes of 0/,
    ],
  ];

  it.each(badOnes)('%s is named, and leaves the others on the list', async (_name, text, message) => {
    const files = new MemoryFileStore();
    await writeText(files, 'runs/bad/run.json', text);
    await writeJson(files, 'runs/good/run.json', testRun({ id: 'good' }));
    const runs = new RunStore(files);
    expect((await runs.list()).map(({ id }) => id)).toEqual(['good']);
    expect(await runs.unreadable()).toEqual([
      { id: 'bad', problem: { name: 'BadFile', message: expect.stringMatching(message) as string } },
    ]);
    await expect(runs.load('bad')).rejects.toMatchObject({ name: 'BadFile' });
    await runs.remove('bad');
    expect(await runs.unreadable()).toEqual([]);
  });

  it('that is not there is a run that can be deleted, too', async () => {
    const files = new MemoryFileStore();
    await writeText(files, 'runs/left/state.safetensors', 'x');
    const runs = new RunStore(files);
    expect((await runs.unreadable()).map(({ id }) => id)).toEqual(['left']);
    await runs.remove('left');
    expect(await files.list('runs')).toEqual([]);
  });
});

it('goes by the folder that a run lies in, whatever its record calls it', async () => {
  const files = new MemoryFileStore();
  const file = 'runs/r/checkpoints/step-000001.safetensors';
  await writeJson(files, 'runs/copy/run.json', testRun({ checkpoints: [{ step: 1, file, at: '2026' }] }));
  const [copy] = await new RunStore(files).list();
  expect(copy).toMatchObject({ id: 'copy', checkpoints: [{ file: 'runs/copy/checkpoints/step-000001.safetensors' }] });
});

describe('one writer', () => {
  /** Writes come to disk as late as a real disk's do, and one file's part is not shared. */
  class SlowFiles extends MemoryFileStore {
    private readonly writing = new Set<string>();
    override async write(path: string, bytes: Uint8Array): Promise<void> {
      expect(this.writing.has(path), `two writes share ${partOf(path)}`).toBe(false);
      this.writing.add(path);
      await new Promise((resolve) => setTimeout(resolve, 2));
      await super.write(path, bytes);
      this.writing.delete(path);
    }
  }

  const onDisk = async (files: MemoryFileStore): Promise<RunRecord> =>
    JSON.parse(await readText(files, 'runs/r/run.json')) as RunRecord;

  it('keeps every change that comes at once', async () => {
    const files = new SlowFiles();
    await writeJson(files, 'runs/r/run.json', testRun());
    const runs = new RunStore(files);
    await Promise.all([
      runs.update('r', (record) => ({ ...record, name: 'Renamed' })),
      runs.update('r', (record) => ({ ...record, status: 'failed' })),
      runs.update('r', (record) => ({ ...record, updatedAt: '2027' })),
    ]);
    expect(await onDisk(files)).toMatchObject({ name: 'Renamed', status: 'failed', updatedAt: '2027' });
  });

  it('brings a new name to a run at work, and never takes its steps back', async () => {
    const files = new SlowFiles();
    const runs = new RunStore(files);
    const run = runs.take(testRun());
    await run.update((record) => ({ ...record, status: 'running' }));
    run.advance((record) => ({ ...record, step: 4 }));
    const renaming = runs.update('r', (record) => ({ ...record, name: 'Renamed' }));
    // The loop steps on while the name is written.
    await new Promise((resolve) => setTimeout(resolve, 1));
    run.advance((record) => ({ ...record, step: 5 }));
    expect(await renaming).toMatchObject({ name: 'Renamed', step: 5 });
    expect((await runs.list())[0]).toMatchObject({ name: 'Renamed', step: 5 });
    const checkpoint = { step: 5, file: 'runs/r/checkpoints/step-000005.safetensors', at: '2026' };
    await run.update((record) => ({ ...record, checkpoints: [checkpoint] }));
    expect(await onDisk(files)).toMatchObject({ name: 'Renamed', step: 5, checkpoints: [checkpoint] });
    run.close();
    expect(await runs.load('r')).toMatchObject({ name: 'Renamed', step: 5 });
  });

  it('leaves the record as it was where it cannot be written', async () => {
    const files = new MemoryFileStore(4000);
    const runs = new RunStore(files);
    const run = runs.take(testRun());
    await run.update((record) => record);
    await expect(run.update((record) => ({ ...record, name: 'x'.repeat(9000) }))).rejects.toMatchObject({
      name: 'NoDiskSpace',
    });
    expect(run.record.name).toBe('A run');
    expect(await runs.update('r', (record) => ({ ...record, name: 'Short' }))).toMatchObject({ name: 'Short' });
  });
});

it('leaves lines out of the metrics that are no numbers of a step', async () => {
  const files = new MemoryFileStore();
  const runs = new RunStore(files);
  const step = (n: number): StepMetrics => ({
    step: n,
    loss: 0.7,
    implicitAccuracy: 0.5,
    logit: 0,
    winnerError: 1,
    loserError: 1,
    winnerReferenceError: 1,
    loserReferenceError: 1,
    gradNorm: 1,
    learningRate: 1e-4,
    elapsedMs: 1,
    pairs: [{ pair: 'p', timestep: 1, logit: 0, mw: 1, ml: 1, rw: 1, rl: 1 }],
  });
  await runs.appendMetrics('r', step(0));
  await files.append('runs/r/metrics.jsonl', new TextEncoder().encode('not JSON\n{"step": "1"}\nnull\n'));
  // JSON writes what is no number as null.
  await runs.appendMetrics('r', { ...step(1), gradNorm: Infinity });
  await files.append('runs/r/metrics.jsonl', new TextEncoder().encode('{"step": 2, "lo'));
  expect(await runs.metrics('r')).toEqual([step(0), { ...step(1), gradNorm: Number.NaN }]);
  await runs.truncateMetrics('r', 1);
  expect(await runs.metrics('r')).toEqual([step(0)]);
});
