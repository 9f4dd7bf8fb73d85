/** Classifier-free guidance (https://arxiv.org/abs/2207.12598). */

/** pipeline_stable_diffusion.py: guidance runs only above 1, and with it the batch is [unconditional, conditional]. */
export const usesGuidance = (guidanceScale: number): boolean => guidanceScale > 1;

/** unconditional + scale (conditional - unconditional); both [B, ...], one sample after the other.
 *  guidanceRescale > 0 pulls the deviation of each sample back to the conditional one's (https://arxiv.org/abs/2305.08891, section 3.4;
 *  diffusers rescale_noise_cfg). */
export function guide(options: {
  unconditional: Float32Array;
  conditional: Float32Array;
  guidanceScale: number;
  guidanceRescale?: number;
  batch?: number;
}): Float32Array {
  const { unconditional, conditional, guidanceScale, guidanceRescale = 0, batch = 1 } = options;
  const out = unconditional.map((u, i) => u + guidanceScale * (conditional[i]! - u));
  if (guidanceRescale === 0) return out;
  const size = out.length / batch;
  for (let b = 0; b < batch; b++) {
    const guided = out.subarray(b * size, (b + 1) * size);
    const ratio = deviation(conditional.subarray(b * size, (b + 1) * size)) / deviation(guided);
    const factor = guidanceRescale * ratio + (1 - guidanceRescale);
    for (let i = 0; i < size; i++) guided[i]! *= factor;
  }
  return out;
}

/** torch.std: with Bessel's correction. */
function deviation(x: Float32Array): number {
  const mean = x.reduce((sum, v) => sum + v, 0) / x.length;
  return Math.sqrt(x.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (x.length - 1));
}
