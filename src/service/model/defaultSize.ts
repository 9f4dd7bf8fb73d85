/** The size of the pictures that a model makes unless somebody says otherwise: for drawing, planning and training alike. */
import type { Config } from '../../models/config.ts';

/** In pixels.
 *  @param pipeline class name in model_index.json, where there is one
 *  @param unet its config.json
 *  @param factor image pixels per latent pixel */
export function defaultSize(
  { pipeline, xl }: { pipeline: string | undefined; xl: boolean },
  unet: Config,
  factor: number,
): { width: number; height: number } {
  // diffusers' pipelines fail on null; these are the sizes of the models themselves.
  const size = unet['sample_size'] ?? (xl ? 128 : 64);
  const [height, width] = (Array.isArray(size) ? size : [size, size]) as [number, number];
  // pipeline_stable_diffusion.py, "sample_size<64": early configs say 32 of models that were trained at 64.
  const wrong =
    !xl && !pipeline?.startsWith('LatentConsistency') && typeof size === 'number' && size < 64 && isBefore09(unet);
  return wrong ? { width: 64 * factor, height: 64 * factor } : { width: width * factor, height: height * factor };
}

function isBefore09({ _diffusers_version: version }: Config): boolean {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(typeof version === 'string' ? version : '') ?? [];
  return major === '0' && Number(minor) < 9;
}
