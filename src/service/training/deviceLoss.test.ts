/** A run whose device is lost goes on on another one from its last save, and what a person asked of it meanwhile is done. On the oracle; the real
 *  thing is in service/deviceLoss.gpu.test.ts and tools/torture/device.ts. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { readJson } from '../../data/files.ts';
import { checkpointPath, statePath } from '../../data/runStore.ts';
import type { Executor } from '../../graph/executor.ts';
import { WinnowError } from '../../shared/errors.ts';
import type { RunRecord, StepMetrics, TrainCommand, TrainEvent } from '../types.ts';
import { lasting } from '../verbContexts.ts';
import type { TrainContext } from './openRun.ts';
import { f32Executor, type Started, testConfig, TestTraining, WatchedFiles } from './testTraining.ts';

const lost = (): WinnowError => new WinnowError('DeviceLost', 'The GPU was taken away (reset).', 'Resume.');

/** A device that is lost at every call from `lose` on. */
function fragile(): { executor: Executor; lose(): void } {
  let gone = false;
  const check = (): void => {
    if (gone) throw lost();
  };
  const real = f32Executor();
  return {
    lose: () => void (gone = true),
    executor: {
      ...real,
      storage(...args) {
        check();
        const storage = real.storage(...args);
        const read = storage.read.bind(storage);
        storage.read = async (...range) => (check(), read(...range));
        return storage;
      },
      async compile(...args) {
        check();
        const program = await real.compile(...args);
        const runAndRead = program.runAndRead.bind(program);
        program.runAndRead = async (values) => (check(), runAndRead(values));
        return program;
      },
    },
  };
}

interface Fragile {
  t: TestTraining;
  /** Takes away the device at work. */
  lose(): void;
  opened(): number;
  start(request?: Parameters<TestTraining['start']>[0]): Started;
}

/** @param most losses that are survived. @param later what the engine does when it is to open a device after a loss. */
async function onFragileDevices({
  most = 3,
  files = new WatchedFiles(),
  later = async () => {},
  changes = {},
  pairs = 3,
}: {
  most?: number;
  files?: WatchedFiles;
  later?: () => Promise<void>;
  changes?: Partial<TrainContext>;
  pairs?: number;
} = {}): Promise<Fragile> {
  const t = await TestTraining.open({ files, pairs, ...changes });
  let device = fragile();
  let opened = 1;
  let isLost = false;
  let context: TrainContext = { ...t.context, executor: device.executor };
  t.devices = {
    async context() {
      if (!isLost) return context;
      await later();
      device = fragile();
      opened++;
      isLost = false;
      return (context = { ...t.context, executor: device.executor });
    },
    async survive(error) {
      if (!(error instanceof WinnowError) || error.name !== 'DeviceLost' || opened > most) throw error;
      isLost = true;
      return error;
    },
  };
  return { t, lose: () => device.lose(), opened: () => opened, start: (request) => t.start(request) };
}

const onDisk = (t: TestTraining): Promise<RunRecord> => readJson<RunRecord>(t.files, 'runs/r/run.json');
const numbers = (metrics: StepMetrics[]): unknown[] => metrics.map(({ elapsedMs: _, ...rest }) => rest);
const hash = async (t: TestTraining): Promise<string> =>
  createHash('sha256')
    .update(await t.files.read(statePath('r')))
    .digest('hex');

const stepTaken =
  (step: number) =>
  (event: TrainEvent): boolean =>
    event.type === 'step' && event.metrics.step + 1 === step;

/** Does something once, at the first event that fits. */
function once(fits: (event: TrainEvent) => boolean, act: () => void): (event: TrainEvent) => void {
  let done = false;
  return (event) => {
    if (done || !fits(event)) return;
    done = true;
    act();
  };
}

async function undisturbed(config = testConfig()): Promise<{ state: string; metrics: unknown[] }> {
  const t = await TestTraining.open();
  await t.start({ config }).record;
  return { state: await hash(t), metrics: numbers(await t.runs.metrics('r')) };
}

