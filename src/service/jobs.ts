/** Jobs take turns: the engine and onnxruntime share one device and neither may run twice at once. A turn is one image, one training step,
 *  one batch of scores; between turns other jobs go on, so that a picture can be made while a run trains. */
import { WinnowError } from '../shared/errors.ts';

export interface JobSignal {
  /** Runs `work` when it is this job's turn, in order of asking; rejects with Cancelled once the job has been cancelled. */
  turn<T>(work: () => Promise<T>): Promise<T>;
  /** Runs `work` in a turn even where the job has been cancelled: for what it has to leave as it was. */
  lastly<T>(work: () => Promise<T>): Promise<T>;
  /** Throws Cancelled once the job has been cancelled: for long turns. */
  check(): void;
  /** Aborts when the job is cancelled: for what waits on something other than a turn. */
  readonly aborted: AbortSignal;
}

export class Jobs {
  private tail: Promise<unknown> = Promise.resolve();
  private readonly active = new Map<string, { state: AbortController; ended: Promise<unknown> }>();

  run<T>(job: string, work: (signal: JobSignal) => Promise<T>): Promise<T> {
    const entry = { state: new AbortController(), ended: Promise.resolve() as Promise<unknown> };
    this.active.set(job, entry);
    const result = this.work(entry.state, work);
    entry.ended = result.catch(() => undefined);
    return result.finally(() => {
      if (this.active.get(job) === entry) this.active.delete(job);
    });
  }

  /** Resolves when the job has ended; at once if it is not at work. */
  async cancel(job: string): Promise<void> {
    const found = this.active.get(job);
    found?.state.abort();
    await found?.ended;
  }

  /** Cancels every job. Resolves when all have ended. */
  async cancelAll(): Promise<void> {
    await Promise.all([...this.active.keys()].map((job) => this.cancel(job)));
  }

  private async work<T>(state: AbortController, work: (signal: JobSignal) => Promise<T>): Promise<T> {
    const check = (): void => {
      if (state.signal.aborted)
        throw new WinnowError('Cancelled', 'The job was cancelled.', 'What was finished before is kept.');
    };
    return work({
      check,
      aborted: state.signal,
      turn: (step) => this.exclusive(async () => (check(), step())),
      lastly: (step) => this.exclusive(step),
    });
  }

  private exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.tail.then(work);
    this.tail = result.catch(() => undefined);
    return result;
  }
}
