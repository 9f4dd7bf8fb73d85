/** Dawn under Node (npm `webgpu`) looks for news at every turn of the event loop for as long as it waits: `setImmediate`, again and again, a processor's
 *  whole time. Beside a GPU that costs nothing; where the processors are the GPU it takes one of them away. */

type Immediate = typeof setImmediate;

/** Dawn's own callback: an anonymous function of native code. Bound functions are native, too, and have a name. */
const isDawns = (callback: Parameters<Immediate>[0]): boolean =>
  callback.name === '' && Function.prototype.toString.call(callback).endsWith('{ [native code] }');

/** How long it waits between two looks, ms: timers have no finer steps. */
const LOOK_MS = 1;

let installed = false;

/** From now on Dawn looks once a millisecond; everybody else's setImmediate stays what it is. Once a process. */
export function waitPatiently(): void {
  if (installed) return;
  installed = true;
  const immediate = globalThis.setImmediate;
  globalThis.setImmediate = Object.assign(
    (callback: Parameters<Immediate>[0], ...args: unknown[]) =>
      isDawns(callback) ? setTimeout(callback, LOOK_MS) : immediate(callback, ...args),
    immediate,
  ) as unknown as Immediate;
}
