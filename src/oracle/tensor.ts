/** What the CPU kernels work on: row-major float64 arrays with a shape, and the two loops most of them need. */
import type { OpKind, OpParams } from '../graph/ops.ts';
import type { Shape } from '../shared/shape.ts';
import { sizeOf, stridesOf } from '../shared/shape.ts';

/** Ids and indices are held as doubles too (exact to 2^53), so that every kernel sees one kind of array. */
export interface Tensor {
  readonly shape: Shape;
  readonly data: Float64Array;
}

/** Computes an op: writes every element of `outputs`, whose shapes are the shape rule's. Mutating step ops write their inputs instead. */
export type CpuKernel<K extends OpKind> = (
  params: OpParams[K],
  inputs: readonly Tensor[],
  outputs: readonly Tensor[],
) => void;

/** Calls visit(i, j) for every element i of `full`, in row-major order, with the element j of `small` that broadcasts to it.
 *  Same rank; each axis of `small` is that of `full` or 1. */
export function forEachBroadcast(full: Shape, small: Shape, visit: (i: number, j: number) => void): void {
  const strides = stridesOf(small).map((stride, axis) => (small[axis] === 1 ? 0 : stride));
  forEachStrided(full, strides, visit);
}

/** Calls visit(i, j) for every index of `shape` in row-major order: i counts up, j = index · strides. */
export function forEachStrided(shape: Shape, strides: readonly number[], visit: (i: number, j: number) => void): void {
  const rank = shape.length;
  const inner = rank > 0 ? shape[rank - 1]! : 1;
  const innerStride = rank > 0 ? strides[rank - 1]! : 0;
  const rows = inner === 0 ? 0 : sizeOf(shape) / inner;
  const index = shape.map(() => 0);
  let start = 0;
  for (let row = 0, i = 0; row < rows; row++) {
    for (let k = 0; k < inner; k++, i++) visit(i, start + k * innerStride);
    for (let axis = rank - 2; axis >= 0; axis--) {
      start += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      start -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
}

/** A matrix inside an array: element (i, j) is data[offset + i * row + j * column]. A transpose swaps row and column. */
export interface Matrix {
  data: Float64Array;
  offset: number;
  row: number;
  column: number;
}

export const matrix = (data: Float64Array, columns: number, offset = 0): Matrix => ({
  data,
  offset,
  row: columns,
  column: 1,
});
export const transposed = ({ data, offset, row, column }: Matrix): Matrix => ({
  data,
  offset,
  row: column,
  column: row,
});

/** c[i, j] = (add ? c[i, j] : 0) + factor * sum over k of a[i, k] b[k, j]; i < M, j < N, k < K, sums in order of k.
 *  Two rows by four columns at a time: eight sums stay in registers, which is what makes training on the CPU bearable in tests. */
export function matmul(
  M: number,
  N: number,
  K: number,
  a: Matrix,
  b: Matrix,
  c: Matrix,
  { factor = 1, add = false } = {},
): void {
  const [ad, bd, cd] = [a.data, b.data, c.data];
  const [ac, br, bc, cc] = [a.column, b.row, b.column, c.column];
  const store = (at: number, sum: number): void => {
    cd[at] = (add ? cd[at]! : 0) + factor * sum;
  };
  for (let i = 0; i < M; i += 2) {
    const two = i + 1 < M;
    const a0 = a.offset + i * a.row;
    const a1 = two ? a0 + a.row : a0;
    for (let j = 0; j < N; j += 4) {
      const width = Math.min(4, N - j);
      const b0 = b.offset + j * bc;
      const b1 = width > 1 ? b0 + bc : b0;
      const b2 = width > 2 ? b1 + bc : b0;
      const b3 = width > 3 ? b2 + bc : b0;
      let [s00, s01, s02, s03, s10, s11, s12, s13] = [0, 0, 0, 0, 0, 0, 0, 0];
      for (let k = 0, ka = 0, kb = 0; k < K; k++, ka += ac, kb += br) {
        const x0 = ad[a0 + ka]!;
        const x1 = ad[a1 + ka]!;
        const y0 = bd[b0 + kb]!;
        const y1 = bd[b1 + kb]!;
        const y2 = bd[b2 + kb]!;
        const y3 = bd[b3 + kb]!;
        s00 += x0 * y0;
        s01 += x0 * y1;
        s02 += x0 * y2;
        s03 += x0 * y3;
        s10 += x1 * y0;
        s11 += x1 * y1;
        s12 += x1 * y2;
        s13 += x1 * y3;
      }
      const c0 = c.offset + i * c.row + j * cc;
      const c1 = c0 + c.row;
      store(c0, s00);
      if (two) store(c1, s10);
      if (width > 1) store(c0 + cc, s01);
      if (width > 1 && two) store(c1 + cc, s11);
      if (width > 2) store(c0 + 2 * cc, s02);
      if (width > 2 && two) store(c1 + 2 * cc, s12);
      if (width > 3) store(c0 + 3 * cc, s03);
      if (width > 3 && two) store(c1 + 3 * cc, s13);
    }
  }
}
