/** Steps a prepared run to its end: between two steps it saves, samples, and does what it is told. */
import { driftOf, goodCheckpoint, MAX_SETBACKS, WINDOW } from '../../evaluation/driftGuard.ts';
import { bestLook, hasStalled } from '../../evaluation/looks.ts';
import { noBestInWords } from '../../evaluation/lookWords.ts';
import { isWinnowError, WinnowError } from '../../shared/errors.ts';
import { type LoopData, runStep } from '../../training/runStep.ts';
import { SOLVED_DRAWS, SolvedTally, withoutSolved } from '../../training/solved.ts';
import type { JobSignal } from '../jobs.ts';
import type {
  Checkpoint,
  EndedEarly,
  Listener,
  RunRecord,
  RunStatus,
  Setback,
  StepMetrics,
  TrainCommand,
  TrainEvent,
} from '../types.ts';
import { atStep, restoreState, saveState } from './checkpoint.ts';
import { checkStep } from './finiteStep.ts';
import type { TrainContext } from './openRun.ts';
import type { Prepared } from './prepareRun.ts';
import { type RunControl, StopAsked } from './runControl.ts';
import type { OpenRun } from '../../data/runStore.ts';
import { drawSamples } from './samples.ts';
import { saveRunRate, StepTimes } from './stepRate.ts';

/** A run at work. */
export interface Training {
  context: TrainContext;
  signal: JobSignal;
  control: RunControl;
  listener: Listener<TrainEvent>;
  run: OpenRun;
  prepared: Prepared;
  /** Whether it waits from the beginning: it was paused when its device was lost. */
  paused: boolean;
}

/** Writes the status and tells of it; what went wrong before is over. */
export async function setStatus(
  { context, run, listener }: Pick<Training, 'context' | 'run' | 'listener'>,
  status: RunStatus,
): Promise<RunRecord> {
  const updatedAt = context.env.now().toISOString();
  const record = await run.update(({ error: _, ...rest }) => ({ ...rest, status, updatedAt }));
  listener({ type: 'status', record });
  return record;
}

/** Resolves when the run is finished or was told to stop; rejects with Cancelled, or with what went wrong. */
export async function trainLoop(training: Training): Promise<RunRecord> {
  const loop = new Loop(training);
  return loop.run();
}

class Loop {
  private readonly training: Training;
  private readonly times = new StepTimes();
  private readonly lastMs = { save: 0, look: 0, sample: 0 };
  private paused: boolean;
  /** Samples of this step were left for a stop. */
  private interrupted = false;
  /** The last steps, for the drift guard; those since the run last went back. */
  private recent: StepMetrics[] = [];
  /** What is sure of its pairs, and what of them it still draws. */
  private tally = new SolvedTally();
  private data: LoopData;

  constructor(training: Training) {
    this.training = training;
    this.paused = training.paused;
    this.data = training.prepared.data;
  }

  private get record(): RunRecord {
    return this.training.run.record;
  }

  async run(): Promise<RunRecord> {
    const { config } = this.record;
    // Also those that a stop or a kill kept from being drawn.
    if (isDue(config.sampleEvery, this.record.step)) await this.sample();
    if (!(await this.look()) && (await this.obey())) return this.record;
    const { step, checkpoints } = this.record;
    // A save that a kill cut off after its state.
    if (step > 0 && !checkpoints.some((checkpoint) => checkpoint.step === step)) await this.save();
    const from = this.record.setbacks?.at(-1)?.to ?? 0;
    this.recent = (await this.taken()).filter(({ step }) => step >= from).slice(-WINDOW);
    await this.guard();
    this.leaveOut();
    while (this.record.step < config.steps && !this.record.ended) {
      if (await this.obey()) return this.record;
      await this.step();
      const { step } = this.record;
      if (!(await this.look()) && (await this.obey())) return this.record;
      await this.guard();
      if (this.record.step === step) this.leaveOut();
      if (this.record.step === config.steps || this.record.ended) break;
      if (this.record.step !== step) continue;
      if (isDue(config.saveEvery, step)) await this.save();
      if (isDue(config.sampleEvery, step)) await this.sample();
    }
    await this.end('finished');
    return this.record;
  }

