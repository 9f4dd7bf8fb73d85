/** What a person tells a run, and when it has been done; what a run leaves behind wherever it ends. On the oracle. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { readJson, readText } from '../../data/files.ts';
import { openSafetensors } from '../../data/formats/safetensors.ts';
import type { RunRecord, StepMetrics, TrainCommand, TrainConfig, TrainEvent } from '../types.ts';
import { statePath } from '../../data/runStore.ts';
import { folderOnDisk, noDiskSpace, type Started, testConfig, TestTraining, WatchedFiles } from './testTraining.ts';

const onDisk = (t: TestTraining): Promise<RunRecord> => readJson<RunRecord>(t.files, 'runs/r/run.json');

/** What must not differ by a bit. Times may. */
const numbers = (metrics: StepMetrics[]): unknown[] => metrics.map(({ elapsedMs: _, ...rest }) => rest);

const state = async (t: TestTraining): Promise<{ step: string; hash: string }> => {
  const bytes = await t.files.read(statePath('r'));
  return {
    step: (await openSafetensors(bytes)).metadata['step']!,
    hash: createHash('sha256').update(bytes).digest('hex'),
  };
};

/** Sends a command at the first event that fits, and gives what came of it. */
function at(fits: (event: TrainEvent) => boolean, ...commands: (TrainCommand | 'cancel')[]) {
  const results: Promise<unknown>[] = [];
  let run: Started | undefined;
  return {
    results,
    start(t: TestTraining, request: Parameters<TestTraining['start']>[0] = {}): Started {
      run = t.start({
        ...request,
        onEvent(event) {
          if (results.length > 0 || !fits(event)) return;
          for (const command of commands) {
            const sent = run!;
            const result = command === 'cancel' ? sent.cancel() : sent.command(command);
            result.catch(() => undefined);
            results.push(result);
          }
        },
      });
      return run;
    },
  };
}

const isStep =
  (step: number) =>
  (event: TrainEvent): boolean =>
    event.type === 'step' && event.metrics.step === step;
