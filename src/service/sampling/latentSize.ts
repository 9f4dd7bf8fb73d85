/** From pixels to latents. */
import { WinnowError } from '../../shared/errors.ts';
import { limits } from '../../shared/limits.ts';

/** Throws BadArguments for a size in pixels that the autoencoder's factor does not divide, or that nothing can make. */
export function latentSizeOf(
  { width, height }: { width: number; height: number },
  factor: number,
): { width: number; height: number } {
  const refused = (remedy: string): WinnowError =>
    new WinnowError('BadArguments', `This model cannot make ${width} by ${height} pixels.`, remedy);
  if (!(width > 0 && height > 0 && width % factor === 0 && height % factor === 0))
    throw refused(`Choose multiples of ${factor}.`);
  if (Math.max(width, height) > limits.side) throw refused(`Choose at most ${limits.side} a side.`);
  return { height: height / factor, width: width / factor };
}