  private async step(): Promise<void> {
    const { context, signal, listener, run, prepared } = this.training;
    const { config, step, setbacks = [] } = this.record;
    const settings = { ...config, learningRate: config.learningRate * SETBACK_RATE ** setbacks.length };
    const { numbers, elapsedMs } = await signal.turn(async () => {
      // From here on the GPU is this run's alone.
      const start = performance.now();
      const numbers = await runStep(prepared.trainer, prepared.reference, this.data, settings, step);
      return { numbers, elapsedMs: performance.now() - start };
    });
    checkStep(numbers);
    this.times.add(elapsedMs);
    const metrics = { ...numbers, elapsedMs };
    await context.runs.appendMetrics(this.record.id, metrics);
    this.recent = [...this.recent, metrics].slice(-WINDOW);
    this.tally.add(metrics.pairs);
    run.advance((record) => ({ ...record, step: step + 1, ...(step === 0 && { step0Logit: largestLogit(metrics) }) }));
    const left = config.steps - this.record.step;
    const etaSeconds = (left * this.times.usualMs! + this.betweenMs()) / 1000;
    listener({ type: 'step', metrics, steps: config.steps, etaSeconds });
  }

  /** What saves, looks and rounds of samples will still take, by the last of each. */
  private betweenMs(): number {
    const { step, config } = this.record;
    const { saveEvery, sampleEvery, steps } = config;
    // Those due after this step and before the last, and those at the end.
    const times = (every: number): number =>
      1 + (every > 0 ? Math.floor((steps - 1) / every) - Math.floor((step - 1) / every) : 0);
    const { save, look, sample } = this.lastMs;
    return times(saveEvery) * (save + look) + (sampleEvery > 0 ? times(sampleEvery) * sample : 0);
  }

  /** Says that it is at it, and remembers how long it took. */
  private async timed<T>(kind: keyof Loop['lastMs'], what: string | null, work: () => Promise<T>): Promise<T> {
    const { listener } = this.training;
    const start = performance.now();
    if (what !== null) listener({ type: 'doing', doing: { what, done: 0, total: 0 } });
    try {
      const result = await work();
      this.lastMs[kind] = performance.now() - start;
      return result;
    } finally {
      if (what !== null) listener({ type: 'doing', doing: null });
    }
  }

  /** At held-out pairs, where it is due and there was none: before the save of the same step, so that the record on disk has both. False where a stop came
   *  in between: the run looks when it goes on from here. */
  private async look(): Promise<boolean> {
    const { context, signal, control, listener, run, prepared } = this.training;
    const { step, config, looks = [] } = this.record;
    const due = step > 0 && (step === config.steps || isDue(config.saveEvery, step));
    if (!prepared.looks || !due || looks.some((look) => look.step === step)) return true;
    try {
      const { looks: watched } = prepared;
      const look = await this.timed('look', 'Looking at held-out pairs', () =>
        watched.take(context, prepared, step, signal, () => {
          signal.check();
          control.check();
        }),
      );
      run.advance((record) => ({ ...record, looks: [...(record.looks ?? []), look] }));
      listener({ type: 'look', look });
      return true;
    } catch (error) {
      if (error instanceof StopAsked) return false;
      throw error;
    }
  }

