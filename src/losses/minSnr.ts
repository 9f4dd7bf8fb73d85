/** Min-SNR weighting (https://arxiv.org/abs/2303.09556, for epsilon) on the logit of a pair: timesteps with little noise, where a small
 *  change of the image is a large change of the error, count less. */

/** [B]: min(SNR, gamma) / SNR from SNR(t) [B]; 1 where there is no signal at all. */
export const minSnrScale = (snr: ArrayLike<number>, gamma: number): Float32Array =>
  Float32Array.from(snr, (value) => (value <= gamma ? 1 : gamma / value));
