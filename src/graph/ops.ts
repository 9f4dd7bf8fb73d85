/** The op vocabulary. Every op is coarse (a whole layer's arithmetic) and static in shape.
 *
 *  Six tables give each op its meaning, all total over these names, so that a missing entry does not compile:
 *  graph/shapes.ts, graph/cases.ts, autodiff/vjp.ts, oracle/kernels.ts, webgpu/kernels/lower.ts, onnx/lower.ts.
 *
 *  Axes: N batch, C channels, H, W height and width, T query tokens, S key tokens, D width of a token, O output channels.
 *  Optional inputs follow the required ones, in the order the params name them. All arithmetic is f32 on the GPU. */

import type { LossParams } from '../losses/loss.ts';
import type { LossName } from '../losses/table.ts';

/** Zero padding: [top, left, bottom, right]. */
export type Padding = readonly [number, number, number, number];

export type UnaryFn = 'silu' | 'gelu' | 'quickGelu' | 'relu' | 'tanh' | 'sigmoid';

/** Ops a model is built from: they have a vjp and an ONNX lowering. */
export interface ForwardParams {
  /** y = scale * (x Wᵀ + bias) + residual. x [..., I], weight [O, I], bias [O], residual [..., O] → [..., O]. torch.nn.Linear. */
  linear: { bias: boolean; residual: boolean; scale: number };
  /** y = scale * (conv(x, weight) + bias) + residual. x [N, C, H, W], weight [O, C, kh, kw], bias [O], residual [N, O, H', W'], or [N, O, 1, 1], which
   *  all pixels of a channel get. torch.nn.Conv2d. */
  conv2d: { stride: number; padding: Padding; bias: boolean; residual: boolean; scale: number };
  /** x [N, C, ...], weight [C], bias [C] → y like x, stats [N, groups, 2] = (mean, 1 / sqrt(var + eps)). With silu, y = silu(norm). torch.nn.GroupNorm. */
  groupNorm: { groups: number; eps: number; silu: boolean };
  /** x [..., D], weight [D], bias [D] → y like x, stats [rows, 2]. torch.nn.LayerNorm over the last axis. */
  layerNorm: { eps: number };
  /** q [N, T, D], k [N, S, D], v [N, S, D] → o [N, T, D], lse [N, heads, T] (log-sum-exp of the scaled scores). Head h owns channels
   *  [h D/heads, (h+1) D/heads); scale = (D/heads)^-1/2. causal: key s is seen by query t iff s <= t. Scores are never stored. */
  attention: { heads: number; causal: boolean };
  /** x [..., 2D] → first half * gelu(second half) [..., D]; gelu by erf. diffusers GEGLU. */
  geglu: Record<never, never>;
  /** Elementwise. gelu is the erf form; quickGelu is x sigmoid(1.702 x). */
  unary: { fn: UnaryFn };
  /** Elementwise clamp to [min, max]. */
  clamp: { min: number; max: number };
  /** timestep [B], freqs [half] → [B, 2 half] = [cos | sin] if flipSinToCos, else [sin | cos], of the f32 product timestep * freq.
   *  diffusers embeddings.py get_timestep_embedding. */
  timestepEmbedding: { flipSinToCos: boolean };
  /** a + b; b has a's rank and each of its axes is a's or 1 (broadcast). */
  add: Record<never, never>;
  /** a * b; broadcast as in add. */
  mul: Record<never, never>;
  /** y = factor * x + shift. */
  affine: { factor: number; shift: number };
  /** Any number of inputs, equal but for `axis`. */
  concat: { axis: number };
  /** x[..., start : start + length, ...] along axis. */
  slice: { axis: number; start: number; length: number };
  /** Same elements in row-major order under another shape. Costs nothing. */
  reshape: { shape: readonly number[] };
  /** y's axis i is x's axis perm[i]. torch.permute. */
  transpose: { perm: readonly number[] };
  /** x [N, C, H, W] → [N, C, height, width]; y[i] = x[floor(i * H / height)]. torch interpolate(mode='nearest', size). */
  upsampleNearest: { height: number; width: number };
  /** Mean over the given axes, which are kept with length 1. */
  mean: { axes: readonly number[] };
  /** table [V, D], ids i32 [...] → [..., D]. */
  embedding: Record<never, never>;
  /** x [B, T, D], index i32 [B] → [B, D] = x[b, index[b]]. */
  takeToken: Record<never, never>;
  /** pred [B, ...], target [B, ...] → [B], mean over all other axes of (pred - target)^2. */
  meanSquaredError: Record<never, never>;
}