describe('a run whose device is lost', () => {
  it('ends at the bits of a run that was never disturbed, and its record says what befell it', async () => {
    const { t, lose, start } = await onFragileDevices();
    const run = start({ onEvent: once(stepTaken(3), lose) });
    const record = await run.record;
    expect(record).toMatchObject({
      status: 'finished',
      step: 4,
      recoveries: [{ loss: 'The GPU was taken away (reset).', lostAt: 3, from: 2 }],
    });
    expect(record.error).toBeUndefined();
    expect((await onDisk(t)).recoveries).toEqual(record.recoveries);
    const whole = await undisturbed();
    expect(await hash(t)).toBe(whole.state);
    expect(numbers(await t.runs.metrics('r'))).toEqual(whole.metrics);
    const told = run.events.filter(({ type }) => type === 'recovered');
    expect(told).toMatchObject([{ recovery: { lostAt: 3, from: 2 }, record: { status: 'preparing', step: 2 } }]);
    expect(run.events.filter(({ type }) => type === 'started')).toMatchObject([{ resumedAt: null }, { resumedAt: 2 }]);
  });

  it('begins again where nothing was saved yet, and where the device is lost before the first step', async () => {
    const { t, lose, start } = await onFragileDevices();
    let losses = 0;
    const run = start({
      onEvent(event) {
        const early = event.type === 'preparing' && event.what === 'Preparing the kernels' && losses === 0;
        if (!early && !(stepTaken(1)(event) && losses === 1)) return;
        losses++;
        lose();
      },
    });
    expect((await run.record).recoveries).toMatchObject([
      { lostAt: 0, from: 0 },
      { lostAt: 1, from: 0 },
    ]);
    expect(await hash(t)).toBe((await undisturbed()).state);
  });

  it('survives a loss at every moment of a save', async () => {
    const files = new WatchedFiles();
    const { t, lose, start, opened } = await onFragileDevices({ files });
    const struck = new Set<string>();
    files.before = (change, path) => {
      // The checkpoint, then parts of the state, then the state as a whole.
      const moment = `${change} ${path}`;
      if (!/checkpoints|state/.test(path) || struck.has(moment) || struck.size >= 3) return;
      struck.add(moment);
      lose();
    };
    const run = start();
    expect(await run.record).toMatchObject({ status: 'finished', step: 4 });
    expect(struck.size).toBe(3);
    expect(opened()).toBeGreaterThan(1);
    files.before = () => {};
    expect(await hash(t)).toBe((await undisturbed()).state);
    for (const { file } of (await onDisk(t)).checkpoints) expect(await t.files.exists(file)).toBe(true);
    expect(await t.files.list('runs/r/checkpoints')).toEqual([checkpointPath('r', 2), checkpointPath('r', 4)]);
  });

  it('looks at its held-out pairs as if it had never been disturbed', async () => {
    const config = testConfig({ heldOut: 0.1 });
    const whole = await TestTraining.open({ pairs: 20 });
    const { looks } = await whole.start({ config }).record;
    expect(looks?.map(({ step }) => step)).toEqual([2, 4]);
    const { t, lose, start } = await onFragileDevices({ pairs: 20 });
    let losses = 0;
    const run = start({
      config,
      onEvent(event) {
        // While the reference is looked at; between a look and its save; after the step before a look.
        const looking = event.type === 'preparing' && event.what === 'Looking at held-out pairs' && losses === 0;
        const looked = event.type === 'look' && event.look.step === 2 && losses === 1;
        if (!looking && !looked && !(stepTaken(4)(event) && losses === 2)) return;
        losses++;
        lose();
      },
    });
    expect((await run.record).looks).toEqual(looks);
    expect(losses).toBe(3);
    expect((await onDisk(t)).looks).toEqual(looks);
    expect(await hash(t)).toBe(await hash(whole));
  });

  it('draws the samples that were under way anew', async () => {
    const config = testConfig({ sampleEvery: 2, samplePrompts: ['a tree'], sampleSeeds: [0, 1] });
    const { t, lose, start } = await onFragileDevices();
    const run = start({
      config,
      onEvent: once((event) => event.type === 'sample' && event.sample.step === 2, lose),
    });
    const { samples, recoveries } = await run.record;
    expect(recoveries).toMatchObject([{ lostAt: 2, from: 2 }]);
    expect(samples.map(({ step, seed }) => [step, seed])).toEqual([
      [0, 0],
      [0, 1],
      [2, 0],
      [2, 1],
      [4, 0],
      [4, 1],
    ]);
    const whole = await TestTraining.open();
    for (const { file } of (await whole.start({ config }).record).samples)
      expect(await t.files.read(file)).toEqual(await whole.files.read(file));
  });

  it('ends by name with the loss that is one too many, at its last save, from which it can be resumed', async () => {
    const { t, lose, start } = await onFragileDevices({ most: 3 });
    const run = start({ onEvent: (event) => stepTaken(3)(event) && lose() });
    await expect(run.record).rejects.toMatchObject({ name: 'DeviceLost' });
    const record = await onDisk(t);
    expect(record).toMatchObject({ status: 'failed', step: 2, checkpoints: [{ step: 2 }] });
    expect(record.error).toMatch(/^The GPU was taken away/);
    expect(record.recoveries).toHaveLength(3);
    t.devices = (await onFragileDevices({ files: t.files as WatchedFiles })).t.devices;
    const resumed = await t.start({ resume: true }).record;
    expect(resumed).toMatchObject({ status: 'finished', step: 4 });
    expect(resumed.recoveries).toHaveLength(3);
    expect(await hash(t)).toBe((await undisturbed()).state);
  });

  it('ends by name where no other device is given, and can be resumed', async () => {
    const refused = new WinnowError('DeviceLost', 'The GPU was taken away and has not come back.', 'Restart.');
    const { t, lose, start } = await onFragileDevices({ later: () => Promise.reject(refused) });
    const run = start({ onEvent: once(stepTaken(3), lose) });
    await expect(run.record).rejects.toBe(refused);
    expect(await onDisk(t)).toMatchObject({ status: 'failed', step: 2, error: refused.message });
    expect((await onDisk(t)).recoveries).toBeUndefined();
    t.devices = (await onFragileDevices({ files: t.files as WatchedFiles })).t.devices;
    expect(await t.start({ resume: true }).record).toMatchObject({ status: 'finished' });
    expect(await hash(t)).toBe((await undisturbed()).state);
  });

  it('goes on on a device with other limits', async () => {
    const { t, lose, start } = await onFragileDevices({
      later: async () => void (t.context.maxBindingBytes = 4 * 64 * 3),
    });
    const run = start({ onEvent: once(stepTaken(3), lose) });
    expect(await run.record).toMatchObject({ status: 'finished' });
    expect(await hash(t)).toBe((await undisturbed()).state);
  });
});

