/** What every op computes, in plain float64 loops: the truth that the GPU and ONNX kernels are compared with. Total over OpKind. */
import type { OpKind } from '../graph/ops.ts';
import { attention, attentionDelta, attentionGradKeyValue, attentionGradQuery } from './kernels/attention.ts';
import { conv2d, conv2dGradInput, conv2dGradWeight } from './kernels/convolution.ts';
import {
  add,
  affine,
  broadcastTo,
  clamp,
  clampGrad,
  geglu,
  gegluGrad,
  mean,
  meanSquaredError,
  meanSquaredErrorGrad,
  mul,
  sumTo,
  unary,
  unaryGrad,
} from './kernels/elementwise.ts';
import { linear, linearGradInput, linearGradWeight } from './kernels/linear.ts';
import {
  concat,
  embedding,
  embeddingGrad,
  padAxis,
  reshape,
  slice,
  takeToken,
  takeTokenGrad,
  timestepEmbedding,
  transpose,
  upsampleNearest,
  upsampleNearestGrad,
} from './kernels/movement.ts';
import {
  groupNorm,
  groupNormGradInput,
  groupNormGradParams,
  layerNorm,
  layerNormGradInput,
  layerNormGradParams,
} from './kernels/norms.ts';
import { preferenceLoss, sdpoSafeguard } from './kernels/preferenceLoss.ts';
import { accumulate, adamw, globalNorm, zero } from './kernels/step.ts';
import type { CpuKernel } from './tensor.ts';

export const kernels: { readonly [K in OpKind]: CpuKernel<K> } = {
  linear,
  conv2d,
  groupNorm,
  layerNorm,
  attention,
  geglu,
  unary,
  clamp,
  timestepEmbedding,
  add,
  mul,
  affine,
  concat,
  slice,
  reshape,
  transpose,
  upsampleNearest,
  mean,
  embedding,
  takeToken,
  meanSquaredError,

  linearGradInput,
  linearGradWeight,
  conv2dGradInput,
  conv2dGradWeight,
  groupNormGradInput,
  groupNormGradParams,
  layerNormGradInput,
  layerNormGradParams,
  attentionDelta,
  attentionGradQuery,
  attentionGradKeyValue,
  gegluGrad,
  unaryGrad,
  clampGrad,
  sumTo,
  broadcastTo,
  padAxis,
  upsampleNearestGrad,
  embeddingGrad,
  takeTokenGrad,
  meanSquaredErrorGrad,

  preferenceLoss,
  sdpoSafeguard,
  globalNorm,
  accumulate,
  zero,
  adamw,
};