  /** Ends a run that does not get better, or leaves its model behind; or takes it back. What it decides follows from the record and the steps, so that
   *  a run that goes on decides the same. */
  private async guard(): Promise<void> {
    const { run } = this.training;
    const { step, looks = [], config, setbacks = [], ended } = this.record;
    if (ended || step === 0) return;
    const end = (by: EndedEarly['by'], words: string): void =>
      run.advance((record) => ({ ...record, ended: { by, step, words } }));
    const drift = config.driftGuard === 'off' ? null : driftOf({ looks, config, recent: this.recent });
    const best = bestLook(looks);
    if (drift !== null) {
      const back =
        config.driftGuard === 'back' && setbacks.length < MAX_SETBACKS ? goodCheckpoint(this.record) : undefined;
      const inTheWay = back && (await this.begunFromAfter(back));
      if (back && !inTheWay) return this.goBack(back, drift);
      const notBack = inTheWay
        ? ` It did not go back to the checkpoint of step ${back.step}: another run began from that of step ${inTheWay.step}, in whose place there would be another.`
        : '';
      const to = best
        ? ` The checkpoint to take is that of step ${best.step}.`
        : looks.length > 0
          ? ` ${noBestInWords(looks)} Lower the rate, raise beta, or look through the labels.`
          : ' Lower the rate, or raise beta.';
      return end(
        'drift guard',
        `${drift}${notBack} ${step < config.steps ? `Training stopped at step ${step}.` : 'That was its last step.'}${to}`,
      );
    }
    // A run at its last step ends anyway.
    if (step < config.steps && looks.at(-1)?.step === step && hasStalled(looks, config.earlyStop))
      end(
        'early stop',
        `${config.earlyStop === 1 ? 'The last look was' : `The last ${config.earlyStop} looks were`} no better than ${best ? `that of step ${best.step}` : 'the start'}. Training ended at step ${step}.`,
      );
  }

  /** The steps on disk; what is drawn next, and what decides it, are as they were after them. */
  private async taken(): Promise<StepMetrics[]> {
    const { context, prepared } = this.training;
    const metrics = await context.runs.metrics(this.record.id);
    this.tally = new SolvedTally(metrics);
    this.data = withoutSolved(prepared.data, this.record.solved ?? []);
    return metrics;
  }

  /** Where it is due, leaves out the pairs that it is sure of; where none is left, it ends. What it decides follows from the steps alone. */
  private leaveOut(): void {
    const { listener, run } = this.training;
    const { step, config, solved = [], ended } = this.record;
    if (config.solvedMargin === 0 || ended || step === 0 || step === config.steps || !isDue(config.saveEvery, step))
      return;
    const pairs = this.tally.solvedOf(
      this.data.pairs.map(({ id }) => id),
      config.solvedMargin,
    );
    if (pairs.length === 0 || solved.some((one) => one.step === step)) return;
    const found = { step, pairs };
    const all = [...solved, found];
    this.data = withoutSolved(this.training.prepared.data, all);
    const words = `Every pair that it trains on is solved: at its last ${SOLVED_DRAWS} draws each had a margin of ${config.solvedMargin} or more. Training ended at step ${step}.`;
    run.advance((record) => ({
      ...record,
      solved: all,
      ...(this.data.pairs.length === 0 && { ended: { by: 'solved', step, words } }),
    }));
    listener({ type: 'solved', solved: found });
  }

  /** The first checkpoint after this one that another run began from: steps taken anew would put theirs in its place. */
  private async begunFromAfter({ step }: Checkpoint): Promise<Checkpoint | undefined> {
    const below = await this.stepsBelow();
    return this.record.checkpoints.find((one) => one.step > step && below.has(one.step));
  }

  /** Read each time that a checkpoint would go: runs that wait to begin from this one come while it is at work. */
  private stepsBelow(): Promise<ReadonlySet<number>> {
    return this.training.context.runs.stepsBelow(this.record.id);
  }

  /** The record first: where that is cut off, resuming does the rest (checkpoint.ts). */
  private async goBack({ step: to }: Checkpoint, drift: string): Promise<void> {
    const { context, signal, run, prepared, listener } = this.training;
    const { step } = this.record;
    const setback: Setback = {
      at: context.env.now().toISOString(),
      step,
      to,
      words: `${drift} At step ${step} it went back to the checkpoint of step ${to}, and on at half the rate.`,
    };
    await signal.turn(async () => {
      const record = await run.update((before) => ({
        ...atStep(before, to),
        setbacks: [...(before.setbacks ?? []), setback],
      }));
      await context.runs.truncateMetrics(record.id, to);
      await restoreState(context.env.files, record, prepared.trainer, prepared.model);
    });
    this.recent = [];
    await this.taken();
    await this.save();
    listener({ type: 'setback', setback, record: this.record });
  }

