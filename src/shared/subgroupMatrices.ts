/** Matrices that lie spread over a subgroup and are multiplied as one: an experiment of Chromium's, asked of an adapter by choice alone. */
export const MATRIX_FEATURE = 'chromium-experimental-subgroup-matrix';
/** Lets a kernel say how large its subgroups are. */
export const SIZE_FEATURE = 'subgroup-size-control';

/** M x K of the left one, K x N of the right one. */
export type MatrixShape = Readonly<Record<'M' | 'N' | 'K', number>>;

/** In f32. Metal has it; Vulkan's drivers list f16 and integers. */
export const wholeMatrix: MatrixShape = { M: 8, N: 8, K: 8 };

export interface HalfMatrixShape extends MatrixShape {
  /** Whether subgroups of 32 are asked for: an adapter has others, which would be too wide. */
  sized?: boolean;
}

/** In f16 with sums in f32, by the names of the variants that multiply so. */
export const halfMatrices = {
  matrix16x16x16: { M: 16, N: 16, K: 16 },
  matrix8x16x16: { M: 8, N: 16, K: 16 },
  matrix16x8x16: { M: 16, N: 8, K: 16 },
  matrix8x8x8: { M: 8, N: 8, K: 8 },
  matrix16x16x16of32: { M: 16, N: 16, K: 16, sized: true },
} as const satisfies Readonly<Record<string, HalfMatrixShape>>;
export type HalfMatrix = keyof typeof halfMatrices;
export const halfMatrixNames = Object.keys(halfMatrices) as HalfMatrix[];