/** Ops that only derivatives are built from. dy is the gradient of the forward op's first output. */
export interface GradParams {
  /** dx = scale * dy W (+ residual). dy [..., O], weight [O, I], residual [..., I] → [..., I]. */
  linearGradInput: { residual: boolean; scale: number };
  /** dW = scale * dyᵀ x, with bias also db = scale * (sum of dy's rows). dy [..., O], x [..., I] → [O, I] (, [O]). */
  linearGradWeight: { bias: boolean; scale: number };
  /** dx of conv2d (+ residual). dy [N, O, H', W'], weight [O, C, kh, kw], residual [N, C, H, W] → [N, C, H, W]. */
  conv2dGradInput: {
    stride: number;
    padding: Padding;
    height: number;
    width: number;
    residual: boolean;
    scale: number;
  };
  /** dW of conv2d, with bias also db = scale * (sum of dy over images and pixels). dy [N, O, H', W'], x [N, C, H, W] → [O, C, kh, kw] (, [O]). */
  conv2dGradWeight: {
    stride: number;
    padding: Padding;
    kernelHeight: number;
    kernelWidth: number;
    bias: boolean;
    scale: number;
  };
  /** dy, x, weight, bias, stats, residual like x → dx (+ residual), with weights also dweight [C], dbias [C]. */
  groupNormGradInput: { groups: number; eps: number; silu: boolean; residual: boolean; weights: boolean };
  /** dy, x, weight, bias, stats → dweight [C], dbias [C]. */
  groupNormGradParams: { groups: number; eps: number; silu: boolean };
  /** dy, x, weight, stats, residual like x → dx (+ residual), with weights also dweight [D], dbias [D]. */
  layerNormGradInput: { eps: number; residual: boolean; weights: boolean };
  /** dy, x, stats → dweight [D], dbias [D]. */
  layerNormGradParams: { eps: number };
  /** do [N, T, D], o [N, T, D] → [N, heads, T] = sum over the head's channels of do * o. For keys and values alone. */
  attentionDelta: { heads: number };
  /** do, q, k, v, lse, o → dq, delta (attentionDelta's, which the gradient of keys and values takes). */
  attentionGradQuery: { heads: number; causal: boolean };
  /** do, q, k, v, lse, delta → dk, dv. */
  attentionGradKeyValue: { heads: number; causal: boolean };
  /** dy [..., D], x [..., 2D] → [..., 2D]. */
  gegluGrad: Record<never, never>;
  /** dy, x → dy * fn'(x). */
  unaryGrad: { fn: UnaryFn };
  /** dy, x → dy where min <= x <= max, else 0 (torch.clamp before 2.15, which gives the edges 0). */
  clampGrad: { min: number; max: number };
  /** x → factor * sum of x over the axes where `shape` is 1 and x's is not. Same rank. */
  sumTo: { shape: readonly number[]; factor: number };
  /** x → factor * x broadcast to `shape`. Same rank. */
  broadcastTo: { shape: readonly number[]; factor: number };
  /** x → its parts of these lengths along axis, one behind another: the transpose of concat. */
  split: { axis: number; lengths: readonly number[] };
  /** Zeros of `length` along axis with x written at `start`: the transpose of slice. */
  padAxis: { axis: number; start: number; length: number };
  /** dy [N, C, height, width] → [N, C, H, W] with the given (smaller) size. */
  upsampleNearestGrad: { height: number; width: number };
  /** dy [..., D], ids i32 [...] → [V, D]. */
  embeddingGrad: { rows: number };
  /** dy [B, D], index i32 [B] → [B, T, D]. */
  takeTokenGrad: { tokens: number };
  /** dm [B], pred [B, ...], target [B, ...] → dpred = dm * 2 (pred - target) / elements per sample. The target's gradient is its negative. */
  meanSquaredErrorGrad: Record<never, never>;
}

