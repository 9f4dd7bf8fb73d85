/** Products over the pixels of pictures [N, C, H, W] or over tokens [N, T, C], each of which may lie as the other (webgpu/across.ts). */
import type { Value } from '../../graph/graph.ts';
import { sizeOf } from '../../shared/shape.ts';
import { type LowerContext, stretchOf } from './dispatch.ts';
import type { Product } from './product.ts';

/** How a value is said to lie: with its channels second, or last. */
export type Order = 'picture' | 'tokens';

/** In elements. */
interface Steps {
  sample: number;
  channel: number;
  pixel: number;
}

interface Sizes {
  batch: number;
  /** Pixels or tokens of a sample. */
  pixels: number;
}

/** Of a value with so many channels, where it lies. */
function stepsOf(value: Value, order: Order, { batch, pixels }: Sizes, { across }: LowerContext): Steps {
  const channels = sizeOf(value.shape) / (batch * pixels);
  const last = (order === 'tokens') !== (across?.has(value) ?? false);
  const sample = channels * pixels;
  return last ? { sample, channel: 1, pixel: channels } : { sample, channel: pixels, pixel: 1 };
}

/** y[n, o, p] = sum over c of W[o, c] x[n, c, p], or by W's transpose; the pixels of all samples are one long row of columns. */
export function overPixels(
  {
    weight,
    x,
    y,
    turned,
    ...ends
  }: { weight: Value; x: Value; y: Value; turned: boolean } & Pick<Product, 'scale' | 'bias' | 'residual'>,
  order: Order,
  context: LowerContext,
): Product {
  const { operand, first, rowStride } = stretchOf(weight);
  const [outer, inner] = weight.shape as [number, number];
  const [rows, channels] = turned ? [inner, outer] : [outer, inner];
  const batch = x.shape[0]!;
  const sizes = { batch, pixels: sizeOf(x.shape) / (batch * channels) };
  const [from, to] = [stepsOf(x, order, sizes, context), stepsOf(y, order, sizes, context)];
  return {
    ...ends,
    rows,
    columns: batch * sizes.pixels,
    depth: [1, channels],
    a: { value: operand, first, row: turned ? 1 : rowStride, depth: [0, turned ? rowStride : 1] },
    b: { value: x, column: [from.sample, from.pixel], depth: [0, from.channel] },
    c: { value: y, row: to.channel, column: [to.sample, to.pixel] },
    columnsInner: sizes.pixels,
    biasByRow: true,
  };
}

/** dw[o, c] = sum over n and p of dy[n, o, p] x[n, c, p]. */
export function weightOverPixels(
  { dy, x, dw, ...ends }: { dy: Value; x: Value; dw: Value } & Pick<Product, 'scale' | 'rowSums'>,
  order: Order,
  context: LowerContext,
): Product {
  const [rows, columns] = dw.shape as [number, number];
  const batch = x.shape[0]!;
  const sizes = { batch, pixels: sizeOf(x.shape) / (batch * columns) };
  const [a, b] = [stepsOf(dy, order, sizes, context), stepsOf(x, order, sizes, context)];
  return {
    ...ends,
    rows,
    columns,
    depth: [batch, sizes.pixels],
    a: { value: dy, row: a.channel, depth: [a.sample, a.pixel] },
    b: { value: x, column: [0, b.channel], depth: [b.sample, b.pixel] },
    c: { value: dw, row: columns, column: [0, 1] },
    columnsInner: columns,
  };
}
