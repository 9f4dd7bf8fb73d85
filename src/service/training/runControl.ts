/** What a person wants of a run at work. Commands wait until the loop comes by; whoever sent one hears when it has been carried out. */
import { isWinnowError, WinnowError } from '../../shared/errors.ts';
import type { TrainCommand } from '../types.ts';

/** Thrown where a run that is still being prepared, or draws samples, is to stop. */
export class StopAsked extends Error {}

interface Sent {
  command: TrainCommand;
  resolve(): void;
  reject(error: unknown): void;
}

export class RunControl {
  private readonly queue: Sent[] = [];
  private wake: (() => void) | undefined;
  private over: { error: unknown } | undefined;

  /** Resolves when the command has been carried out; rejects with what kept it from that. */
  send(command: TrainCommand): Promise<void> {
    if (this.over) return Promise.reject(this.over.error);
    return new Promise((resolve, reject) => {
      this.queue.push({ command, resolve, reject });
      this.wake?.();
    });
  }

  /** Throws StopAsked once a stop waits: for what takes long and leaves nothing half-done. */
  check(): void {
    if (this.queue.some(({ command }) => command === 'stop')) throw new StopAsked();
  }

  /** Carries out the next command, if one waits, and gives it back. Whoever sent it hears what kept it from being carried out: an error that
   *  `carryOut` gives back (the run goes on), or throws (which the loop hears, too). What a loss of the device cuts off comes first when the run
   *  goes on. */
  async serve(carryOut: (command: TrainCommand) => Promise<Error | undefined>): Promise<TrainCommand | undefined> {
    const sent = this.queue.shift();
    if (!sent) return undefined;
    try {
      const kept = await carryOut(sent.command);
      if (kept) sent.reject(kept);
      else sent.resolve();
    } catch (error) {
      if (isWinnowError(error, 'DeviceLost')) this.queue.unshift(sent);
      else sent.reject(error);
      throw error;
    }
    return sent.command;
  }

  /** Resolves when a command waits, or the job is cancelled. */
  async waiting(aborted: AbortSignal): Promise<void> {
    if (this.queue.length > 0 || aborted.aborted) return;
    await new Promise<void>((resolve) => {
      this.wake = resolve;
      aborted.addEventListener('abort', () => resolve(), { once: true });
    });
    this.wake = undefined;
  }

  /** The run has ended: what still waits settles, and what comes later. `saved`: it was saved where it ended, which is all that save and
   *  stop ask for. */
  end(outcome: { saved: boolean } | { error: unknown }): void {
    const error =
      'error' in outcome
        ? outcome.error
        : new WinnowError('NotFound', 'This run has ended meanwhile.', 'Resume it, if it has steps left.');
    this.over = { error };
    for (const { command, resolve, reject } of this.queue.splice(0)) {
      const done = 'saved' in outcome && (command === 'stop' || (command === 'save' && outcome.saved));
      if (done) resolve();
      else reject(error);
    }
  }
}
