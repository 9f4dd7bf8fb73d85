/** An engine in a worker, which may end at any time: crashed, closed, out of memory, terminated. Comlink would let its calls wait for ever. */
import * as Comlink from 'comlink';
import type { EngineService } from '../../service/types.ts';
import { WinnowError } from '../../shared/errors.ts';

export type Engine = Comlink.Remote<EngineService>;

export interface EngineConnection {
  engine: Engine;
  /** Ends the worker at once, whatever it does; runs go on from their last checkpoint. Verbs at work, and all that are called later, reject with
   *  EngineEnded. */
  end(): void;
}

type Verb = (...args: unknown[]) => Promise<unknown>;

/** @param onCrash the worker ended by itself or cannot be understood any more; verbs have rejected with EngineCrashed. */
export function connect(worker: Worker, onCrash: (error: WinnowError) => void): EngineConnection {
  const remote = Comlink.wrap<EngineService>(worker);
  const atWork = new Set<(error: WinnowError) => void>();
  let over: WinnowError | null = null;

  function finish(error: WinnowError): void {
    over = error;
    worker.terminate();
    for (const reject of atWork) reject(error);
    atWork.clear();
  }

  function crash(why: string): void {
    if (over) return;
    const stopped = (remedy: string): WinnowError =>
      new WinnowError('EngineCrashed', `The engine stopped: ${why.replace(/\.?$/, '.')}`, remedy);
    finish(stopped('What was finished is kept; ask for the rest when it runs again.'));
    onCrash(stopped('Start it again; runs go on from their last checkpoint.'));
  }

  worker.addEventListener('error', (event) => crash(event.message || 'its program could not be loaded'));
  worker.addEventListener('messageerror', () => crash('a message of it could not be read'));
  worker.addEventListener('message', ({ data }: MessageEvent<{ heldLock?: string } | null>) => {
    // Held for as long as the worker lives, and the one sign of an end that raises no event.
    if (data?.heldLock)
      navigator.locks.request(data.heldLock, () => crash('it ended without a word')).catch(() => undefined);
  });

  const call =
    (verb: keyof EngineService): Verb =>
    (...args) =>
      new Promise((resolve, reject) => {
        if (over) return reject(over);
        atWork.add(reject);
        (remote[verb] as Verb)(...args)
          .then(resolve, reject)
          .finally(() => atWork.delete(reject));
      });

  return {
    // Not a promise, whoever returns it from an async function.
    engine: new Proxy({} as Engine, {
      get: (_, name) => (name === 'then' ? undefined : call(name as keyof EngineService)),
    }),
    end: () => {
      if (over) return;
      finish(
        new WinnowError(
          'EngineEnded',
          'The engine was ended while this was at work.',
          'What was finished is kept; ask for the rest again.',
        ),
      );
    },
  };
}
