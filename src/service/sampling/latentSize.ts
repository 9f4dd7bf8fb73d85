/** From pixels to latents. */
import { WinnowError } from '../../shared/errors.ts';

/** Throws BadArguments for a size in pixels that the autoencoder's factor does not divide. */
export function latentSizeOf(
  { width, height }: { width: number; height: number },
  factor: number,
): { width: number; height: number } {
  if (width > 0 && height > 0 && width % factor === 0 && height % factor === 0)
    return { height: height / factor, width: width / factor };
  throw new WinnowError(
    'BadArguments',
    `This model cannot make ${width} by ${height} pixels.`,
    `Choose multiples of ${factor}.`,
  );
}
