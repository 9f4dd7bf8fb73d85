/** What products are computed in. f16: tiles and their products in half width, sums in f32 (webgpu/kernels/shared/tileHalf.wgsl). */
export type Arithmetic = 'f32' | 'f16';

/** How far pictures in f16 are from the same in f32, in steps of 255 of a colour: eight of the embedded model, 12 steps at its own guidance, on lavapipe
 *  (docs/adapters.md). */
export const halfPictureError = { mean: 0.02, largest: 1 } as const;
