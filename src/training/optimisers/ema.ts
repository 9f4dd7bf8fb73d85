/** The decay of the average of the trained weights, as diffusers' EMAModel has it with its warm-up (`use_ema_warmup`, inv_gamma 1, power 2/3). */

/** At step t, which counts from 1. At the first it is 0: the average begins with the weights after one step, and follows them closely as long as
 *  they move fast. */
export const emaDecay = (decay: number, t: number): number => Math.min(decay, 1 - t ** (-2 / 3));
