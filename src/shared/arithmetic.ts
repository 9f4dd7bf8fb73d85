/** What products are computed in. f16: tiles and their products in half width, sums in f32 (webgpu/kernels/shared/tileHalf.wgsl). */
export type Arithmetic = 'f32' | 'f16';
