/** A run's looks at pairs that it keeps back and at pairs that it trains on: implicit margins (training/implicitReward.ts) over one bank of draws, by
 *  the weights as they are. A look changes nothing of the run: its draws are the bank's own, and it only reads the weights. */
import { heldOutOf, MIN_HELD_OUT } from '../../data/heldOut.ts';
import { lossOf } from '../../evaluation/looks.ts';
import { graphFlops } from '../../graph/flops.ts';
import { Graph } from '../../graph/graph.ts';
import type { DenoiserSize } from '../../models/denoiser.ts';
import { assert } from '../../shared/assert.ts';
import '../../shared/disposable.ts';
import { RandomStream } from '../../shared/rng.ts';
import type { TrainConfig } from '../../training/config.ts';
import type { Denoiser } from '../../training/denoiser.ts';
import { type Bank, bankErrors, fixedBank, implicitOf, type PairErrors } from '../../training/implicitReward.ts';
import type { LoopData, PreparedPair } from '../../training/runStep.ts';
import type { JobSignal } from '../jobs.ts';
import type { NoisePredictor } from '../sampling/noisePredictor.ts';
import type { Look, LookFigures, TrainPair } from '../types.ts';
import { checkLook } from './finiteStep.ts';
import type { TrainContext } from './openRun.ts';
import { currentPredictor } from './policyPredictor.ts';

/** Of a run's arithmetic. */
const SHARE = 0.1;
/** A margin over one draw is that draw's. */
const MIN_DRAWS = 2;
/** From here on more pairs say more than more draws do. */
const ENOUGH_DRAWS = 4;
const MAX_DRAWS = 16;

export interface LookSize {
  heldOut: number;
  training: number;
  draws: number;
}

/** How many pairs a look sees, and over how many draws, so that all looks of a run, and the one over the reference before it begins, are a tenth of
 *  its arithmetic: held-out pairs come first, then draws, then training pairs. Four held-out pairs, two others and two draws are the least.
 *  @param budget pictures at a draw, of one look. */
export function lookSize(budget: number, there: { heldOut: number; training: number }): LookSize {
  const units = budget / 2;
  const heldOut = Math.min(there.heldOut, Math.max(MIN_HELD_OUT, Math.floor((2 / 3) * (units / MIN_DRAWS))));
  const all = Math.min(there.training, heldOut);
  const training = units / (heldOut + all) >= ENOUGH_DRAWS ? all : Math.min(all, Math.ceil(heldOut / 2));
  const draws = Math.floor(units / (heldOut + training));
  return { heldOut, training, draws: Math.min(MAX_DRAWS, Math.max(MIN_DRAWS, draws)) };
}

/** @param stepFlops of one step.
 *  @param forwardFlops of one picture through the denoiser. */
export function lookBudget(
  { steps, saveEvery }: Pick<TrainConfig, 'steps' | 'saveEvery'>,
  { stepFlops, forwardFlops }: { stepFlops: number; forwardFlops: number },
): number {
  const looks = saveEvery === 0 ? 1 : Math.ceil(steps / saveEvery);
  return (SHARE * steps * stepFlops) / forwardFlops / (looks + 1);
}

/** What is looked at: held-out pairs, then training pairs. */
interface Watched {
  pairs: readonly PreparedPair[];
  heldOut: number;
  bank: Bank;
}

/** Everything that a look reads, beside the weights. */
export interface LookData {
  data: Pick<LoopData, 'alphasCumprod' | 'prediction'>;
  config: TrainConfig;
  /** Of each bucket. */
  sizes: readonly DenoiserSize[];
}

type Weights = Parameters<typeof currentPredictor>[1];

export class Looks {
  private readonly watched: Watched;
  private readonly from: LookData;
  private reference: PairErrors[] | undefined;

  private constructor(watched: Watched, from: LookData) {
    this.watched = watched;
    this.from = from;
  }