async function untilPaused(t: TestTraining, changes: Partial<TrainConfig> = {}): Promise<Started> {
  const pausing = at(isStep(0), 'pause');
  const run = pausing.start(t, { config: testConfig({ saveEvery: 0, ...changes }) });
  while (pausing.results.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  await pausing.results[0];
  return run;
}

describe('a command resolves when it has been carried out', () => {
  it('save: checkpoint, state and record are on disk', async () => {
    const t = await TestTraining.open();
    let found: Promise<unknown> | undefined;
    const run = t.start({
      config: testConfig({ saveEvery: 0 }),
      onEvent(event) {
        if (!isStep(0)(event)) return;
        found = run.command('save').then(async () => {
          const { checkpoints, step } = await onDisk(t);
          return [
            step,
            checkpoints.map((one) => one.step),
            await t.files.exists(checkpoints[0]!.file),
            (await state(t)).step,
          ];
        });
      },
    });
    expect((await run.record).status).toBe('finished');
    expect(await found).toEqual([1, [1], true, '1']);
  });

  it('pause, resume, stop: the record on disk says so', async () => {
    const t = await TestTraining.open();
    const run = await untilPaused(t);
    expect(await onDisk(t)).toMatchObject({ status: 'paused', step: 1, checkpoints: [{ step: 1 }] });
    // Where it changes nothing it is carried out at once.
    await run.command('pause');
    await run.command('resume');
    expect((await onDisk(t)).status).toBe('running');
    await run.command('resume');
    await run.command('stop');
    const stopped = await onDisk(t);
    expect(stopped.status).toBe('stopped');
    expect(stopped.checkpoints.at(-1)!.step).toBe(stopped.step);
    expect(await run.record).toMatchObject({ status: 'stopped', step: stopped.step });
  });

  it('save and sample while paused are done, in the order they came', async () => {
    const t = await TestTraining.open();
    const run = await untilPaused(t, { samplePrompts: ['a tree'], sampleSeeds: [0] });
    await t.files.remove('runs/r/checkpoints');
    await Promise.all([run.command('save'), run.command('sample')]);
    expect(await t.files.list('runs/r/checkpoints')).toHaveLength(1);
    expect((await onDisk(t)).samples).toMatchObject([{ step: 1, prompt: 'a tree' }]);
    await run.command('stop');
    await run.record;
  });

  it('sample where there is nothing to draw is refused by name, and the run goes on', async () => {
    const t = await TestTraining.open();
    const run = await untilPaused(t);
    await expect(run.command('sample')).rejects.toMatchObject({ name: 'BadArguments' });
    await run.command('resume');
    expect((await run.record).status).toBe('finished');
  });

  it('those that come with the last step settle: what was to be saved has been, the rest is refused by name', async () => {
    const t = await TestTraining.open();
    const late = at(isStep(3), 'save', 'stop', 'pause', 'resume', 'sample');
    const run = late.start(t);
    expect((await run.record).status).toBe('finished');
    const settled = await Promise.allSettled(late.results);
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'rejected', 'rejected']);
    expect(settled[2]).toMatchObject({ reason: { name: 'NotFound' } });
    await expect(run.command('save')).rejects.toMatchObject({ name: 'NotFound' });
  });

  it('those that wait when the run fails are rejected with what it failed with', async () => {
    const files = new WatchedFiles();
    const t = await TestTraining.open({ files });
    const waiting: Promise<void>[] = [];
    files.before = (_, path) => {
      if (!path.endsWith('metrics.jsonl') || !run.events.some(isStep(0))) return;
      for (const command of ['save', 'pause', 'stop'] as const) waiting.push(run.command(command));
      throw new Error('the disk is gone');
    };
    const run = t.start({ config: testConfig({ saveEvery: 0 }) });
    await expect(run.record).rejects.toThrow('the disk is gone');
    const settled = await Promise.allSettled([...waiting, run.command('save')]);
    for (const result of settled) expect(result).toMatchObject({ reason: { message: 'the disk is gone' } });
    expect(settled).toHaveLength(4);
    expect(await onDisk(t)).toMatchObject({
      status: 'failed',
      error: expect.stringMatching(/^Something went wrong in Winnow: the disk is gone\./) as string,
    });
  });

  it('save where the disk is full: refused by name, nothing half-written, and the run goes on', async () => {
    const files = new WatchedFiles();
    const t = await TestTraining.open({ files });
    let full = false;
    files.before = (change, path) => {
      if (full && change === 'append' && path.endsWith('state.safetensors.part')) throw noDiskSpace();
    };
    const run = await untilPaused(t);
    const before = [await onDisk(t), await t.files.list('runs/r'), (await state(t)).hash];
    await run.command('resume');
    full = true;
    await expect(run.command('save')).rejects.toMatchObject({ name: 'NoDiskSpace' });
    expect([(await onDisk(t)).checkpoints, await t.files.list('runs/r'), (await state(t)).hash]).toEqual([
      (before[0] as RunRecord).checkpoints,
      ...before.slice(1),
    ]);
    expect(await t.files.size(`${statePath('r')}.part`)).toBe(0);
    full = false;
    expect((await run.record).status).toBe('finished');
  });

  it('stop where the disk is full: refused by name, and the run fails as far as it was saved', async () => {
    const files = new WatchedFiles();
    const t = await TestTraining.open({ files });
    let full = false;
    files.before = (change) => {
      if (full && change !== 'remove') throw noDiskSpace();
    };
    const run = await untilPaused(t);
    full = true;
    await expect(run.command('stop')).rejects.toMatchObject({ name: 'NoDiskSpace' });
    await expect(run.record).rejects.toMatchObject({ name: 'NoDiskSpace' });
    // On screen, though not on disk.
    expect(run.events.at(-1)).toMatchObject({ type: 'status', record: { status: 'failed' } });
    full = false;
    const resumed = t.start({ resume: true });
    expect(await resumed.record).toMatchObject({ status: 'finished', step: 4 });
    expect(resumed.events.find(({ type }) => type === 'started')).toMatchObject({ resumedAt: 1 });
  });

  it('cancel: the job has ended, also while it is paused', async () => {
    const t = await TestTraining.open();
    const run = await untilPaused(t);
    await run.cancel();
    await expect(run.record).rejects.toMatchObject({ name: 'Cancelled' });
    expect(await onDisk(t)).toMatchObject({ status: 'stopped', step: 1 });
    // Nothing is at work under that name any more.
    await run.cancel();
    await expect(run.command('resume')).rejects.toMatchObject({ name: 'Cancelled' });
  });
});