/** Ops of a training step that are never differentiated and never exported. */
export interface StepParams {
  /** m [2B], r [2B] (winners first, then losers), beta [1], logitScale [B] (1, or min(SNR, gamma) / SNR), preference [B] (the chance that the
   *  winner is the better one) → loss [1] (batch mean), logit [B], dm [2B] = dloss/dm. The losses and their numbers: losses/table.ts. */
  preferenceLoss: { loss: LossName; params: LossParams };
  /** pred [2B, ...], target [2B, ...], dm [2B] → dm with the loser half scaled by Diffusion-SDPO's safeguard (arXiv 2511.03317). */
  sdpoSafeguard: { mu: number };
  /** Any number of tensors → [1], the square root of the sum of all squares. Padding in flat arenas must be zero. */
  globalNorm: Record<never, never>;
  /** Mutates acc: acc += factor * x. acc, x of one shape. No outputs. */
  accumulate: { factor: number };
  /** Mutates x: x = 0. No outputs. */
  zero: Record<never, never>;
  /** Mutates param, m, v (inputs 0, 2, 3), torch.optim.AdamW. Inputs: param, grad, m, v of one shape, norm [1], hyper [8] =
   *  (lr, beta1, beta2, eps, weight_decay, 1 - beta1^t, 1 - beta2^t, max_grad_norm; <= 0 means no clipping). grad is first scaled by
   *  min(1, max_grad_norm / (norm + 1e-6)) (torch.nn.utils.clip_grad_norm_). No outputs. */
  adamw: Record<never, never>;
  /** Mutates average (input 0): average -= weight * (average - param). average, param of one shape, weight [1]. No outputs. */
  ema: Record<never, never>;
}

export interface OpParams extends ForwardParams, GradParams, StepParams {}

export type ForwardOp = keyof ForwardParams;
export type GradOp = keyof GradParams;
export type StepOp = keyof StepParams;
export type OpKind = keyof OpParams;

/** Inputs a step op writes in place. Ops not named write only their outputs. */
export const mutatedInputs: { readonly [K in StepOp]: readonly number[] } = {
  preferenceLoss: [],
  sdpoSafeguard: [],
  globalNorm: [],
  accumulate: [0],
  zero: [0],
  adamw: [0, 2, 3],
  ema: [0],
};

/** Ops of derivatives, which no forward pass has. */
const gradOps: { readonly [K in GradOp]: true } = {
  linearGradInput: true,
  linearGradWeight: true,
  conv2dGradInput: true,
  conv2dGradWeight: true,
  groupNormGradInput: true,
  groupNormGradParams: true,
  layerNormGradInput: true,
  layerNormGradParams: true,
  attentionDelta: true,
  attentionGradQuery: true,
  attentionGradKeyValue: true,
  gegluGrad: true,
  unaryGrad: true,
  clampGrad: true,
  sumTo: true,
  broadcastTo: true,
  split: true,
  padAxis: true,
  upsampleNearestGrad: true,
  embeddingGrad: true,
  takeTokenGrad: true,
  meanSquaredErrorGrad: true,
};

/** Whether an op belongs to a training step or its loss: those are computed in f32, whatever else is (webgpu/plan.ts). */
export const isOfTraining = (op: OpKind): boolean => op in gradOps || op in mutatedInputs || op === 'meanSquaredError';

/** The input that may be a parameter in half width: weights with many elements. What is small (norms, biases) stays f32, and so does whatever
 *  another op reads; not even a reshape takes a half-width tensor. */
export const halfInput: { readonly [K in OpKind]?: number } = {
  linear: 1,
  conv2d: 1,
  embedding: 0,
  linearGradInput: 1,
  conv2dGradInput: 1,
};
