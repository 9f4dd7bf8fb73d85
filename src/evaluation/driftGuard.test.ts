import { describe, expect, it } from 'vitest';
import type { Look, LookFigures, RunRecord, StepMetrics } from '../records/runs.ts';
import { presets } from '../training/presets.ts';
import { driftOf, driftRules, goodCheckpoint, type Watched } from './driftGuard.ts';

const { config } = presets[1]!;

const step = (changes: Partial<StepMetrics> = {}, logit = 1): StepMetrics => ({
  step: 0,
  loss: 0.5,
  implicitAccuracy: 1,
  logit,
  winnerError: 0.1,
  loserError: 0.1,
  winnerReferenceError: 0.1,
  loserReferenceError: 0.1,
  gradNorm: 1,
  learningRate: 1e-4,
  elapsedMs: 1,
  pairs: [{ pair: 'p', timestep: 1, logit, mw: 0.1, ml: 0.1, rw: 0.1, rl: 0.1 }],
  ...changes,
});
const figures = (changes: Partial<LookFigures> = {}): LookFigures => ({
  pairs: 10,
  right: 8,
  margin: 0.5,
  loss: 0.5,
  winnerError: 1,
  ...changes,
});
const looks = (...margins: number[]): Look[] =>
  margins.map((margin, i) => ({
    step: 10 * (i + 1),
    draws: 2,
    heldOut: figures({ margin, loss: Math.log1p(Math.exp(-margin)) }),
    training: figures({ margin: 2 }),
  }));
const run = (changes: Partial<Watched>): Watched => ({ config, recent: [], ...changes });
const steps = (count: number, one: StepMetrics): StepMetrics[] => Array.from({ length: count }, () => one);

describe('the drift guard', () => {
  it('lets runs of the standard preset pass, and runs that have hardly begun', () => {
    // The worst rows of tools/base-model/README.md that are no preset's, and logits that the standard preset comes to.
    expect(
      driftOf(run({ recent: steps(12, step({ winnerError: 0.1184 }, 55)), looks: looks(0.2, 0.5, 0.45, 0.5) })),
    ).toBeNull();
    expect(driftOf(run({ looks: looks(-4, -11) }))).toBeNull();
    expect(driftOf(run({ recent: steps(11, step({ winnerError: 1 }, 500)) }))).toBeNull();
  });

  it('sees the winners drawn far worse, in steps or in a look', () => {
    expect(driftRules.winner(run({ recent: steps(12, step({ winnerError: 0.14 })) }))).toMatch(/40 % worse/);
    const [look] = looks(1);
    expect(driftOf(run({ looks: [{ ...look!, heldOut: figures({ winnerError: 1.5 }) }] }))).toMatch(/50 % worse/);
  });

  it('sees logits run away, of losses that read them', () => {
    const recent = steps(12, step({}, -320));
    expect(driftRules.logit(run({ recent }))).toMatch(/320 on average/);
    expect(driftRules.logit(run({ recent, config: { ...config, loss: 'sft' } }))).toBeNull();
  });

  it('sees it sure of the opposite at two looks', () => {
    expect(driftOf(run({ looks: looks(-33, -43) }))).toMatch(/sure of the opposite.*-33\.0 and -43\.0/);
    expect(driftOf(run({ looks: looks(0.5, -33) }))).toBeNull();
  });

  it.each([
    ['three falls below half of the best', [1, 0.8, 0.6, 0.4], true],
    ['three falls from the start', [-0.2, -0.5, -1], true],
    ['two falls', [1, 0.5, 0.2], false],
    ['falls that leave most of it', [1, 0.9, 0.8, 0.7], false],
    ['a rise in between', [1, 0.5, 0.6, 0.2], false],
    ['falls of next to nothing', [-0.01, -0.02, -0.03], false],
    ['no looks', [], false],
  ])('held-out margins: %s', (_, margins, drifts) => {
    expect(driftRules['held-out'](run({ looks: looks(...margins) })) !== null).toBe(drifts);
  });
});

it('calls nothing learned by heart that training pairs do not show', () => {
  const fall = (margin: number): string | null =>
    driftRules['held-out'](
      run({ looks: looks(-5, -10, -11).map((look) => ({ ...look, training: figures({ margin }) })) }),
    );
  expect(fall(2)).toMatch(/while on training pairs it is 2\.00: it learns these labels by heart/);
  expect(fall(-16.6)).toMatch(/while on training pairs it is -16\.60: it is not learning these labels either/);
});

describe('where a run goes back to', () => {
  const record = (changes: Partial<RunRecord>): RunRecord => ({ step: 40, ...changes }) as RunRecord;
  const checkpoints = [10, 20, 30, 40].map((at) => ({ step: at, file: '', at: '' }));

  it('is its best look', () => {
    expect(goodCheckpoint(record({ checkpoints, looks: looks(0.5, 0.9, 0.4, 0.1) }))?.step).toBe(20);
  });

  it('is nowhere, where no look was good', () => {
    const bad = looks(0.5).map((look) => ({ ...look, heldOut: figures({ winnerError: 2 }) }));
    expect(goodCheckpoint(record({ checkpoints, looks: bad }))).toBeUndefined();
  });

  it('without looks is the last one from before the window', () => {
    expect(goodCheckpoint(record({ checkpoints }))?.step).toBe(20);
    expect(goodCheckpoint(record({ checkpoints: [] }))).toBeUndefined();
  });
});