  /** Undefined where the run holds nothing out. What is looked at follows from pairs, settings and graphs alone.
   *  @param pairs all of the run's.
   *  @param prepared the same, as they are looked at. */
  static of(
    pairs: readonly TrainPair[],
    prepared: readonly PreparedPair[],
    { denoiser, stepFlops, ...from }: LookData & { denoiser: Denoiser; stepFlops: number },
  ): Looks | undefined {
    const { config } = from;
    const { pairs: held } = heldOutOf(pairs, config);
    if (held.size === 0) return undefined;
    const shuffled = (heldOut: boolean): PreparedPair[] =>
      new RandomStream({ seed: config.seed, purpose: 'lookPairs', pair: heldOut ? 1 : 0 }).shuffled(
        prepared.filter((_, i) => held.has(i) === heldOut && pairs[i]!.strength !== 'tie'),
      );
    const [heldOut, training] = [shuffled(true), shuffled(false)];
    const budget = lookBudget(config, { stepFlops, forwardFlops: graphFlops(forwardOf(denoiser)) });
    const size = lookSize(budget, { heldOut: heldOut.length, training: training.length });
    const { draws } = size;
    return new Looks(
      {
        pairs: [...heldOut.slice(0, size.heldOut), ...training.slice(0, size.training)],
        heldOut: size.heldOut,
        bank: fixedBank({ draws, seed: config.seed, timestepRange: config.timestepRange }),
      },
      from,
    );
  }

  /** Keeps the errors of what the run starts from. Call it before the weights move, or are set to what was saved: at that moment they are the
   *  reference's own, whatever provides the reference of the steps. */
  async refer(
    context: LookContext,
    weights: Weights,
    signal: Pick<JobSignal, 'turn' | 'lastly'>,
    { check, preparing }: { check(): void; preparing(what: string, done: number, total: number): void },
  ): Promise<void> {
    const { pairs, bank } = this.watched;
    const total = 2 * pairs.length * bank.timesteps.length;
    let done = 0;
    this.reference = await this.errors(context, weights, signal, (pictures) => {
      check();
      preparing('Looking at held-out pairs', (done += pictures), total);
    });
  }

  /** @param check called before each batch; throws where the look is to be left.
   *  @throws NotFinite */
  async take(
    context: LookContext,
    weights: Weights,
    step: number,
    signal: Pick<JobSignal, 'turn' | 'lastly'>,
    check: () => void,
  ): Promise<Look> {
    const { reference } = this;
    assert(reference, 'the reference was not looked at');
    const { heldOut, bank, pairs } = this.watched;
    const policy = await this.errors(context, weights, signal, check);
    for (const [i, errors] of policy.entries()) checkLook(step, pairs[i]!.id, errors);
    const figures = (from: number, to?: number): LookFigures =>
      figuresOf(policy.slice(from, to), reference.slice(from, to), this.from.config.beta);
    return { step, draws: bank.timesteps.length, heldOut: figures(0, heldOut), training: figures(heldOut) };
  }

  private async errors(
    context: LookContext,
    weights: Weights,
    signal: Pick<JobSignal, 'turn' | 'lastly'>,
    onBatch: (pictures: number) => void,
  ): Promise<PairErrors[]> {
    const { pairs, bank } = this.watched;
    const { data, sizes } = this.from;
    const found: PairErrors[] = [];
    for (const [bucket, size] of sizes.entries()) {
      const at = [...pairs.keys()].filter((i) => (pairs[i]!.bucket ?? 0) === bucket);
      if (at.length === 0) continue;
      await using owned = new AsyncDisposableStack();
      // In a turn: another job may be drawing.
      const made = new AsyncDisposableStack();
      owned.defer(() => signal.lastly(() => made.disposeAsync()));
      let predictor: NoisePredictor | undefined;
      const errors = await bankErrors(
        (...args) =>
          signal.turn(async () => {
            predictor ??= made.use(await currentPredictor(context, weights, size));
            const predicted = await predictor.predict(...args);
            onBatch(size.batch);
            return predicted;
          }),
        at.map((i) => pairs[i]!),
        { batch: size.batch, bank, data },
      );
      for (const [k, i] of at.entries()) found[i] = errors[k]!;
    }
    return found;
  }
}

type LookContext = Pick<TrainContext, 'executor'>;

/** Of one picture. */
function forwardOf(denoiser: Denoiser): Graph {
  const graph = new Graph();
  graph.output('noise_pred', denoiser.build(graph, denoiser.inputs(graph, 1), {}));
  return graph;
}

function figuresOf(policy: readonly PairErrors[], reference: readonly PairErrors[], beta: number): LookFigures {
  const margins = policy.map((errors, i) => implicitOf(errors, reference[i]!, beta).margin);
  const sum = (of: readonly number[]): number => of.reduce((total, x) => total + x, 0);
  const winners = (errors: readonly PairErrors[]): number =>
    sum(errors.map((pair) => sum([...pair.subarray(0, pair.length / 2)])));
  return {
    pairs: margins.length,
    right: sum(margins.map((margin) => (margin > 0 ? 1 : margin === 0 ? 0.5 : 0))),
    margin: sum(margins) / margins.length,
    loss: lossOf(margins),
    winnerError: winners(policy) / winners(reference),
  };
}
