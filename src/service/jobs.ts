/** One job at a time, in order of call: the engine and onnxruntime share one device and neither may run twice at once. */
import { WinnowError } from '../shared/errors.ts';

/** Asked between steps; throws Cancelled once the job has been cancelled. */
export interface JobSignal {
  check(): void;
  readonly cancelled: boolean;
}

export class JobQueue {
  private tail: Promise<unknown> = Promise.resolve();
  private readonly active = new Map<string, { cancelled: boolean }>();

  /** Runs `work` after every job queued before it. */
  run<T>(job: string, work: (signal: JobSignal) => Promise<T>): Promise<T> {
    const state = { cancelled: false };
    this.active.set(job, state);
    const signal: JobSignal = {
      get cancelled() {
        return state.cancelled;
      },
      check() {
        if (state.cancelled) throw new WinnowError('Cancelled', 'The job was cancelled.', 'What was finished before is kept.');
      },
    };
    const result = this.tail.then(async () => {
      signal.check();
      return work(signal);
    });
    this.tail = result.catch(() => undefined).finally(() => this.active.delete(job));
    return result;
  }

  cancel(job: string): void {
    const state = this.active.get(job);
    if (state) state.cancelled = true;
  }
}
