/** The only file that names workers. Callbacks cross as Comlink proxies: pass `listener(fn)` to the engine's verbs. */
import * as Comlink from 'comlink';
import type { Listener } from '../../service/types.ts';
import type { WinnowError } from '../../shared/errors.ts';
import { connect, type EngineConnection } from './connection.ts';

export type { Engine, EngineConnection } from './connection.ts';

/** @param onCrash see `connect`. Throws what the browser throws where it makes no workers. */
export function connectEngine(onCrash: (error: WinnowError) => void): EngineConnection {
  return connect(
    new Worker(new URL('../../../workers/engine.worker.ts', import.meta.url), { type: 'module' }),
    onCrash,
  );
}

export function listener<Event>(fn: Listener<Event>): Listener<Event> {
  return Comlink.proxy(fn);
}
