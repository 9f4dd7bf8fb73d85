/** Held-out pairs of a run, on the oracle: never trained on, looked at alike however the run comes to its end, at no cost to its bits. */
import { beforeAll, describe, expect, it } from 'vitest';
import { heldOutOf } from '../../data/heldOut.ts';
import { openSafetensors } from '../../data/formats/safetensors.ts';
import { statePath } from '../../data/runStore.ts';
import { bestLook } from '../../evaluation/looks.ts';
import { configFor, presets } from '../../training/presets.ts';
import { planFolder } from '../planning/folderPlan.ts';
import type { Look, RunRecord } from '../types.ts';
import { implicitMargins } from './implicit.ts';
import { lookBudget, lookSize } from './looks.ts';
import { folderOnDisk, testConfig, TestTraining, tiny } from './testTraining.ts';

const config = testConfig({ steps: 6, saveEvery: 3, heldOut: 0.1 });

/** Weights and moments by name, as hex. */
async function state(t: TestTraining): Promise<Record<string, string>> {
  const file = await openSafetensors(await t.files.read(statePath('r')));
  const tensors: Record<string, string> = {};
  for (const name of file.names) {
    const { buffer, byteOffset, byteLength } = await file.read(name);
    tensors[name] = Buffer.from(buffer, byteOffset, byteLength).toString('hex');
  }
  return tensors;
}

let whole: TestTraining;
let record: RunRecord;
let events: Look[];

beforeAll(async () => {
  whole = await TestTraining.open({ pairs: 20 });
  const run = whole.start({ config });
  record = await run.record;
  events = run.events.flatMap((event) => (event.type === 'look' ? [event.look] : []));
}, 120_000);

describe('a run that holds pairs out', () => {
  it('looks at them and at others each saveEvery steps, in its record and its events', async () => {
    expect(record.looks?.map(({ step }) => step)).toEqual([3, 6]);
    expect(events).toEqual(record.looks);
    expect((await whole.runs.load('r')).looks).toEqual(record.looks);
    for (const { heldOut, training, draws } of record.looks!) {
      expect(heldOut.pairs).toBe(4);
      expect(training.pairs).toBeGreaterThan(0);
      expect(draws).toBeGreaterThanOrEqual(2);
      for (const { right, pairs, winnerError, loss } of [heldOut, training]) {
        expect(right).toBeLessThanOrEqual(pairs);
        expect(winnerError).toBeGreaterThan(0);
        expect(loss).toBeGreaterThan(0);
      }
    }
  });

  it('trains on none of them, and to the same bits as a run that has only the others and never looks', async () => {
    const { pairs: heldOut } = heldOutOf(whole.pairs, config);
    const held = new Set([...heldOut].map((i) => whole.pairs[i]!.pair));
    const seen = (await whole.runs.metrics('r')).flatMap(({ pairs }) => pairs.map(({ pair }) => pair));
    expect(seen.filter((pair) => held.has(pair))).toEqual([]);
    const others = await TestTraining.open({ pairs: 20 });
    const pairs = others.pairs.filter(({ pair }) => !held.has(pair));
    const blind = await others.start({ config: { ...config, heldOut: 0 }, pairs }).record;
    expect(blind.looks).toBeUndefined();
    expect(await state(others)).toEqual(await state(whole));
  });

  it('sees what the verb says of the same pairs over the same draws', async () => {
    const { pairs: heldOut } = heldOutOf(whole.pairs, config);
    const { draws, heldOut: figures } = record.looks!.at(-1)!;
    const { pairs } = await whole.jobs.run('implicit', (signal) =>
      implicitMargins(
        whole.devices,
        whole.runs,
        signal,
        {
          model: { base: tiny, adapters: [{ kind: 'run', run: 'r', strength: 1 }] },
          pairs: [...heldOut].map((i) => whole.pairs[i]!),
          draws,
        },
        () => {},
      ),
    );
    expect(pairs.reduce((sum, { margin }) => sum + margin / pairs.length, 0)).toBeCloseTo(figures.margin, 4);
    expect(pairs.filter(({ margin }) => margin > 0).length).toBe(figures.right);
  });

  it('that is stopped while it looks looks when it goes on, to the same record', async () => {
    const t = await TestTraining.open({ pairs: 20 });
    let stopping: Promise<void> | undefined;
    const run = t.start({
      config,
      onEvent(event) {
        // The look of three steps comes next.
        if (event.type === 'step' && event.metrics.step === 2) stopping ??= run.command('stop');
      },
    });
    expect(await run.record).toMatchObject({ status: 'stopped', step: 3 });
    await stopping;
    expect((await t.runs.load('r')).looks ?? []).toEqual([]);
    const again = await t.start({ resume: true }).record;
    expect(again.looks).toEqual(record.looks);
    expect(await state(t)).toEqual(await state(whole));
  });

  it('keeps the best checkpoint beside the last ones', async () => {
    const t = await TestTraining.open({ pairs: 20 });
    const drift = {
      ...config,
      saveEvery: 1,
      steps: 5,
      keepCheckpoints: 1,
      learningRate: 0.01,
      driftGuard: 'off' as const,
    };
    const { checkpoints, looks } = await t.start({ config: drift }).record;
    const best = bestLook(looks)!;
    expect(best.step).toBeLessThan(5);
    expect(checkpoints.map(({ step }) => step)).toEqual([best.step, 5]);
    for (const { file } of checkpoints) expect(await t.files.exists(file)).toBe(true);
  });

  it('holds nothing out where there are too few', async () => {
    const t = await TestTraining.open({ pairs: 3 });
    const few = await t.start({ config: { ...config, steps: 2 } }).record;
    expect(few.looks).toBeUndefined();
  });
});

describe('how much a look sees', () => {
  it.each([
    [0, { heldOut: 4, training: 2, draws: 2 }],
    [64, { heldOut: 10, training: 5, draws: 2 }],
    [200, { heldOut: 10, training: 10, draws: 5 }],
    [10_000, { heldOut: 10, training: 10, draws: 16 }],
  ])('with room for %i pictures', (budget, size) => {
    expect(lookSize(budget, { heldOut: 10, training: 90 })).toEqual(size);
  });

  it.each(presets)(
    'is about a tenth of the arithmetic of the preset $name on the embedded model, whatever the pairs',
    async (preset) => {
      const { flopsPerStep, flopsPerForward } = await planFolder(
        folderOnDisk('public/models/postcard'),
        preset.config,
        { reference: 'engine' },
      );
      for (const pairs of [20, 100, 500]) {
        const config = configFor(preset, pairs);
        const budget = lookBudget(config, { stepFlops: flopsPerStep, forwardFlops: flopsPerForward });
        const { pairs: held } = heldOutOf(
          Array.from({ length: pairs }, (_, i) => ({ prompt: `prompt ${i}` })),
          config,
        );
        const { heldOut, training, draws } = lookSize(budget, { heldOut: held.size, training: pairs - held.size });
        const looks = Math.ceil(config.steps / config.saveEvery);
        const spent =
          ((looks + 1) * 2 * (heldOut + training) * draws * flopsPerForward) / (config.steps * flopsPerStep);
        if (process.env.SHOW) console.log(pairs, { heldOut, training, draws, spent });
        expect(spent).toBeLessThan(0.12);
      }
    },
  );

  it('leaves out what a short run has no time for', () => {
    expect(lookSize(60, { heldOut: 50, training: 450 })).toEqual({ heldOut: 10, training: 5, draws: 2 });
  });
});
