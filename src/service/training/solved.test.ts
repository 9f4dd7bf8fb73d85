/** Runs that leave out the pairs they are sure of, on the oracle: from when on, to the same bits however they come to their end, and what is said. */
import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { statePath } from '../../data/runStore.ts';
import { solvedInWords } from '../../records/runs.ts';
import { SOLVED_DRAWS, SolvedTally } from '../../training/solved.ts';
import type { RunRecord, StepMetrics, TrainEvent } from '../types.ts';
import { leaning, testConfig, TestTraining, WatchedFiles } from './testTraining.ts';

const config = testConfig({
  steps: 12,
  pairsPerStep: 2,
  saveEvery: 2,
  heldOut: 0,
  driftGuard: 'off',
  lrSchedule: 'constant',
  solvedMargin: 0.5,
});

const numbers = (metrics: StepMetrics[]): unknown[] => metrics.map(({ elapsedMs: _, ...rest }) => rest);
const drawnFrom = (metrics: StepMetrics[], from: number, to = Infinity): Set<string> =>
  new Set(
    metrics.filter(({ step }) => step >= from && step < to).flatMap(({ pairs }) => pairs.map(({ pair }) => pair)),
  );
const state = async (t: TestTraining): Promise<string> =>
  createHash('sha256')
    .update(await t.files.read(statePath('r')))
    .digest('hex');

describe('a run that leaves solved pairs out', () => {
  let whole: TestTraining;
  let record: RunRecord;
  let events: TrainEvent[];
  let metrics: StepMetrics[];

  beforeAll(async () => {
    whole = await leaning(4);
    const run = whole.start({ config });
    record = await run.record;
    events = run.events;
    metrics = await whole.runs.metrics('r');
    if (process.env.SHOW) console.log(record.solved, record.ended, record.step);
  }, 240_000);

  it('draws them no more from the save on at which their last draws were sure', () => {
    const [first] = record.solved!;
    expect(first!.step % config.saveEvery).toBe(0);
    for (const { step, pairs } of record.solved!) {
      for (const pair of pairs) {
        expect(drawnFrom(metrics, step).has(pair)).toBe(false);
        const last = metrics
          .filter((one) => one.step < step)
          .flatMap((one) => one.pairs.filter((drawn) => drawn.pair === pair).map(({ logit }) => logit))
          .slice(-SOLVED_DRAWS);
        expect(Math.min(...last)).toBeGreaterThan(0);
        expect(last.reduce((sum, logit) => sum + logit, 0) / SOLVED_DRAWS).toBeGreaterThanOrEqual(config.solvedMargin);
      }
    }
    expect(events.flatMap((event) => (event.type === 'solved' ? [event.solved] : []))).toEqual(record.solved);
    expect(solvedInWords(record)).toMatch(/^It left out .* that it was sure of \(a margin of 0.5 or more\), /);
  });

  it('takes the same steps as any other up to there', async () => {
    const plain = await leaning(4);
    await plain.start({ config: { ...config, solvedMargin: 0 } }).record;
    const others = numbers(await plain.runs.metrics('r'));
    const first = record.solved![0]!.step;
    expect(numbers(metrics).slice(0, first)).toEqual(others.slice(0, first));
    expect(numbers(metrics).slice(first, first + 1)).not.toEqual(others.slice(first, first + 1));
  });

  it('decides at its last step, too, where more are asked for: as if it had been as long from the first', async () => {
    const t = await leaning(4);
    const first = record.solved![0]!.step;
    const short = await t.start({ config: { ...config, steps: first } }).record;
    expect(short).toMatchObject({ status: 'finished', step: first });
    expect(short.solved).toBeUndefined();
    const longer = await t.start({ resume: true, pairs: [], more: config.steps - first }).record;
    expect(longer.solved).toEqual(record.solved);
    expect(await state(t)).toBe(await state(whole));
  });

  it('ends where none is left, and says so', () => {
    expect(record.solved!.flatMap(({ pairs }) => pairs).toSorted()).toEqual(whole.pairs.map(({ pair }) => pair));
    expect(record).toMatchObject({ status: 'finished', ended: { by: 'solved', step: record.step } });
    expect(record.step).toBeLessThan(config.steps);
    expect(record.ended!.words).toMatch(/^Every pair that it trains on is solved/);
  });

  it('goes on after a kill at any change of a file once it left one out, to the same bits and record', async () => {
    const changes: string[] = [];
    // Up to the steps that are drawn without.
    for (let n = 0; changes.filter((path) => path.includes('metrics')).length < 2; n++) {
      const files = new WatchedFiles();
      const t = await leaning(4, files);
      let left: number | undefined;
      files.before = (_, path) => {
        if (left === 0) changes.push(path);
        if (left !== undefined && left-- <= 0) throw new Error('killed');
      };
      const run = t.start({
        config,
        onEvent(event) {
          if (event.type === 'solved') left ??= n;
        },
      });
      await expect(run.record).rejects.toThrow('killed');
      files.before = () => {};
      const again = await t.start({ resume: true }).record;
      const told = ({ solved, ended: by, step }: RunRecord) => ({ solved, by, step });
      expect(told(again), `killed before ${changes.at(-1)}`).toEqual(told(record));
      expect(await state(t)).toBe(await state(whole));
      expect(numbers(await t.runs.metrics('r'))).toEqual(numbers(metrics));
    }
    for (const path of ['checkpoints/', 'state', 'run.json'])
      expect(
        changes.some((changed) => changed.includes(path)),
        path,
      ).toBe(true);
  }, 480_000);
});

it('a pair is solved by its last draws alone, and a tie is never', () => {
  const tally = new SolvedTally();
  const draw = (pair: string, logits: number[], preference?: number): void => {
    for (const logit of logits) tally.add([{ pair, logit, ...(preference !== undefined && { preference }) }]);
  };
  draw('sure', [-9, 1, 3, 5]);
  draw('too few', [9, 9]);
  draw('once wrong', [9, -1, 9]);
  draw('not sure enough', [2, 3, 3]);
  draw('tie', [9, 9, 9], 0.5);
  draw('soft', [9, 9, 9], 0.8);
  draw('no number', [9, NaN, 9]);
  const all = ['sure', 'too few', 'once wrong', 'not sure enough', 'tie', 'soft', 'no number', 'never drawn'];
  expect(tally.solvedOf(all, 3)).toEqual(['sure', 'soft']);
});
