/** A training run from request to record: opens it, reads what it trains on, prepares, steps, and writes how it ended. */
import '../../shared/disposable.ts';
import { inWords, isWinnowError } from '../../shared/errors.ts';
import type { JobSignal } from '../jobs.ts';
import { forecastOf } from '../planning/forecast.ts';
import type { Listener, RunRecord, TrainEvent, TrainRequest } from '../types.ts';
import { openRun, type TrainContext } from './openRun.ts';
import { type Prepared, prepareRun } from './prepareRun.ts';
import { type RunControl, StopAsked } from './runControl.ts';
import type { OpenRun } from '../../data/runStore.ts';
import { compareSources, readSources } from './sources.ts';
import { setStatus, trainLoop } from './trainLoop.ts';

/** Resolves with the record of a run that is finished, or was stopped. A run whose resumption is refused stays as it was. */
export async function trainRun(
  context: TrainContext,
  signal: JobSignal,
  control: RunControl,
  request: TrainRequest,
  listener: Listener<TrainEvent>,
): Promise<RunRecord> {
  const { env, runs } = context;
  const { record, ref, model, pairs, resumes } = await openRun(context, request);
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
  let prepared: Prepared | undefined;
  try {
    progress.check();
    if (!resumes) {
      await setStatus(status, 'preparing');
      begun = true;
    }
    const sources = await readSources(env, model, pairs, progress);
    const unchecked = resumes ? compareSources(record, pairs, sources, model) : null;
    const { hashes, dataHash } = sources;
    const now = { model: ref, modelHash: model.hash, pairs, sources: hashes, dataHash };
    run.advance((before) => ({ ...before, ...now }));
    await setStatus(status, 'preparing');
    begun = true;
    prepared = await signal.turn(() => prepareRun(context, run.record, model, sources, progress));
    const { resumedAt, spec, trainer } = prepared;
    run.advance((before) => atStep(before, resumedAt ?? 0, trainer.recompute));
    await runs.truncateMetrics(record.id, resumedAt ?? 0);
    listener({
      type: 'started',
      record: run.record,
      memory: forecastOf(spec, trainer.memory, trainer.flops),
      resumedAt,
      // Where no step was saved nothing was computed from what it began with.
      unchecked: resumedAt === null ? null : unchecked,
    });
    await setStatus(status, 'running');
    return await trainLoop({ ...status, signal, control, prepared });
  } catch (error) {
    if (error instanceof StopAsked) return await setStatus(status, 'stopped');
    if (begun) await fail(run, listener, error);
    throw error;
  } finally {
    run.close();
    // In a turn: another job may be drawing with what is let go.
    await signal.lastly(async () => prepared?.[Symbol.asyncDispose]());
  }
}

/** What lies after the save that it goes on from is made anew. */
const atStep = (record: RunRecord, step: number, recompute: NonNullable<RunRecord['recompute']>): RunRecord => ({
  ...record,
  step,
  recompute,
  samples: record.samples.filter((sample) => sample.step <= step),
  checkpoints: record.checkpoints.filter((checkpoint) => checkpoint.step <= step),
});

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
