/** Float64 elementwise ops, their gradients, and the reductions and broadcasts that undo one another. */
import type { UnaryFn } from '../../graph/ops.ts';
import { type CpuKernel, forEachBroadcast } from '../tensor.ts';

const sigmoid = (x: number): number => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));

/** erf to double precision: Maclaurin series below 2.5, Lentz's continued fraction of erfc above (Abramowitz and Stegun 7.1.5, 7.1.14). */
export function erf(x: number): number {
  const a = Math.abs(x);
  if (a > 6) return Math.sign(x);
  if (a < 2.5) {
    let [term, sum] = [x, x];
    for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
      term *= (-x * x) / n;
      sum += term / (2 * n + 1);
    }
    return (2 / Math.sqrt(Math.PI)) * sum;
  }
  let fraction = 0;
  for (let n = 60; n > 0; n--) fraction = n / 2 / (a + fraction);
  return Math.sign(x) * (1 - Math.exp(-a * a) / (Math.sqrt(Math.PI) * (a + fraction)));
}

/** Standard normal distribution function and density: gelu(x) = x Φ(x). */
const normalCdf = (x: number): number => 0.5 * (1 + erf(x * Math.SQRT1_2));
const normalPdf = (x: number): number => Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);
const gelu = (x: number): number => x * normalCdf(x);
const geluGrad = (x: number): number => normalCdf(x) + x * normalPdf(x);

export const functions: { readonly [F in UnaryFn]: (x: number) => number } = {
  silu: (x) => x * sigmoid(x),
  gelu,
  quickGelu: (x) => x * sigmoid(1.702 * x),
  relu: (x) => Math.max(0, x),
  tanh: Math.tanh,
  sigmoid,
};

export const derivatives: { readonly [F in UnaryFn]: (x: number) => number } = {
  silu: (x) => sigmoid(x) * (1 + x * sigmoid(-x)),
  gelu: geluGrad,
  quickGelu: (x) => sigmoid(1.702 * x) * (1 + 1.702 * x * sigmoid(-1.702 * x)),
  relu: (x) => (x > 0 ? 1 : 0),
  tanh: (x) => 1 / Math.cosh(x) ** 2,
  sigmoid: (x) => sigmoid(x) * sigmoid(-x),
};

export const unary: CpuKernel<'unary'> = ({ fn }, [x], [y]) => {
  for (let i = 0; i < y!.data.length; i++) y!.data[i] = functions[fn](x!.data[i]!);
};

export const unaryGrad: CpuKernel<'unaryGrad'> = ({ fn }, [dy, x], [dx]) => {
  for (let i = 0; i < dx!.data.length; i++) dx!.data[i] = dy!.data[i]! * derivatives[fn](x!.data[i]!);
};

/** x [..., 2D] → first half * gelu(second half). */
export const geglu: CpuKernel<'geglu'> = (_, [x], [y]) => {
  const D = y!.shape[y!.shape.length - 1]!;
  for (let i = 0; i < y!.data.length; i++) {
    const at = 2 * (i - (i % D)) + (i % D);
    y!.data[i] = x!.data[at]! * gelu(x!.data[at + D]!);
  }
};

export const gegluGrad: CpuKernel<'gegluGrad'> = (_, [dy, x], [dx]) => {
  const D = dy!.shape[dy!.shape.length - 1]!;
  for (let i = 0; i < dy!.data.length; i++) {
    const at = 2 * (i - (i % D)) + (i % D);
    const [value, gate, grad] = [x!.data[at]!, x!.data[at + D]!, dy!.data[i]!];
    dx!.data[at] = grad * gelu(gate);
    dx!.data[at + D] = grad * value * geluGrad(gate);
  }
};

export const clamp: CpuKernel<'clamp'> = ({ min, max }, [x], [y]) => {
  for (let i = 0; i < y!.data.length; i++) y!.data[i] = Math.min(max, Math.max(min, x!.data[i]!));
};

export const clampGrad: CpuKernel<'clampGrad'> = ({ min, max }, [dy, x], [dx]) => {
  for (let i = 0; i < dx!.data.length; i++) dx!.data[i] = x!.data[i]! >= min && x!.data[i]! <= max ? dy!.data[i]! : 0;
};

export const add: CpuKernel<'add'> = (_, [a, b], [y]) => {
  forEachBroadcast(y!.shape, b!.shape, (i, j) => (y!.data[i] = a!.data[i]! + b!.data[j]!));
};

export const mul: CpuKernel<'mul'> = (_, [a, b], [y]) => {
  forEachBroadcast(y!.shape, b!.shape, (i, j) => (y!.data[i] = a!.data[i]! * b!.data[j]!));
};

export const affine: CpuKernel<'affine'> = ({ factor, shift }, [x], [y]) => {
  for (let i = 0; i < y!.data.length; i++) y!.data[i] = factor * x!.data[i]! + shift;
};

export const sumTo: CpuKernel<'sumTo'> = ({ factor }, [x], [y]) => {
  y!.data.fill(0);
  forEachBroadcast(x!.shape, y!.shape, (i, j) => (y!.data[j]! += x!.data[i]!));
  for (let i = 0; i < y!.data.length; i++) y!.data[i]! *= factor;
};

export const broadcastTo: CpuKernel<'broadcastTo'> = ({ factor }, [x], [y]) => {
  forEachBroadcast(y!.shape, x!.shape, (i, j) => (y!.data[i] = factor * x!.data[j]!));
};

export const mean: CpuKernel<'mean'> = (_, [x], [y]) => {
  y!.data.fill(0);
  forEachBroadcast(x!.shape, y!.shape, (i, j) => (y!.data[j]! += x!.data[i]!));
  for (let i = 0; i < y!.data.length; i++) y!.data[i]! /= x!.data.length / y!.data.length;
};

/** pred [B, ...], target [B, ...] → [B], mean of (pred - target)^2 over the rest. */
export const meanSquaredError: CpuKernel<'meanSquaredError'> = (_, [pred, target], [m]) => {
  const elements = pred!.data.length / m!.data.length;
  for (let b = 0; b < m!.data.length; b++) {
    let sum = 0;
    for (let i = b * elements; i < (b + 1) * elements; i++) sum += (pred!.data[i]! - target!.data[i]!) ** 2;
    m!.data[b] = sum / elements;
  }
};

export const meanSquaredErrorGrad: CpuKernel<'meanSquaredErrorGrad'> = (_, [dm, pred, target], [dpred]) => {
  const elements = pred!.data.length / dm!.data.length;
  for (let i = 0; i < pred!.data.length; i++)
    dpred!.data[i] = (dm!.data[Math.floor(i / elements)]! * 2 * (pred!.data[i]! - target!.data[i]!)) / elements;
};