describe('stop while a run is prepared', () => {
  const config = testConfig({ saveEvery: 0, sampleEvery: 100, samplePrompts: ['a tree', 'a boat'], sampleSeeds: [1] });

  it('ends it wherever it is: no step, no checkpoint, and it can be begun again', async () => {
    const t = await TestTraining.open();
    const whole = t.start({ run: 'whole', config });
    await whole.record;
    const stages = [...new Set(whole.events.flatMap((event) => (event.type === 'preparing' ? [event.what] : [])))];
    expect(stages).toEqual([
      'Reading the pairs',
      'Checking the model',
      'Encoding the prompts',
      'Preparing the kernels',
    ]);
    for (const stage of stages) {
      await t.runs.remove('r');
      const stopping = at((event) => event.type === 'preparing' && event.what === stage, 'stop');
      const run = stopping.start(t, { config });
      expect(await run.record, stage).toMatchObject({ status: 'stopped', step: 0, checkpoints: [], samples: [] });
      await Promise.all(stopping.results);
      expect(await onDisk(t), stage).toMatchObject({ status: 'stopped', step: 0 });
      expect(run.events.some(({ type }) => type === 'started')).toBe(false);
    }
    const again = t.start({ resume: true });
    expect((await again.record).status).toBe('finished');
    expect(again.events.find(({ type }) => type === 'started')).toMatchObject({ resumedAt: null, unchecked: null });
    expect(numbers(await t.runs.metrics('r'))).toEqual(numbers(await t.runs.metrics('whole')));
  });

  it('ends it among its first samples: what was drawn is kept, the rest is drawn when it goes on', async () => {
    const t = await TestTraining.open();
    const stopping = at(({ type }) => type === 'sample', 'stop');
    const run = stopping.start(t, { config });
    const record = await run.record;
    expect(record).toMatchObject({ status: 'stopped', step: 0, checkpoints: [{ step: 0 }] });
    expect(record.samples).toHaveLength(1);
    const resumed = await t.start({ resume: true }).record;
    expect(resumed.samples.map(({ step, prompt }) => [step, prompt])).toEqual([
      [0, 'a tree'],
      [0, 'a boat'],
      [4, 'a tree'],
      [4, 'a boat'],
    ]);
    const whole = t.start({ run: 'whole', config });
    await whole.record;
    expect(numbers(await t.runs.metrics('r'))).toEqual(numbers(await t.runs.metrics('whole')));
    for (const name of ['step-000000-0.png', 'step-000000-1.png', 'step-000004-1.png'])
      expect(await t.files.read(`runs/r/samples/${name}`), name).toEqual(
        await t.files.read(`runs/whole/samples/${name}`),
      );
  });

  it('finds on disk each sample as it is drawn', async () => {
    const t = await TestTraining.open();
    const named: Promise<number>[] = [];
    const run = t.start({
      config: testConfig({ steps: 1, sampleEvery: 1, samplePrompts: ['a tree', 'a house'], sampleSeeds: [0] }),
      onEvent: ({ type }) => type === 'sample' && named.push(onDisk(t).then(({ samples }) => samples.length)),
    });
    await run.record;
    expect(await Promise.all(named)).toEqual([1, 2, 3, 4]);
    // And hears between the steps what it does.
    const doing = run.events.flatMap((event) => (event.type === 'doing' ? [event.doing] : []));
    expect(doing.map((one) => one && `${one.what} ${one.done} ${one.total}`)).toEqual([
      'Drawing samples 0 2',
      'Drawing samples 1 2',
      null,
      'Saving 0 0',
      null,
      'Drawing samples 0 2',
      'Drawing samples 1 2',
      null,
    ]);
  });

  it('of a run that goes on leaves it where it was', async () => {
    const t = await TestTraining.open();
    const stopped = await at(isStep(1), 'stop').start(t).record;
    expect(stopped.step).toBe(2);
    const stopping = at((event) => event.type === 'preparing' && event.what === 'Encoding the prompts', 'stop');
    expect(await stopping.start(t, { resume: true }).record).toMatchObject({
      status: 'stopped',
      step: 2,
      checkpoints: [{ step: 2 }],
    });
    expect((await t.runs.metrics('r')).length).toBe(2);
    expect((await t.start({ resume: true }).record).step).toBe(4);
  });

  it('and cancel ends it as soon', async () => {
    const t = await TestTraining.open();
    const cancelling = at((event) => event.type === 'preparing' && event.what === 'Encoding the prompts', 'cancel');
    const run = cancelling.start(t, { config });
    await expect(run.record).rejects.toMatchObject({ name: 'Cancelled' });
    await Promise.all(cancelling.results);
    expect(await onDisk(t)).toMatchObject({ status: 'stopped', step: 0 });
  });
});

it('keeps a name that is given while it trains, in every event and record after', async () => {
  const t = await TestTraining.open();
  let renaming: Promise<RunRecord> | undefined;
  const run = t.start({
    onEvent(event) {
      if (isStep(0)(event)) renaming = t.runs.update('r', (record) => ({ ...record, name: 'Renamed' }));
    },
  });
  expect(await run.record).toMatchObject({ name: 'Renamed', status: 'finished' });
  expect((await renaming!).step).toBeGreaterThan(0);
  expect((await onDisk(t)).name).toBe('Renamed');
  expect(run.events.at(-1)).toMatchObject({ type: 'status', record: { name: 'Renamed' } });
});

