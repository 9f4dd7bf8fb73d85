/** Runs that keep an average of their weights, on the oracle: it changes nothing of the training, is what the run comes to, and goes on to the same
 *  bits. The average itself is held against diffusers' in training/optimisers/ema.test.ts. */
import { beforeAll, describe, expect, it } from 'vitest';
import { heldOutOf } from '../../data/heldOut.ts';
import { openSafetensors } from '../../data/formats/safetensors.ts';
import { statePath } from '../../data/runStore.ts';
import { emaDecay } from '../../training/optimisers/ema.ts';
import type { RunRecord, StepMetrics, TrainConfig } from '../types.ts';
import { implicitMargins } from './implicit.ts';
import { testConfig, TestTraining, tiny } from './testTraining.ts';

const DECAY = 0.5;
const STEPS = 4;

async function tensorsOf(t: TestTraining, path: string): Promise<Map<string, Float32Array>> {
  const file = await openSafetensors(await t.files.read(path));
  return new Map(await Promise.all(file.names.map(async (name) => [name, await file.read(name)] as const)));
}

const numbers = (metrics: StepMetrics[]): unknown[] => metrics.map(({ elapsedMs: _, ...rest }) => rest);
const checkpointAt = ({ checkpoints }: RunRecord, at: number): string =>
  checkpoints.find(({ step }) => step === at)!.file;

describe.each([
  ['a LoRA', { mode: 'lora', heldOut: 0.1, sampleEvery: 1, samplePrompts: ['a tree'], sampleSeeds: [0] }, 20],
  ['every weight, in two micro-batches', { mode: 'full', accumulation: 2, learningRate: 1e-3 }, 3],
] satisfies [string, Partial<TrainConfig>, number][])('a run that trains %s', (_, changes, pairs) => {
  const config = testConfig({ steps: STEPS, saveEvery: 1, lrSchedule: 'constant', heldOut: 0, ...changes });
  const averaged = { ...config, ema: DECAY };
  let [plain, whole]: TestTraining[] = [];
  let [before, record]: RunRecord[] = [];

  beforeAll(async () => {
    plain = await TestTraining.open({ pairs });
    before = await plain.start({ config }).record;
    whole = await TestTraining.open({ pairs });
    record = await whole.start({ config: averaged }).record;
  }, 240_000);

  it('takes the same steps', async () => {
    expect(numbers(await whole!.runs.metrics('r'))).toEqual(numbers(await plain!.runs.metrics('r')));
    const [with_, without] = [await tensorsOf(whole!, statePath('r')), await tensorsOf(plain!, statePath('r'))];
    for (const [name, data] of without) expect(with_.get(name), name).toEqual(data);
    expect(with_.size).toBe((without.size / 3) * 4);
  });

  it('saves the average of the weights as its checkpoint', async () => {
    const average = new Map<string, number[]>();
    for (let t = 1; t <= STEPS; t++) {
      const decay = emaDecay(DECAY, t);
      for (const [name, data] of await tensorsOf(plain!, checkpointAt(before!, t))) {
        const held = average.get(name) ?? [...data];
        average.set(
          name,
          held.map((x, i) => x - (1 - decay) * (x - data[i]!)),
        );
      }
      for (const [name, data] of await tensorsOf(whole!, checkpointAt(record!, t)))
        data.forEach((x, i) => expect(Math.abs(x - average.get(name)![i]!), `${name} at ${t}`).toBeLessThan(1e-6));
    }
  });

  it('goes on where it was stopped, to the same bits', async () => {
    const t = await TestTraining.open({ pairs });
    const run = t.start({
      config: averaged,
      onEvent(event) {
        if (event.type === 'step' && event.metrics.step === 1) void run.command('stop');
      },
    });
    expect(await run.record).toMatchObject({ status: 'stopped', step: 2 });
    const again = await t.start({ resume: true }).record;
    expect(again.looks).toEqual(record!.looks);
    for (const path of [statePath('r'), checkpointAt(record!, STEPS)])
      expect(Buffer.compare(await t.files.read(path), await whole!.files.read(path)), path).toBe(0);
  });

  if (config.heldOut > 0)
    it('looks at pairs and draws samples by the average', async () => {
      const { pairs: heldOut } = heldOutOf(whole!.pairs, config);
      const { draws, heldOut: figures } = record!.looks!.at(-1)!;
      const margins = await whole!.jobs.run('implicit', (signal) =>
        implicitMargins(
          whole!.devices,
          whole!.runs,
          signal,
          {
            model: { base: tiny, adapters: [{ kind: 'run', run: 'r', strength: 1 }] },
            pairs: [...heldOut].map((i) => whole!.pairs[i]!),
            draws,
          },
          () => {},
        ),
      );
      const mean = margins.pairs.reduce((sum, { margin }) => sum + margin / margins.pairs.length, 0);
      expect(mean).toBeCloseTo(figures.margin, 4);
      expect(figures.margin).not.toBeCloseTo(before!.looks!.at(-1)!.heldOut.margin, 4);
      const sample = (t: TestTraining, step: number): Promise<Uint8Array> =>
        t.files.read(`runs/r/samples/step-00000${step}-0.png`);
      // After one step the average is the weights.
      expect(await sample(whole!, 1)).toEqual(await sample(plain!, 1));
      expect(await sample(whole!, STEPS)).not.toEqual(await sample(plain!, STEPS));
    });

  it('lacks it in no state that it goes on from', async () => {
    const path = statePath('r');
    await whole!.files.write(path, await plain!.files.read(path));
    await expect(whole!.start({ resume: true }).record).rejects.toMatchObject({
      name: 'MissingTensor',
      message: expect.stringMatching(/has no tensor ema\./) as string,
    });
  });
});
