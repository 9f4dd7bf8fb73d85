/** A training run from request to record: opens it, reads what it trains on, prepares, steps, and writes how it ended. Where its device is lost,
 *  it prepares and steps on the next one, from its last save. */
import '../../shared/disposable.ts';
import { inWords, isWinnowError } from '../../shared/errors.ts';
import type { OpenRun } from '../../data/runStore.ts';
import type { Environment } from '../environment.ts';
import type { JobSignal } from '../jobs.ts';
import type { Listener, Recovery, RunRecord, TrainEvent, TrainRequest } from '../types.ts';
import { atStep, restoreState, savedStep } from './checkpoint.ts';
import { encodePictures } from './encodePictures.ts';
import { openRun, type TrainDevices } from './openRun.ts';
import { type Prepared, prepareRun } from './prepareRun.ts';
import { type RunControl, StopAsked } from './runControl.ts';
import { compareSources, readSources, type Sources } from './sources.ts';
import { largestLogit, setStatus, trainLoop, type Training } from './trainLoop.ts';
import type { ResolvedModel } from '../model/modelPool.ts';

/** Resolves with the record of a run that is finished, or was stopped. A run whose resumption is refused stays as it was. */
export async function trainRun(
  devices: TrainDevices,
  signal: JobSignal,
  control: RunControl,
  request: TrainRequest,
  listener: Listener<TrainEvent>,
): Promise<RunRecord> {
  const context = await devices.context();
  const { env, runs } = context;
  const { record, ref, model, pairs, resumes, extended } = await openRun(context, request);
  // It may have a new name since it was read: a model takes its time to open.
  const run = resumes ? await runs.takeAgain(record.id) : runs.take(record);
  const status = { context, run, listener };
  const progress = {
    check(): void {
      signal.check();
      control.check();
    },
    preparing: (what: string, done: number, total: number): void => listener({ type: 'preparing', what, done, total }),
  };
  let begun = false;
  try {
    progress.check();
    if (!resumes) {
      await setStatus(status, 'preparing');
      begun = true;
    }
    const sources = await readSources(env, model, pairs, record.config, progress);
    const unchecked = resumes ? compareSources(record, pairs, sources, model) : null;
    const { hashes, dataHash } = sources;
    const now = { model: ref, modelHash: model.hash, pairs, sources: hashes, dataHash };
    run.advance((before) => ({ ...extended(before), ...now }));
    await setStatus(status, 'preparing');
    begun = true;
    const work = { env, signal, control, listener, run, model, sources, progress, unchecked };
    let start: Start = { context, paused: false };
    for (;;) {
      try {
        return await trainOn(start, work);
      } catch (error) {
        start = await recover(devices, work, start.paused, error);
      }
    }
  } catch (error) {
    if (error instanceof StopAsked) return await setStatus(status, 'stopped');
    if (begun) await fail(run, listener, error);
    throw error;
  } finally {
    run.close();
  }
}

interface Work extends Omit<Training, 'context' | 'prepared' | 'paused'> {
  env: Environment;
  model: ResolvedModel;
  sources: Sources;
  progress: { check(): void; preparing(what: string, done: number, total: number): void };
  unchecked: string | null;
}

type Start = Pick<Training, 'context' | 'paused'>;

/** On one device, from the last save on, to the end of the run. */
async function trainOn(
  { context, paused }: Start,
  { signal, control, listener, run, model, sources, progress, unchecked }: Work,
): Promise<RunRecord> {
  let prepared: Prepared | undefined;
  try {
    await encodePictures(context, model, sources, progress, signal);
    prepared = await signal.turn(() => prepareRun(context, run.record, model, sources, progress));
    const { trainer, looks } = prepared;
    await looks?.refer(context, prepared, signal, progress);
    const resumedAt = await signal.turn(() => restoreState(context.env.files, run.record, trainer, model));
    await context.runs.truncateMetrics(run.record.id, resumedAt ?? 0);
    // The record on disk may be older than the state: a step's numbers are there before both.
    const [first] = await context.runs.metrics(run.record.id);
    run.advance((before) => ({
      ...atStep(before, resumedAt ?? 0),
      step0Logit: first?.step === 0 ? largestLogit(first) : before.step0Logit,
      recompute: trainer.recompute,
    }));
    listener({
      type: 'started',
      record: run.record,
      memory: prepared.memory,
      resumedAt,
      // Where no step was saved nothing was computed from what it began with.
      unchecked: resumedAt === null ? null : unchecked,
    });
    const status = { context, run, listener };
    await setStatus(status, paused ? 'paused' : 'running');
    return await trainLoop({ ...status, signal, control, prepared, paused });
  } finally {
    // In a turn: another job may be drawing with what is let go.
    await signal.lastly(async () => prepared?.[Symbol.asyncDispose]());
  }
}

/** Another device in the place of one that was lost. Rejects with any other error, with a loss that is one too many, and where the run is not to
 *  go on: the record is then that of its last save. */
async function recover(
  devices: TrainDevices,
  { env, run, listener, progress }: Work,
  pausedBefore: boolean,
  error: unknown,
): Promise<Start> {
  if (!isWinnowError(error, 'DeviceLost')) throw error;
  const { step: lostAt, status } = run.record;
  const paused = status === 'preparing' ? pausedBefore : status === 'paused';
  const from = (await savedStep(env.files, run.record)) ?? 0;
  run.advance((record) => atStep(record, from));
  // A stop asks for no more than that.
  progress.check();
  const { what: loss } = await devices.survive(error);
  progress.preparing('Opening the GPU again', 0, 1);
  const context = await devices.context();
  const at = env.now().toISOString();
  const recovery: Recovery = { at, loss, lostAt, from };
  const record = await run.update(({ recoveries = [], ...before }) => ({
    ...before,
    status: 'preparing',
    recoveries: [...recoveries, recovery],
    updatedAt: at,
  }));
  listener({ type: 'recovered', recovery, record });
  return { context, paused };
}

async function fail(run: OpenRun, listener: Listener<TrainEvent>, error: unknown): Promise<void> {
  const cancelled = isWinnowError(error, 'Cancelled');
  const change = ({ error: _, ...record }: RunRecord): RunRecord => ({
    ...record,
    status: cancelled ? 'stopped' : 'failed',
    ...(!cancelled && { error: inWords(error).message }),
  });
  // Where even that cannot be written the screen knows, and the run can be resumed as one that was left.
  await run.update(change).catch(() => run.advance(change));
  listener({ type: 'status', record: run.record });
}