it('keeps a name that is given while its model is still being opened', async () => {
  const first = await TestTraining.open();
  await first.start({ config: testConfig({ steps: 2 }) }).record;
  let renaming: Promise<RunRecord> | undefined;
  const t: TestTraining = await TestTraining.open({
    files: first.files,
    openModel(id) {
      const reader = folderOnDisk(id);
      return {
        ...reader,
        async open(path) {
          renaming ??= t.runs.update('r', (record) => ({ ...record, name: 'Renamed' }));
          await renaming;
          return reader.open(path);
        },
      };
    },
  });
  const run = t.start({ resume: true });
  expect(await run.record).toMatchObject({ name: 'Renamed', status: 'finished' });
  expect(await renaming).toMatchObject({ name: 'Renamed' });
  expect((await onDisk(t)).name).toBe('Renamed');
});

it('never has a record on disk that names a checkpoint which is not there', async () => {
  const files = new WatchedFiles();
  const t = await TestTraining.open({ files });
  // A kill comes before any change: what is then on disk is what the next tab finds.
  const found: Promise<unknown>[] = [];
  let removed = 0;
  files.before = (change, path) => {
    if (change === 'remove' && path.includes('/checkpoints/')) removed++;
    if (change !== 'remove' && !path.endsWith('run.json')) return;
    found.push(
      (async () => {
        if (!(await files.exists('runs/r/run.json'))) return;
        for (const { file } of (await onDisk(t)).checkpoints) expect(await files.exists(file), file).toBe(true);
      })(),
    );
  };
  const record = await t.start({ config: testConfig({ saveEvery: 1, keepCheckpoints: 1 }) }).record;
  await Promise.all(found);
  expect(removed).toBe(3);
  expect(record.checkpoints.map(({ step }) => step)).toEqual([4]);
  expect(await files.list('runs/r/checkpoints')).toEqual([record.checkpoints[0]!.file]);
});

/** As on disk, without the times. */
const untimed = async (t: TestTraining): Promise<unknown> =>
  JSON.parse(await readText(t.files, 'runs/r/run.json'), (key, value: unknown) =>
    ['at', 'createdAt', 'updatedAt'].includes(key) ? undefined : value,
  );

it.each([
  ['a run', { saveEvery: 1, keepCheckpoints: 2 }, 3],
  ['one that keeps only its last checkpoint', { saveEvery: 2, keepCheckpoints: 1 }, 3],
  [
    'one that draws samples',
    { saveEvery: 2, keepCheckpoints: 2, sampleEvery: 2, samplePrompts: ['a tree'], sampleSeeds: [0, 1] },
    3,
  ],
  ['one that looks at held-out pairs', { saveEvery: 2, keepCheckpoints: 2, heldOut: 0.1 }, 20],
])(
  '%s goes on from the last save after a kill at any change of a file, to the same bits and record',
  async (_, changes, pairs) => {
    const config = testConfig(changes);
    const undisturbed = await TestTraining.open({ pairs });
    await undisturbed.start({ config }).record;
    const whole = await state(undisturbed);
    const kills: string[] = [];
    for (let n = 0; ; n++) {
      const files = new WatchedFiles();
      const t = await TestTraining.open({ files, pairs });
      let count = 0;
      files.before = (change, path) => {
        if (count++ === n) kills.push(`${change} ${path}`);
        // From here on nothing reaches the disk: not even that the run failed.
        if (count > n) throw new Error('killed');
      };
      const killed = t.start({ config });
      const ended = await killed.record.then(
        () => true,
        () => false,
      );
      if (ended) break;
      files.before = () => {};
      const exists = await files.exists('runs/r/run.json');
      const { checkpoints } = exists ? await onDisk(t) : { checkpoints: [] };
      for (const { file } of checkpoints) expect(await files.exists(file), `${n}: ${file}`).toBe(true);
      const resumed = await t.start({ config, resume: exists }).record;
      const where = `killed before ${n}: ${kills.at(-1)}`;
      expect((await state(t)).hash, where).toEqual(whole.hash);
      expect(await untimed(t), where).toEqual(await untimed(undisturbed));
      expect(await files.list('runs/r/checkpoints')).toEqual(resumed.checkpoints.map(({ file }) => file));
      expect(numbers(await t.runs.metrics('r'))).toEqual(numbers(await undisturbed.runs.metrics('r')));
    }
    expect(kills.length).toBeGreaterThan(15);
  },
  240_000,
);
