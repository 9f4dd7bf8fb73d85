/** Runs that leave their model behind, on the oracle. */
import { describe, expect, it } from 'vitest';
import { heldOutOf } from '../../data/heldOut.ts';
import { openSafetensors } from '../../data/formats/safetensors.ts';
import { statePath } from '../../data/runStore.ts';
import type { RunRecord, TrainConfig } from '../types.ts';
import { leaning, testConfig, TestTraining, WatchedFiles } from './testTraining.ts';

const guarded = (changes: Partial<TrainConfig>): TrainConfig =>
  testConfig({ steps: 12, saveEvery: 2, heldOut: 0.1, driftGuard: 'stop', lrSchedule: 'constant', ...changes });

async function state(t: TestTraining): Promise<Record<string, string>> {
  const file = await openSafetensors(await t.files.read(statePath('r')));
  const tensors: Record<string, string> = {};
  for (const name of file.names) {
    const { buffer, byteOffset, byteLength } = await file.read(name);
    tensors[name] = Buffer.from(buffer, byteOffset, byteLength).toString('hex');
  }
  return tensors;
}

const ended = (record: RunRecord): unknown => ({
  looks: record.looks?.map(({ step, heldOut, training }) => [
    step,
    heldOut.margin,
    heldOut.winnerError,
    training.margin,
  ]),
  ended: record.ended?.words,
  setbacks: record.setbacks?.map(({ words }) => words),
});

describe('the drift guard of a run', () => {
  it('stops one with an absurd learning rate, and says what happened', async () => {
    const t = await leaning(20);
    const record = await t.start({ config: guarded({ learningRate: 1 }) }).record;
    if (process.env.SHOW) console.log(ended(record));
    expect(record).toMatchObject({ status: 'finished', ended: { by: 'drift guard', step: record.step } });
    expect(record.step).toBeLessThan(12);
    expect(record.ended!.words).toMatch(/(worse than|ran away|opposite|fell).*Training stopped at step \d+\./s);
    // One that is gone on with ends where it ended.
    const again = await t.start({ resume: true }).record;
    expect(again.step).toBe(record.step);
  });

  it('takes one back to its best checkpoint, and on at half the rate, to the same bits where that was cut off', async () => {
    const config = guarded({ beta: 10_000, learningRate: 0.3, warmupSteps: 20, steps: 13, driftGuard: 'back' });
    const whole = await leaning(20);
    const run = whole.start({ config });
    const record = await run.record;
    if (process.env.SHOW) console.log(ended(record));
    const [setback] = record.setbacks!;
    expect(setback!.to).toBeLessThan(setback!.step);
    expect(setback!.words).toMatch(
      new RegExp(`At step ${setback!.step} it went back to the checkpoint of step ${setback!.to}`),
    );
    expect(run.events.filter(({ type }) => type === 'setback').length).toBe(record.setbacks!.length);
    const metrics = await whole.runs.metrics('r');
    expect(metrics.map(({ step }) => step)).toEqual([...metrics.keys()]);
    const rate = config.learningRate / 20 / 2 ** record.setbacks!.length;
    const last = metrics.at(-1)!;
    expect(last.learningRate).toBeCloseTo(rate * last.step, 6);

    const files = new WatchedFiles();
    const t = await leaning(20, files);
    let kills = 0;
    let wentBack = false;
    files.before = (_, path) => {
      if (!wentBack || kills > 0 || !/state/.test(path)) return;
      kills++;
      throw new Error('killed');
    };
    const truncate = t.runs.truncateMetrics.bind(t.runs);
    t.runs.truncateMetrics = async (id, step) => {
      // The record is written by now, the state is not.
      wentBack = step > 0;
      await truncate(id, step);
    };
    await expect(t.start({ config }).record).rejects.toThrow('killed');
    expect(kills).toBe(1);
    const again = await t.start({ resume: true }).record;
    expect(again.looks).toEqual(record.looks);
    expect(again.setbacks!.map(({ at: _, ...rest }) => rest)).toEqual(
      record.setbacks!.map(({ at: _, ...rest }) => rest),
    );
    expect(await state(t)).toEqual(await state(whole));
  });

  it('stops one at beta 10 that is free to leave its model', async () => {
    const record = await (await leaning(20)).start({ config: guarded({ beta: 10, learningRate: 0.3 }) }).record;
    if (process.env.SHOW) console.log(ended(record));
    expect(record.ended?.words).toMatch(/worse than the model it came from/);
  });

  it('stops one whose labels say the opposite of those that were held out', async () => {
    const t = await leaning(20);
    const config = guarded({ learningRate: 5e-3 });
    const { pairs: held } = heldOutOf(t.pairs, config);
    const pairs = t.pairs.map((pair, i) =>
      held.has(i) ? pair : { ...pair, winnerLatents: pair.loserLatents, loserLatents: pair.winnerLatents },
    );
    const record = await t.start({ config, pairs }).record;
    if (process.env.SHOW) console.log(ended(record));
    expect(record.ended?.words).toMatch(/held out its margin fell at 3 looks in a row/);
  });

  it('leaves one within bounds alone', async () => {
    const record = await (await leaning(20)).start({ config: guarded({ learningRate: 2e-3 }) }).record;
    if (process.env.SHOW) console.log(ended(record));
    expect(record).toMatchObject({ status: 'finished', step: 12 });
    expect(record.ended).toBeUndefined();
    expect(record.looks!.at(-1)!.heldOut.margin).toBeGreaterThan(0);
  });

  it('does nothing where it is off', async () => {
    const config = guarded({ learningRate: 1, driftGuard: 'off', steps: 6 });
    expect((await (await leaning(20)).start({ config }).record).step).toBe(6);
  });
});