describe('what a person asked for when the device was lost', () => {
  /** Sends a command at a step; the device is lost when it is carried out, or is already. */
  async function commanded(command: TrainCommand, most = 3, steps = 3) {
    const config = testConfig({ samplePrompts: ['a tree'], sampleSeeds: [0] });
    const world = await onFragileDevices({ most });
    let send: (result: Promise<void>) => void = () => {};
    /** Settles as the command does. */
    const sent = new Promise<void>((resolve) => (send = resolve));
    sent.catch(() => undefined);
    const run = world.start({
      config,
      onEvent: once(stepTaken(steps), () => {
        send(run.command(command));
        world.lose();
      }),
    });
    return { ...world, run, sent };
  }

  it('stop: the run stops at its last save, also with a loss that is one too many', async () => {
    for (const most of [3, 0]) {
      const { t, run, sent, opened } = await commanded('stop', most);
      expect(await run.record).toMatchObject({ status: 'stopped', step: 2 });
      await sent;
      expect(opened()).toBe(1);
      expect(await onDisk(t)).toMatchObject({ status: 'stopped', step: 2 });
      t.devices = lasting(t.context);
      await t.start({ resume: true }).record;
      expect(await hash(t)).toBe(
        (await undisturbed(testConfig({ samplePrompts: ['a tree'], sampleSeeds: [0] }))).state,
      );
    }
  });

  it('save and sample: carried out when the run goes on', async () => {
    for (const command of ['save', 'sample'] as const) {
      const one = await commanded(command);
      expect((await one.run.record).status).toBe('finished');
      await one.sent;
      if (command === 'sample') expect((await onDisk(one.t)).samples).toMatchObject([{ step: 2, prompt: 'a tree' }]);
    }
  });

  it('save: rejected with the loss where it is one too many', async () => {
    const { run, sent } = await commanded('save', 0);
    await expect(run.record).rejects.toMatchObject({ name: 'DeviceLost' });
    await expect(sent).rejects.toMatchObject({ name: 'DeviceLost' });
  });

  it('pause: the run is paused, and stays so when the device is lost once more', async () => {
    const { t, run, sent, lose, opened } = await commanded('pause');
    await sent;
    expect(await onDisk(t)).toMatchObject({ status: 'paused', step: 2, recoveries: [{ lostAt: 3, from: 2 }] });
    lose();
    await run.command('sample');
    expect(opened()).toBe(3);
    expect(await onDisk(t)).toMatchObject({ status: 'paused', step: 2 });
    await run.command('resume');
    expect(await run.record).toMatchObject({ status: 'finished', step: 4 });
    expect(await hash(t)).toBe((await undisturbed(testConfig({ samplePrompts: ['a tree'], sampleSeeds: [0] }))).state);
  });

  it('cancel: the run ends', async () => {
    const { t, lose, start } = await onFragileDevices();
    const run = start({
      onEvent: once(stepTaken(3), () => {
        lose();
        void run.cancel();
      }),
    });
    await expect(run.record).rejects.toMatchObject({ name: 'Cancelled' });
    expect(await onDisk(t)).toMatchObject({ status: 'stopped' });
  });

  it('stop: also while the next device is made ready', async () => {
    const { t, lose, start } = await onFragileDevices();
    let stopped: Promise<void> | undefined;
    const run = start({
      onEvent(event) {
        once(stepTaken(3), lose)(event);
        if (event.type === 'recovered') stopped = run.command('stop');
      },
    });
    expect(await run.record).toMatchObject({ status: 'stopped', step: 2 });
    await stopped;
    expect((await onDisk(t)).status).toBe('stopped');
  });
});
