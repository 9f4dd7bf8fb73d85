/** What products are computed in. f16: tiles and their products in half width, sums in f32 (webgpu/kernels/shared/tileHalf.wgsl). */
export type Arithmetic = 'f32' | 'f16';

/** How far pictures in f16 are from the same in f32, in steps of 255 of a colour: eight pictures of the embedded model, 12 steps, by diffusers with the
 *  kernels' rounding (tools/reference/f16_pictures.py). */
export const halfPictureError = { mean: 0.09, largest: 3 } as const;
