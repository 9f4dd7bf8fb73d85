/** The one check that numbers are numbers: latents, pictures, scores, weights, training inputs and losses pass through it before they are
 *  written or counted. */
import { WinnowError } from './errors.ts';

/** Index of the first NaN or infinity; -1 where there is none. */
function firstNotFinite(values: ArrayLike<number>): number {
  for (let i = 0; i < values.length; i++) if (values[i]! - values[i]! !== 0) return i;
  return -1;
}

/** Throws NotFinite.
 *  @param what the numbers are, as the subject of a sentence: `The latents`.
 *  @param remedy likely cause and what to do, one sentence or two. */
export function checkFinite(values: ArrayLike<number>, what: string, remedy: string): void {
  const at = firstNotFinite(values);
  if (at >= 0) throw notFinite(what, values[at]!, remedy);
}

/** The same of numbers in half width, by their bits. */
export function checkFiniteBits(bits: Uint16Array, dtype: 'f16' | 'bf16', what: string, remedy: string): void {
  const infinity = dtype === 'f16' ? 0x7c00 : 0x7f80;
  for (const half of bits) {
    const magnitude = half & 0x7fff;
    if (magnitude >= infinity) throw notFinite(what, magnitude === infinity ? Infinity : NaN, remedy);
  }
}

const notFinite = (what: string, value: number, remedy: string): WinnowError =>
  new WinnowError(
    'NotFinite',
    `${what} ${Number.isNaN(value) ? 'hold not-a-number (NaN)' : 'hold an infinite number'}.`,
    remedy,
  );
