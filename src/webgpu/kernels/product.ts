/** A matrix product by strides, which linear layers, their gradients and 1x1 convolutions come to: plain data for whichever kernel computes it. */
import type { Value } from '../../graph/graph.ts';
import { formatOf } from './dispatch.ts';

/** C[m, n] = scale * (sum over k of A[m, k] B[n, k] + bias) + residual, by strides in elements. */
export interface Product {
  rows: number;
  columns: number;
  /** k = outer * depth[1] + inner. */
  depth: readonly [outer: number, inner: number];
  /** first: element that the matrix begins with. */
  a: { value: Value; first?: number; row: number; depth: readonly [outer: number, inner: number] };
  /** n = outer * columnsInner + inner, in B and C alike. */
  b: {
    value: Value;
    first?: number;
    column: readonly [outer: number, inner: number];
    depth: readonly [outer: number, inner: number];
  };
  c: { value: Value; row: number; column: readonly [outer: number, inner: number] };
  columnsInner: number;
  scale: number;
  bias?: Value | undefined;
  /** Whether the bias belongs to C's rows rather than its columns. */
  biasByRow?: boolean;
  /** C itself: the product is added to what C is. */
  residual?: Value | undefined;
  /** [rows], where the sums over k of A[m, k] are wanted, too, times scale. */
  rowSums?: Value | undefined;
}

/** Whether B is kept in halves, and both of every word belong to one column, one behind the other in depth. */
export const hasPairs = ({ b, depth }: Product): boolean =>
  formatOf[b.value.dtype] > 0 &&
  b.depth[1] === 1 &&
  [b.first ?? 0, depth[1], b.depth[0], ...b.column].every((stride) => stride % 2 === 0);

/** The same product as Cᵀ = B Aᵀ. */
export function transposed({ rows, columns, a, b, c, biasByRow = false, ...rest }: Product): Product {
  return {
    ...rest,
    rows: columns,
    columns: rows,
    a: { value: b.value, ...(b.first && { first: b.first }), row: b.column[1], depth: b.depth },
    b: { value: a.value, ...(a.first && { first: a.first }), column: [0, a.row], depth: a.depth },
    c: { value: c.value, row: c.column[1], column: [0, c.row] },
    columnsInner: rows,
    biasByRow: !biasByRow,
  };
}

/** Slices of the depth. */
export const splitData = ['SPLIT_DEPTH', 'C_SPLIT'];
/** What a kernel of a product may take as data (anyShape.ts). */
export const productData = [
  'ROWS',
  'COLUMNS',
  'COLUMNS_INNER',
  'DEPTH_OUTER',
  'DEPTH_INNER',
  'A_FIRST',
  'A_ROW',
  'A_DEPTH',
  'A_DEPTH_OUTER',
  'B_FIRST',
  'B_COLUMN',
  'B_COLUMN_OUTER',
  'B_DEPTH',
  'B_DEPTH_OUTER',
  'C_ROW',
  'C_COLUMN',
  'C_COLUMN_OUTER',
  'SCALE',
];
