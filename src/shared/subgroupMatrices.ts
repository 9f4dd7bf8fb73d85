/** Matrices that lie spread over a subgroup and are multiplied as one: an experiment of Chromium's, asked of an adapter by choice alone. */
export const MATRIX_FEATURE = 'chromium-experimental-subgroup-matrix';
