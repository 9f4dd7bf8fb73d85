/** How long the GPU is held at a time. A slow one that is held for long freezes the page it draws, and the system takes the device away from who
 *  holds it (two seconds on Windows): so a run goes in submits, and a dispatch that is too much by itself in turns. Pure. */
import { type Dispatch, withData } from './kernels/dispatch.ts';

/** What one submit may take, in seconds. */
const SUBMIT_SECONDS = 0.25;
/** Of the best product's rate, what the slowest kernels still reach: attention and weight gradients. */
const SLOWEST = 0.25;
/** Where nothing was measured: an old integrated GPU (UHD 630). */
const ASSUMED_RATE = 6e10;
/** What moves a byte counts as many operations: GPUs do 2 to 13 in the time, by the rate of their products. */
const FLOPS_PER_BYTE = 8;

/** Where shaders run on the CPU, which a submit holds up for nobody. */
const SOFTWARE_FLOPS = 2e11;

/** Operations that one submit holds, and one dispatch, on an adapter whose best product reaches so many a second (webgpu/tune.ts); 0 where that is
 *  not known. Turns on a software adapter would gain nothing. */
export function maxFlops(
  { software }: { software: boolean },
  flopsPerSecond: number,
): { submit: number; dispatch: number } {
  if (software) return { submit: SOFTWARE_FLOPS, dispatch: Infinity };
  const most = SUBMIT_SECONDS * SLOWEST * (flopsPerSecond || ASSUMED_RATE);
  return { submit: most, dispatch: most };
}

export interface Turn {
  dispatch: Dispatch;
  flops: number;
}

/** A dispatch as ranges of its grid of at most so many operations each, as near as its workgroups allow: whole samples, then heads or rows of
 *  tiles, then parts of them. Every workgroup does what it did, so the bits are the same; a kernel without FIRST_X runs at once. Where a turn begins is
 *  data, so that all of a kernel's are one pipeline: a slow GPU has a slow compiler, too. */
export function inTurns(dispatch: Dispatch, flops: number, most: number): Turn[] {
  const wanted = Math.ceil(flops / most);
  if (wanted <= 1 || !dispatch.kernel.code.includes('const FIRST_X')) return [{ dispatch, flops }];
  const [x, y, z] = dispatch.workgroups;
  const kernel = withData(dispatch.kernel, 'FIRST_X', 'FIRST_Y', 'FIRST_Z');
  const turns: Dispatch[] = [];
  for (const [firstZ, deep] of ranges(z, wanted)) {
    for (const [firstY, high] of ranges(y, wanted / z)) {
      for (const [firstX, wide] of ranges(x, wanted / z / y)) {
        const first = { FIRST_X: firstX, FIRST_Y: firstY, FIRST_Z: firstZ };
        turns.push({
          ...dispatch,
          kernel,
          constants: { ...dispatch.constants, ...first },
          workgroups: [wide, high, deep],
        });
      }
    }
  }
  const share = (workgroups: Dispatch['workgroups']): number => workgroups.reduce((a, b) => a * b) / (x * y * z);
  return turns.map((turn) => ({ dispatch: turn, flops: flops * share(turn.workgroups) }));
}

/** [0, count) in at least so many ranges, where it has as many, all of one length but for the last. */
function ranges(count: number, wanted: number): [first: number, length: number][] {
  const length = Math.floor(count / Math.min(count, Math.max(1, Math.ceil(wanted))));
  return Array.from({ length: Math.ceil(count / length) }, (_, i) => [
    i * length,
    Math.min(length, count - i * length),
  ]);
}

/** Consecutive dispatches in groups of at most `most` operations, or of one dispatch; at least one group. */
export function submitGroups<D extends Turn & { places: readonly { size: number }[] }>(
  steps: readonly D[],
  most: number,
): D[][] {
  const groups: D[][] = [[]];
  let taken = 0;
  for (const step of steps) {
    const own = Math.max(step.flops, FLOPS_PER_BYTE * step.places.reduce((sum, { size }) => sum + size, 0));
    if (taken + own > most && groups.at(-1)!.length > 0) {
      groups.push([]);
      taken = 0;
    }
    groups.at(-1)!.push(step);
    taken += own;
  }
  return groups;
}