  /** Does what waits to be done, and waits while the run is paused. True once it was stopped. */
  private async obey(): Promise<boolean> {
    const { control, signal } = this.training;
    for (;;) {
      const command = await control.serve((given) => this.carryOut(given));
      if (command === 'stop') return true;
      if (command !== undefined) continue;
      if (!this.paused) return false;
      await control.waiting(signal.aborted);
      signal.check();
    }
  }

  /** Gives what kept a command from being carried out, where the run can go on all the same. */
  private async carryOut(command: TrainCommand): Promise<Error | undefined> {
    if (command === 'stop') return void (await this.end('stopped'));
    try {
      if (command === 'save') await this.save();
      if (command === 'pause' && !this.paused) {
        await this.save();
        await setStatus(this.training, 'paused');
        this.paused = true;
      }
      if (command === 'resume' && this.paused) {
        await setStatus(this.training, 'running');
        this.paused = false;
      }
      const { samplePrompts, sampleSeeds } = this.record.config;
      if (command === 'sample' && (samplePrompts.length === 0 || sampleSeeds.length === 0))
        return new WinnowError(
          'BadArguments',
          'This run has no prompts to draw samples of.',
          'Give some in the settings of the next one.',
        );
      if (command === 'sample' && !(await this.sample()))
        return new WinnowError('Cancelled', 'The samples were left: the run stops.', 'Resume it to draw them.');
      return undefined;
    } catch (error) {
      if (isWinnowError(error, 'NoDiskSpace')) return error as WinnowError;
      throw error;
    }
  }

  private async end(status: RunStatus): Promise<void> {
    const { context, prepared } = this.training;
    await this.save();
    if (this.record.config.sampleEvery > 0 && !this.interrupted) await this.sample();
    const { measuredMs } = this.times;
    if (measuredMs !== undefined) {
      const rate = prepared.trainer.flops / (measuredMs / 1000);
      // A run does not fail for want of a forecast.
      await saveRunRate(context.env.files, context.adapterKey, this.record.reference, rate).catch(() => undefined);
    }
    await setStatus(this.training, status);
  }

  private async sample(): Promise<boolean> {
    const drawn = await this.timed('sample', null, () => drawSamples(this.training));
    this.interrupted = !drawn;
    return drawn;
  }

  /** Checkpoint and state, then the record that names them; what it no longer names goes last. */
  private save(): Promise<void> {
    return this.timed('save', 'Saving', () => this.writeSave());
  }

  private writeSave(): Promise<void> {
    const { context, signal, run, prepared, listener } = this.training;
    return signal.turn(async () => {
      const { step, id, config } = this.record;
      const file = await saveState(context.env.files, this.record, prepared.trainer, prepared.model);
      const checkpoint: Checkpoint = { step, file, at: context.env.now().toISOString() };
      const others = this.record.checkpoints.filter((other) => other.step !== step);
      const below = others.length >= config.keepCheckpoints ? await this.stepsBelow() : [];
      const { checkpoints } = await run.update((record) => ({
        ...record,
        checkpoints: keptCheckpoints(
          [...record.checkpoints.filter((other) => other.step !== step), checkpoint],
          config.keepCheckpoints,
          new Set([...below, bestLook(record.looks)?.step]),
        ),
        updatedAt: checkpoint.at,
      }));
      listener({ type: 'checkpoint', checkpoint });
      await context.runs.sweepCheckpoints(id, checkpoints);
    });
  }
}

/** Over a step's pairs, without sign: 0 at the first step of a run whose policy is its reference. */
export const largestLogit = ({ pairs }: StepMetrics): number => Math.max(...pairs.map(({ logit }) => Math.abs(logit)));

/** Of the learning rate, each time that a run goes back. */
const SETBACK_RATE = 0.5;

/** The last ones, and those that are needed: the best, and what other runs began from. */
const keptCheckpoints = (
  all: readonly Checkpoint[],
  keep: number,
  needed: ReadonlySet<number | undefined>,
): Checkpoint[] => all.filter(({ step }, i) => i >= all.length - keep || needed.has(step));

const isDue = (every: number, step: number): boolean => every > 0 && step % every === 0;
