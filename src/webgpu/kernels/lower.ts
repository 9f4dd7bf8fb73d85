/** What each op runs on the GPU: the total table of WGSL lowerings. */
import type { OpKind } from '../../graph/ops.ts';
import {
  lowerAttention,
  lowerAttentionDelta,
  lowerAttentionGradKeyValue,
  lowerAttentionGradQuery,
} from './attention.ts';
import { lowerConv2d, lowerConv2dGradInput, lowerConv2dGradWeight } from './conv2d.ts';
import type { LowerToWgsl } from './dispatch.ts';
import {
  lowerAdd,
  lowerAffine,
  lowerClamp,
  lowerClampGrad,
  lowerGeglu,
  lowerGegluGrad,
  lowerMul,
  lowerTimestepEmbedding,
  lowerUnary,
  lowerUnaryGrad,
} from './elementwise.ts';
import { lowerLinear, lowerLinearGradInput, lowerLinearGradWeight } from './gemm.ts';
import {
  lowerGroupNorm,
  lowerGroupNormGradInput,
  lowerGroupNormGradParams,
  lowerLayerNorm,
  lowerLayerNormGradInput,
  lowerLayerNormGradParams,
} from './norms.ts';
import { lowerBroadcastTo, lowerMean, lowerMeanSquaredError, lowerMeanSquaredErrorGrad, lowerSumTo } from './reduce.ts';
import {
  lowerConcat,
  lowerEmbedding,
  lowerEmbeddingGrad,
  lowerPadAxis,
  lowerSlice,
  lowerSplit,
  lowerTakeToken,
  lowerTakeTokenGrad,
  lowerTranspose,
  lowerUpsampleNearest,
  lowerUpsampleNearestGrad,
} from './shuffle.ts';
import {
  lowerAccumulate,
  lowerAdamw,
  lowerEma,
  lowerGlobalNorm,
  lowerPreferenceLoss,
  lowerSdpoSafeguard,
  lowerZero,
} from './step.ts';

export const lower: { readonly [K in OpKind]: LowerToWgsl<K> } = {
  linear: lowerLinear,
  conv2d: lowerConv2d,
  groupNorm: lowerGroupNorm,
  layerNorm: lowerLayerNorm,
  attention: lowerAttention,
  geglu: lowerGeglu,
  unary: lowerUnary,
  clamp: lowerClamp,
  timestepEmbedding: lowerTimestepEmbedding,
  add: lowerAdd,
  mul: lowerMul,
  affine: lowerAffine,
  concat: lowerConcat,
  slice: lowerSlice,
  // Shares its input's storage (graph.ts storageRoot).
  reshape: () => [],
  transpose: lowerTranspose,
  upsampleNearest: lowerUpsampleNearest,
  mean: lowerMean,
  embedding: lowerEmbedding,
  takeToken: lowerTakeToken,
  meanSquaredError: lowerMeanSquaredError,

  linearGradInput: lowerLinearGradInput,
  linearGradWeight: lowerLinearGradWeight,
  conv2dGradInput: lowerConv2dGradInput,
  conv2dGradWeight: lowerConv2dGradWeight,
  groupNormGradInput: lowerGroupNormGradInput,
  groupNormGradParams: lowerGroupNormGradParams,
  layerNormGradInput: lowerLayerNormGradInput,
  layerNormGradParams: lowerLayerNormGradParams,
  attentionDelta: lowerAttentionDelta,
  attentionGradQuery: lowerAttentionGradQuery,
  attentionGradKeyValue: lowerAttentionGradKeyValue,
  gegluGrad: lowerGegluGrad,
  unaryGrad: lowerUnaryGrad,
  clampGrad: lowerClampGrad,
  sumTo: lowerSumTo,
  broadcastTo: lowerBroadcastTo,
  split: lowerSplit,
  padAxis: lowerPadAxis,
  upsampleNearestGrad: lowerUpsampleNearestGrad,
  embeddingGrad: lowerEmbeddingGrad,
  takeTokenGrad: lowerTakeTokenGrad,
  meanSquaredErrorGrad: lowerMeanSquaredErrorGrad,

  preferenceLoss: lowerPreferenceLoss,
  sdpoSafeguard: lowerSdpoSafeguard,
  globalNorm: lowerGlobalNorm,
  accumulate: lowerAccumulate,
  zero: lowerZero,
  adamw: lowerAdamw,
  ema: lowerEma,
};
