/** What products are computed in. f16: tiles and their products in half width, sums in f32 (webgpu/kernels/shared/tileHalf.wgsl). */
export type Arithmetic = 'f32' | 'f16';

/** How far pictures in f16 are from the same in f32, in steps of 255 of a colour: the embedded model, eight pictures of 12 steps, on lavapipe
 *  (`node bench/run.mjs f16`). */
export const halfPictureError = { mean: 0.0, largest: 0 };
