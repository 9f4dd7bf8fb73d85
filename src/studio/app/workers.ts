/** The only file that names workers. Callbacks cross as Comlink proxies: pass `listener(fn)` to the engine's verbs. */
import * as Comlink from 'comlink';
import type { EngineService, Listener } from '../../service/types.ts';

export type Engine = Comlink.Remote<EngineService>;

export interface EngineConnection {
  engine: Engine;
  /** Ends the worker at once, whatever it does; runs go on from their last checkpoint. */
  end(): void;
}

/** @param onCrash the worker could not be loaded, or died outside a verb. */
export function connectEngine(onCrash: (message: string) => void): EngineConnection {
  const worker = new Worker(new URL('../../../workers/engine.worker.ts', import.meta.url), { type: 'module' });
  worker.addEventListener('error', (event) => onCrash(event.message || 'The engine could not be loaded.'));
  return { engine: Comlink.wrap<EngineService>(worker), end: () => worker.terminate() };
}

export function listener<Event>(fn: Listener<Event>): Listener<Event> {
  return Comlink.proxy(fn);
}
