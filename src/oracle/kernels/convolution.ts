/** Float64 2-D convolution (cross-correlation, as in torch.nn.Conv2d) and its gradients, by unfolding each image into columns. */
import type { Padding } from '../../graph/ops.ts';
import { axes4 } from '../../shared/shape.ts';
import { type CpuKernel, matmul, matrix, transposed } from '../tensor.ts';

interface Window {
  C: number;
  H: number;
  W: number;
  kh: number;
  kw: number;
  outH: number;
  outW: number;
  stride: number;
  padding: Padding;
}

/** Calls visit(pixel, column) for every pair of an input pixel (in [C, H, W]) and the place in columns [C kh kw, H' W'] that reads it. */
function unfold(
  { C, H, W, kh, kw, outH, outW, stride, padding: [top, left] }: Window,
  visit: (pixel: number, column: number) => void,
): void {
  for (let c = 0, row = 0; c < C; c++)
    for (let ky = 0; ky < kh; ky++)
      for (let kx = 0; kx < kw; kx++, row++)
        for (let oy = 0; oy < outH; oy++) {
          const iy = oy * stride + ky - top;
          if (iy < 0 || iy >= H) continue;
          for (let ox = 0; ox < outW; ox++) {
            const ix = ox * stride + kx - left;
            if (ix >= 0 && ix < W) visit((c * H + iy) * W + ix, (row * outH + oy) * outW + ox);
          }
        }
}

/** x [N, C, H, W], weight [O, C, kh, kw], bias [O]?, residual [N, O, H', W'] or [N, O, 1, 1]? → scale * (conv + bias) + residual. */
export const conv2d: CpuKernel<'conv2d'> = ({ stride, padding, bias, residual, scale }, inputs, [y]) => {
  const [x, weight] = [inputs[0]!, inputs[1]!];
  const [N, C, H, W] = axes4(x.shape);
  const [O, , kh, kw] = axes4(weight.shape);
  const [, , outH, outW] = axes4(y!.shape);
  const [taps, P] = [C * kh * kw, outH * outW];
  const out = y!.data;
  const b = bias ? inputs[2]!.data : undefined;
  const r = residual ? inputs[bias ? 3 : 2]!.data : undefined;
  const perChannel = r?.length === N * O;
  for (let row = 0, i = 0; row < N * O; row++)
    for (let p = 0; p < P; p++, i++) out[i] = (b ? scale * b[row % O]! : 0) + (r ? r[perChannel ? row : i]! : 0);
  // What padding reads stays zero, and is the same for every image.
  const columns = new Float64Array(taps * P);
  for (let n = 0; n < N; n++) {
    const image = x.data.subarray(n * C * H * W, (n + 1) * C * H * W);
    unfold({ C, H, W, kh, kw, outH, outW, stride, padding }, (pixel, column) => (columns[column] = image[pixel]!));
    matmul(O, P, taps, matrix(weight.data, taps), matrix(columns, P), matrix(out, P, n * O * P), {
      factor: scale,
      add: true,
    });
  }
};

/** dy [N, O, H', W'], weight [O, C, kh, kw], residual [N, C, H, W]? → scale * dx + residual. */
export const conv2dGradInput: CpuKernel<'conv2dGradInput'> = ({ stride, padding, residual, scale }, inputs, [dx]) => {
  const [dy, weight] = [inputs[0]!, inputs[1]!];
  const [N, C, H, W] = axes4(dx!.shape);
  const [O, , kh, kw] = axes4(weight.shape);
  const [, , outH, outW] = axes4(dy.shape);
  const [taps, P] = [C * kh * kw, outH * outW];
  const columns = new Float64Array(taps * P);
  if (residual) dx!.data.set(inputs[2]!.data);
  else dx!.data.fill(0);
  for (let n = 0; n < N; n++) {
    const image = dx!.data.subarray(n * C * H * W, (n + 1) * C * H * W);
    matmul(taps, P, O, transposed(matrix(weight.data, taps)), matrix(dy.data, P, n * O * P), matrix(columns, P), {
      factor: scale,
    });
    unfold({ C, H, W, kh, kw, outH, outW, stride, padding }, (pixel, column) => (image[pixel]! += columns[column]!));
  }
};

/** dy [N, O, H', W'], x [N, C, H, W] → scale * dW [O, C, kh, kw], and with bias scale * the sum of dy over images and pixels [O]. */
export const conv2dGradWeight: CpuKernel<'conv2dGradWeight'> = ({ stride, padding, scale }, [dy, x], [dw, db]) => {
  const [N, C, H, W] = axes4(x!.shape);
  const [O, , kh, kw] = axes4(dw!.shape);
  const [, , outH, outW] = axes4(dy!.shape);
  const [taps, P] = [C * kh * kw, outH * outW];
  const columns = new Float64Array(taps * P);
  dw!.data.fill(0);
  for (let n = 0; n < N; n++) {
    const image = x!.data.subarray(n * C * H * W, (n + 1) * C * H * W);
    unfold({ C, H, W, kh, kw, outH, outW, stride, padding }, (pixel, column) => (columns[column] = image[pixel]!));
    matmul(O, taps, P, matrix(dy!.data, P, n * O * P), transposed(matrix(columns, P)), matrix(dw!.data, taps), {
      factor: scale,
      add: true,
    });
  }
  if (!db) return;
  db.data.fill(0);
  dy!.data.forEach((g, i) => (db.data[Math.floor(i / P) % O]! += scale * g));
};
