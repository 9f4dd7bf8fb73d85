/** Test inputs of every op, total over OpKind. They drive four suites: derivative rules against finite differences, GPU kernels and ONNX
 *  against the float64 oracle, shape rules against what kernels write. Sizes are odd, batches above 1, tensors larger than a tile and no
 *  multiple of one; a case is here because a plausible kernel gets it wrong. */
import { defaultLossSettings, type LossName, lossNames, type LossSettings, paramsOf } from '../losses/table.ts';
import type { Shape } from '../shared/shape.ts';
import type { Case, DataInput, DerivedInput, Fill } from './caseData.ts';
import type { OpKind, OpParams, Padding, UnaryFn } from './ops.ts';

const normal = (shape: Shape, deviation = 1, mean = 0): DataInput => ({ shape, fill: { normal: deviation, mean } });
const grad = (shape: Shape, deviation = 1): DataInput => ({ shape, fill: { normal: deviation }, grad: true });
const ids = (shape: Shape, below: number): DataInput => ({ shape, fill: { below } });
const filled = (shape: Shape, fill: Fill): DataInput => ({ shape, fill });
const values = (...numbers: number[]): DataInput => filled([numbers.length], { values: numbers });

const none = {};

/** Numbers where elementwise functions break: zeros, kinks, saturation, overflow of exp. */
const extremes = [0, 1e-20, -1e-20, 0.5, -0.5, 3, -3, 6, -6, 12, -12, 30, -30, 88, -88, 100, -100];

// --- linear ---------------------------------------------------------------------------------------------------------------------------

interface LinearSize {
  name: string;
  rows: Shape;
  I: number;
  O: number;
  bias?: boolean;
  residual?: boolean;
  scale?: number;
}

const linearSizes: LinearSize[] = [
  { name: 'one row', rows: [1], I: 5, O: 3, bias: true },
  { name: '37x29x41', rows: [37], I: 29, O: 41, bias: true },
  { name: '130x70x67 residual', rows: [2, 65], I: 70, O: 67, bias: true, residual: true },
  { name: 'lora down 150x96x4', rows: [2, 75], I: 96, O: 4 },
  { name: 'lora up 150x4x96 scaled residual', rows: [2, 75], I: 4, O: 96, residual: true, scale: 0.5 },
  { name: 'scaled bias and residual', rows: [3, 2, 7], I: 9, O: 10, bias: true, residual: true, scale: -1.75 },
  { name: '64x64x64 aligned', rows: [64], I: 64, O: 64, bias: true },
  { name: 'in fours, past tiles', rows: [2, 36], I: 44, O: 68, bias: true, residual: true, scale: 0.5 },
  { name: 'in fours, deep', rows: [32], I: 516, O: 36, bias: true },
  { name: 'in fours, wide', rows: [36], I: 32, O: 516 },
];

/** Depth is rows: sums in slices, in tiles of either size; and what would be turned, were its rows not summed. */
const weightSizes: LinearSize[] = [
  ...linearSizes,
  { name: '580 rows', rows: [2, 290], I: 36, O: 68, bias: true, scale: -0.5 },
  { name: '21 from 3', rows: [3, 7], I: 3, O: 21, bias: true },
];

// --- conv2d ---------------------------------------------------------------------------------------------------------------------------

interface ConvSize {
  name: string;
  x: [N: number, C: number, H: number, W: number];
  O: number;
  kernel: [kh: number, kw: number];
  stride?: number;
  padding?: Padding;
  bias?: boolean;
  /** `channel`: one number for all pixels of a channel. */
  residual?: boolean | 'channel';
  scale?: number;
}

const convSizes: ConvSize[] = [
  { name: '3 to 17, 11x13', x: [2, 3, 11, 13], O: 17, kernel: [3, 3], padding: [1, 1, 1, 1], bias: true },
  {
    name: '17 to 5 residual',
    x: [2, 17, 6, 7],
    O: 5,
    kernel: [3, 3],
    padding: [1, 1, 1, 1],
    bias: true,
    residual: true,
  },
  {
    name: 'wide, past tiles',
    x: [2, 60, 6, 7],
    O: 36,
    kernel: [3, 3],
    padding: [1, 1, 1, 1],
    bias: true,
    residual: true,
    scale: -0.5,
  },
  { name: 'wide, stride 2', x: [2, 33, 9, 8], O: 35, kernel: [3, 3], stride: 2, padding: [0, 1, 1, 1] },
  { name: 'large pictures', x: [2, 4, 17, 19], O: 32, kernel: [3, 3], padding: [1, 1, 1, 1], bias: true },
  { name: 'stride 2', x: [2, 5, 9, 11], O: 7, kernel: [3, 3], stride: 2, padding: [1, 1, 1, 1], bias: true },
  { name: 'stride 2 even size', x: [2, 4, 12, 12], O: 6, kernel: [3, 3], stride: 2, padding: [1, 1, 1, 1], bias: true },
  {
    name: 'stride 2 padded below and right (VAE)',
    x: [2, 4, 8, 10],
    O: 6,
    kernel: [3, 3],
    stride: 2,
    padding: [0, 0, 1, 1],
    bias: true,
  },
  { name: 'all paddings differ', x: [1, 3, 5, 6], O: 4, kernel: [3, 3], padding: [0, 1, 2, 3], bias: false },
  { name: 'no padding', x: [1, 2, 5, 4], O: 3, kernel: [3, 3], padding: [0, 0, 0, 0], bias: true },
  { name: '1x1', x: [3, 6, 5, 7], O: 9, kernel: [1, 1], bias: true },
  { name: '1x1 stride 2', x: [2, 3, 7, 5], O: 4, kernel: [1, 1], stride: 2 },
  { name: 'lora down 3x3 to 4', x: [2, 20, 6, 6], O: 4, kernel: [3, 3], padding: [1, 1, 1, 1] },
  { name: 'lora up 1x1 scaled residual', x: [2, 4, 6, 6], O: 20, kernel: [1, 1], residual: true, scale: 0.5 },
  {
    name: 'scaled bias and residual',
    x: [2, 3, 4, 5],
    O: 6,
    kernel: [3, 3],
    padding: [1, 1, 1, 1],
    bias: true,
    residual: true,
    scale: -2,
  },
  { name: '3x1 kernel', x: [1, 3, 6, 5], O: 2, kernel: [3, 1], padding: [1, 0, 1, 0] },
  { name: '5x5 on 12x12', x: [1, 2, 12, 12], O: 3, kernel: [5, 5], padding: [2, 2, 2, 2] },
  { name: '48 to 48, 12x12', x: [2, 48, 12, 12], O: 48, kernel: [3, 3], padding: [1, 1, 1, 1], bias: true },
];
/** Those of conv2d alone. */
const channelSizes: ConvSize[] = [
  {
    name: 'residual of a channel',
    x: [2, 60, 6, 7],
    O: 36,
    kernel: [3, 3],
    padding: [1, 1, 1, 1],
    bias: true,
    residual: 'channel',
    scale: -0.5,
  },
  { name: '1x1, residual of a channel', x: [3, 6, 5, 7], O: 9, kernel: [1, 1], residual: 'channel' },
  { name: '1x1 to one pixel, residual', x: [2, 6, 1, 1], O: 9, kernel: [1, 1], residual: 'channel' },
];

const zeroPadding: Padding = [0, 0, 0, 0];

function convShapes({ x: [N, C, H, W], O, kernel: [kh, kw], stride = 1, padding = zeroPadding }: ConvSize): {
  x: Shape;
  weight: Shape;
  y: Shape;
} {
  const height = Math.floor((H + padding[0] + padding[2] - kh) / stride) + 1;
  const width = Math.floor((W + padding[1] + padding[3] - kw) / stride) + 1;
  return { x: [N, C, H, W], weight: [O, C, kh, kw], y: [N, O, height, width] };
}

/** Weights of a size that keeps outputs near 1. */
const weightFor = (shape: Shape): DataInput => normal(shape, 1 / Math.sqrt(shape.slice(1).reduce((a, b) => a * b, 1)));

// --- norms ----------------------------------------------------------------------------------------------------------------------------

interface GroupNormSize {
  name: string;
  x: Shape;
  groups: number;
  eps: number;
  silu: boolean;
  mean?: number;
  deviation?: number;
}

const groupNormSizes: GroupNormSize[] = [
  { name: 'groups of 3, 5x7', x: [2, 6, 5, 7], groups: 2, eps: 1e-5, silu: false },
  { name: 'silu', x: [3, 8, 3, 5], groups: 4, eps: 1e-5, silu: true },
  { name: 'one group', x: [2, 5, 3, 3], groups: 1, eps: 1e-6, silu: false },
  { name: 'a channel a group', x: [2, 4, 3, 3], groups: 4, eps: 1e-5, silu: true },
  { name: 'far from zero', x: [2, 4, 6, 5], groups: 2, eps: 1e-5, silu: false, mean: 30 },
  { name: 'eps decides', x: [2, 4, 3, 4], groups: 2, eps: 1e-5, silu: true, deviation: 1e-3 },
  { name: 'longer than a workgroup', x: [2, 32, 13, 11], groups: 2, eps: 1e-5, silu: true },
  { name: 'three axes', x: [2, 6, 9], groups: 3, eps: 1e-6, silu: false },
  { name: 'several chunks', x: [1, 4, 52, 56], groups: 2, eps: 1e-5, silu: true, mean: 3 },
  { name: 'several chunks of odd planes', x: [2, 2, 43, 29], groups: 1, eps: 1e-5, silu: false },
  { name: '1x1 images', x: [2, 8, 1, 1], groups: 2, eps: 1e-5, silu: false },
];

interface LayerNormSize {
  name: string;
  x: Shape;
  mean?: number;
  deviation?: number;
}

const layerNormSizes: LayerNormSize[] = [
  { name: '2x5x7', x: [2, 5, 7] },
  { name: '3x11x96', x: [3, 11, 96] },
  { name: 'wider than a workgroup', x: [5, 333] },
  { name: 'more rows than a workgroup', x: [2, 150, 6] },
  { name: 'far from zero', x: [3, 20], mean: 30 },
  { name: 'eps decides', x: [4, 8], deviation: 1e-3 },
];

const groupNormInputs = ({ x, mean = 0, deviation = 1 }: GroupNormSize): DataInput[] => [
  normal(x, deviation, mean),
  normal([x[1]!], 0.5, 1),
  normal([x[1]!], 0.5),
];
const layerNormInputs = ({ x, mean = 0, deviation = 1 }: LayerNormSize): DataInput[] => [
  normal(x, deviation, mean),
  normal([x[x.length - 1]!], 0.5, 1),
  normal([x[x.length - 1]!], 0.5),
];

/** dy, x, weight, bias, stats: both gradients take the same. */
function groupNormGradCase(size: GroupNormSize): {
  name: string;
  params: OpParams['groupNorm'];
  inputs: (DataInput | DerivedInput)[];
} {
  const params = { groups: size.groups, eps: size.eps, silu: size.silu };
  return {
    name: size.name,
    params,
    inputs: [grad(size.x), ...groupNormInputs(size), { derive: 'groupNorm', params, of: [1, 2, 3], output: 1 }],
  };
}

/** A norm's gradient alone, with a residual, and with those of its weights, which every second size has beside a residual. */
function normGradCases<P extends object>(
  plain: { name: string; params: P; inputs: (DataInput | DerivedInput)[] },
  residual: DataInput,
  size: number,
): { name: string; params: P & { residual: boolean; weights: boolean }; inputs: (DataInput | DerivedInput)[] }[] {
  const more = [...plain.inputs, residual];
  const both = size % 2 === 1;
  return [
    { ...plain, params: { ...plain.params, residual: false, weights: false } },
    { name: `${plain.name}, residual`, params: { ...plain.params, residual: true, weights: false }, inputs: more },
    {
      name: `${plain.name}, weights${both ? ' and residual' : ''}`,
      params: { ...plain.params, residual: both, weights: true },
      inputs: both ? more : plain.inputs,
    },
  ];
}

/** Statistics of input 1. They do not depend on weight and bias. */
function layerNormStats({ x }: LayerNormSize): DerivedInput {
  const ones = filled([x[x.length - 1]!], { values: [1] });
  return { derive: 'layerNorm', params: { eps: 1e-5 }, of: [1, ones, ones], output: 1 };
}

// --- attention ------------------------------------------------------------------------------------------------------------------------

interface AttentionSize {
  name: string;
  N: number;
  T: number;
  S: number;
  heads: number;
  headSize: number;
  causal?: boolean;
  /** Deviation of q: scores of ±30 tell a stable softmax from an unstable one. */
  sharp?: number;
}

const attentionSizes: AttentionSize[] = [
  { name: 'head 1, 7 keys', N: 2, T: 3, S: 7, heads: 3, headSize: 1 },
  { name: 'head 5, 7 keys', N: 2, T: 5, S: 7, heads: 2, headSize: 5 },
  { name: 'one key', N: 2, T: 6, S: 1, heads: 2, headSize: 4 },
  { name: 'one query', N: 2, T: 1, S: 9, heads: 2, headSize: 6 },
  { name: 'head 24, 36 tokens', N: 2, T: 36, S: 36, heads: 4, headSize: 24 },
  { name: 'head 40, 77 keys', N: 2, T: 19, S: 77, heads: 2, headSize: 40 },
  { name: 'head 80', N: 1, T: 9, S: 13, heads: 2, headSize: 80 },
  { name: 'head 160', N: 1, T: 7, S: 10, heads: 1, headSize: 160 },
  { name: 'head 256', N: 1, T: 5, S: 6, heads: 1, headSize: 256 },
  { name: 'causal 7', N: 2, T: 7, S: 7, heads: 2, headSize: 5, causal: true },
  { name: 'causal 77', N: 1, T: 77, S: 77, heads: 2, headSize: 8, causal: true },
  { name: 'more queries than a tile', N: 1, T: 145, S: 33, heads: 1, headSize: 12 },
  { name: 'sharp', N: 1, T: 9, S: 11, heads: 1, headSize: 8, sharp: 20 },
];

const queryShape = ({ N, T, heads, headSize }: AttentionSize): Shape => [N, T, heads * headSize];
const keyShape = ({ N, S, heads, headSize }: AttentionSize): Shape => [N, S, heads * headSize];

/** do, q, k, v, lse, and what stands for `last`. */
function attentionGradInputs(size: AttentionSize, last: 'o' | 'delta'): (DataInput | DerivedInput)[] {
  const params = { heads: size.heads, causal: size.causal ?? false };
  const forward = (output: number): DerivedInput => ({ derive: 'attention', params, of: [1, 2, 3], output });
  return [
    grad(queryShape(size)),
    normal(queryShape(size), size.sharp ?? 1),
    normal(keyShape(size)),
    normal(keyShape(size)),
    forward(1),
    last === 'o'
      ? forward(0)
      : { derive: 'attentionDelta', params: { heads: size.heads }, of: [0, forward(0)], output: 0 },
  ];
}

// --- broadcast, resize, losses --------------------------------------------------------------------------------------------------------

const broadcasts: { name: string; a: Shape; b: Shape }[] = [
  { name: 'same shape', a: [2, 3, 5], b: [2, 3, 5] },
  { name: 'larger than a workgroup', a: [3, 7, 19], b: [3, 7, 19] },
  { name: 'time embedding over a map', a: [2, 5, 3, 7], b: [2, 5, 1, 1] },
  { name: 'channel', a: [2, 5, 3, 3], b: [1, 5, 1, 1] },
  { name: 'position', a: [3, 7, 6], b: [1, 7, 6] },
  { name: 'last axis', a: [2, 3, 41], b: [1, 1, 41] },
  { name: 'row scalar', a: [3, 17], b: [3, 1] },
  { name: 'scalar', a: [2, 3, 4], b: [1, 1, 1] },
  { name: 'one axis', a: [300], b: [300] },
];

const reductions: { name: string; from: Shape; to: Shape }[] = [
  { name: 'bias of a linear', from: [37, 41], to: [1, 41] },
  { name: 'bias of a linear over tokens', from: [2, 65, 7], to: [1, 1, 7] },
  { name: 'bias of a conv', from: [3, 5, 11, 13], to: [1, 5, 1, 1] },
  { name: 'image to channel', from: [2, 3, 7, 5], to: [2, 3, 1, 1] },
  { name: 'batch', from: [3, 7, 6], to: [1, 7, 6] },
  { name: 'last axis', from: [3, 300], to: [3, 1] },
  { name: 'middle axis', from: [2, 9, 5], to: [2, 1, 5] },
  { name: 'everything', from: [2, 7, 43], to: [1, 1, 1] },
  { name: 'nothing', from: [2, 3], to: [2, 3] },
];

const resizes: { name: string; small: Shape; height: number; width: number }[] = [
  { name: 'twice', small: [2, 3, 3, 5], height: 6, width: 10 },
  { name: 'to an odd size', small: [2, 3, 3, 4], height: 5, width: 7 },
  { name: 'odd ratios', small: [1, 2, 5, 3], height: 13, width: 11 },
  { name: 'same size', small: [1, 2, 3, 4], height: 3, width: 4 },
];

const unaryFns: UnaryFn[] = ['silu', 'gelu', 'quickGelu', 'relu', 'tanh', 'sigmoid'];

const errorShapes: { name: string; shape: Shape }[] = [
  { name: 'latents 2x8x12x12', shape: [2, 8, 12, 12] },
  { name: 'batch 6, odd', shape: [6, 3, 5, 7] },
  { name: 'flat', shape: [3, 1] },
];

/** Errors of 3 pairs that make logits of both signs, at beta 50; the last pair ties. */
const pairErrors: DataInput[] = [values(0.51, 0.42, 0.3, 0.55, 0.4, 0.3), values(0.5, 0.45, 0.3, 0.52, 0.47, 0.3)];

function preferenceCase(
  loss: LossName,
  name: string,
  more: Partial<LossSettings> = {},
  beta = 50,
  inputs: DataInput[] = pairErrors,
): Case<'preferenceLoss'> {
  const pairs = inputs[0]!.shape[0]! / 2;
  const scales = [1, 0.37, 0.8];
  return {
    name: `${loss} ${name}`,
    params: { loss, params: paramsOf(loss, { ...defaultLossSettings, ...more }) },
    inputs: [...inputs, values(beta), filled([pairs], { values: scales }), filled([pairs], { values: [1, 0.25, 0.5] })],
  };
}

const adamCase = (
  name: string,
  elements: number,
  hyper: number[],
  { gradDeviation = 0.1, norm = 2.5 } = {},
): Case<'adamw'> => ({
  name,
  params: none,
  inputs: [
    normal([elements]),
    grad([elements], gradDeviation),
    normal([elements], 0.01),
    filled([elements], { uniform: [1e-6, 1e-3] }),
    values(norm),
    values(...hyper),
  ],
});

// --- the table ------------------------------------------------------------------------------------------------------------------------

export const cases: { readonly [K in OpKind]: readonly Case<K>[] } = {
  linear: linearSizes.map(({ name, rows, I, O, bias = false, residual = false, scale = 1 }) => ({
    name,
    params: { bias, residual, scale },
    inputs: [
      normal([...rows, I]),
      weightFor([O, I]),
      ...(bias ? [normal([O])] : []),
      ...(residual ? [normal([...rows, O])] : []),
    ],
  })),
  conv2d: [...convSizes, ...channelSizes].map((size) => {
    const { name, O, stride = 1, padding = zeroPadding, bias = false, residual = false, scale = 1 } = size;
    const { x, weight, y } = convShapes(size);
    const added = residual === 'channel' ? [...y.slice(0, 2), 1, 1] : y;
    return {
      name,
      params: { stride, padding, bias, residual: residual !== false, scale },
      inputs: [normal(x), weightFor(weight), ...(bias ? [normal([O])] : []), ...(residual ? [normal(added)] : [])],
    };
  }),
  groupNorm: groupNormSizes.map((size) => ({
    name: size.name,
    params: { groups: size.groups, eps: size.eps, silu: size.silu },
    inputs: groupNormInputs(size),
  })),
  layerNorm: layerNormSizes.map((size) => ({ name: size.name, params: { eps: 1e-5 }, inputs: layerNormInputs(size) })),
  attention: attentionSizes.map((size) => ({
    name: size.name,
    params: { heads: size.heads, causal: size.causal ?? false },
    inputs: [normal(queryShape(size), size.sharp ?? 1), normal(keyShape(size)), normal(keyShape(size))],
  })),
  geglu: [
    { name: '2x5x14', params: none, inputs: [normal([2, 5, 14])] },
    { name: 'larger than a workgroup', params: none, inputs: [normal([3, 11, 98], 2)] },
    { name: 'extremes', params: none, inputs: [filled([2, 34], { values: extremes })] },
  ],
  unary: unaryFns.flatMap((fn) => [
    { name: `${fn} 3x7x19`, params: { fn }, inputs: [normal([3, 7, 19], 2)] },
    { name: `${fn} extremes`, params: { fn }, inputs: [values(...extremes)] },
  ]),
  clamp: [
    { name: 'logvar', params: { min: -30, max: 20 }, inputs: [normal([2, 3, 5, 7], 30)] },
    { name: 'narrow', params: { min: -0.5, max: 0.25 }, inputs: [normal([300])] },
  ],
  timestepEmbedding: [true, false].map((flipSinToCos) => ({
    name: flipSinToCos ? 'cos first' : 'sin first',
    params: { flipSinToCos },
    inputs: [
      values(0, 1, 249, 999, 500.5),
      filled([13], {
        values: Array.from({ length: 13 }, (_, i) => Math.fround(Math.exp((-Math.log(10000) * i) / 13))),
      }),
    ],
  })),
  add: broadcasts.map(({ name, a, b }) => ({ name, params: none, inputs: [normal(a), normal(b)] })),
  mul: broadcasts.map(({ name, a, b }) => ({ name, params: none, inputs: [normal(a), normal(b)] })),
  affine: [
    { name: 'scale and shift', params: { factor: -2.5, shift: 0.75 }, inputs: [normal([3, 101])] },
    { name: 'copy', params: { factor: 1, shift: 0 }, inputs: [normal([7])] },
  ],
  concat: [
    { name: 'skip connection', params: { axis: 1 }, inputs: [normal([2, 5, 3, 7]), normal([2, 3, 3, 7])] },
    { name: 'batch', params: { axis: 0 }, inputs: [normal([2, 3]), normal([1, 3])] },
    {
      name: 'three along the last axis',
      params: { axis: 2 },
      inputs: [normal([2, 3, 5]), normal([2, 3, 1]), normal([2, 3, 130])],
    },
    { name: 'one', params: { axis: 1 }, inputs: [normal([2, 3])] },
  ],
  slice: [
    { name: 'middle of channels', params: { axis: 1, start: 2, length: 3 }, inputs: [normal([2, 7, 3, 5])] },
    { name: 'half of the last axis', params: { axis: 2, start: 65, length: 65 }, inputs: [normal([2, 3, 130])] },
    { name: 'losers of a batch', params: { axis: 0, start: 2, length: 2 }, inputs: [normal([4, 5])] },
    { name: 'all', params: { axis: 0, start: 0, length: 3 }, inputs: [normal([3, 2])] },
  ],
  reshape: [{ name: 'split heads', params: { shape: [2, 5, 3, 4] }, inputs: [normal([2, 5, 12])] }],
  transpose: [
    { name: 'NCHW to NHWC', params: { perm: [0, 2, 3, 1] }, inputs: [normal([2, 5, 3, 7])] },
    { name: 'NHWC to NCHW', params: { perm: [0, 3, 1, 2] }, inputs: [normal([2, 3, 7, 5])] },
    { name: 'tokens', params: { perm: [0, 2, 1] }, inputs: [normal([2, 37, 41])] },
    { name: 'cycle of four', params: { perm: [3, 0, 2, 1] }, inputs: [normal([2, 3, 4, 5])] },
    { name: 'nothing', params: { perm: [0, 1] }, inputs: [normal([3, 5])] },
  ],
  upsampleNearest: resizes.map(({ name, small, height, width }) => ({
    name,
    params: { height, width },
    inputs: [normal(small)],
  })),
  mean: [
    { name: 'image', params: { axes: [2, 3] }, inputs: [normal([2, 5, 7, 9])] },
    { name: 'tokens', params: { axes: [1] }, inputs: [normal([2, 77, 5])] },
    { name: 'all but the batch', params: { axes: [1, 2, 3] }, inputs: [normal([3, 4, 12, 12], 1, 5)] },
    { name: 'batch', params: { axes: [0] }, inputs: [normal([3, 5])] },
  ],
  embedding: [
    { name: 'tokens', params: none, inputs: [normal([19, 7]), ids([2, 11], 19)] },
    { name: 'positions', params: none, inputs: [normal([5, 130]), ids([5], 5)] },
  ],
  takeToken: [{ name: 'pooled', params: none, inputs: [normal([3, 7, 5]), ids([3], 7)] }],
  meanSquaredError: errorShapes.map(({ name, shape }) => ({
    name,
    params: none,
    inputs: [normal(shape), normal(shape)],
  })),

  linearGradInput: linearSizes.map(({ name, rows, I, O, residual = false, scale = 1 }) => ({
    name,
    params: { residual, scale },
    inputs: [grad([...rows, O]), weightFor([O, I]), ...(residual ? [grad([...rows, I])] : [])],
  })),
  linearGradWeight: weightSizes.map(({ name, rows, I, O, bias = false, scale = 1 }) => ({
    name,
    params: { bias, scale },
    inputs: [grad([...rows, O]), normal([...rows, I])],
  })),
  conv2dGradInput: convSizes.map((size) => {
    const { name, stride = 1, padding = zeroPadding, residual = false, scale = 1 } = size;
    const { x, weight, y } = convShapes(size);
    return {
      name,
      params: { stride, padding, height: x[2]!, width: x[3]!, residual: residual !== false, scale },
      inputs: [grad(y), weightFor(weight), ...(residual ? [grad(x)] : [])],
    };
  }),
  conv2dGradWeight: convSizes.map((size) => {
    const { name, stride = 1, padding = zeroPadding, kernel, bias = false, scale = 1 } = size;
    const { x, y } = convShapes(size);
    return {
      name,
      params: { stride, padding, kernelHeight: kernel[0], kernelWidth: kernel[1], bias, scale },
      inputs: [grad(y), normal(x)],
    };
  }),
  groupNormGradInput: groupNormSizes.flatMap((size, i) => normGradCases(groupNormGradCase(size), grad(size.x), i)),
  groupNormGradParams: groupNormSizes.map(groupNormGradCase),
  layerNormGradInput: layerNormSizes.flatMap((size, i) =>
    normGradCases(
      {
        name: size.name,
        params: { eps: 1e-5 },
        inputs: [grad(size.x), ...layerNormInputs(size).slice(0, 2), layerNormStats(size)],
      },
      grad(size.x),
      i,
    ),
  ),
  layerNormGradParams: layerNormSizes.map((size) => ({
    name: size.name,
    params: { eps: 1e-5 },
    inputs: [grad(size.x), ...layerNormInputs(size).slice(0, 1), layerNormStats(size)],
  })),
  attentionDelta: attentionSizes.map((size) => ({
    name: size.name,
    params: { heads: size.heads },
    inputs: [grad(queryShape(size)), normal(queryShape(size))],
  })),
  attentionGradQuery: attentionSizes.map((size) => ({
    name: size.name,
    params: { heads: size.heads, causal: size.causal ?? false },
    inputs: attentionGradInputs(size, 'o'),
  })),
  attentionGradKeyValue: attentionSizes.map((size) => ({
    name: size.name,
    params: { heads: size.heads, causal: size.causal ?? false },
    inputs: attentionGradInputs(size, 'delta'),
  })),
  gegluGrad: [
    { name: '2x5x14', params: none, inputs: [grad([2, 5, 7]), normal([2, 5, 14])] },
    { name: 'larger than a workgroup', params: none, inputs: [grad([3, 11, 49]), normal([3, 11, 98], 2)] },
    { name: 'extremes', params: none, inputs: [grad([2, 17]), filled([2, 34], { values: extremes })] },
  ],
  unaryGrad: unaryFns.flatMap((fn) => [
    { name: `${fn} 3x7x19`, params: { fn }, inputs: [grad([3, 7, 19]), normal([3, 7, 19], 2)] },
    { name: `${fn} extremes`, params: { fn }, inputs: [grad([extremes.length]), values(...extremes)] },
  ]),
  clampGrad: [
    { name: 'logvar', params: { min: -30, max: 20 }, inputs: [grad([2, 3, 5, 7]), normal([2, 3, 5, 7], 30)] },
    {
      name: 'on the edges',
      params: { min: -0.5, max: 0.25 },
      inputs: [grad([6]), values(-0.5, 0.25, -0.51, 0.26, 0, -0.49)],
    },
  ],
  sumTo: reductions.map(({ name, from, to }, i) => ({
    name,
    params: { shape: to, factor: i % 2 === 0 ? 1 : -0.5 },
    inputs: [grad(from)],
  })),
  broadcastTo: reductions.map(({ name, from, to }, i) => ({
    name,
    params: { shape: from, factor: i % 2 === 0 ? 1 : -0.5 },
    inputs: [grad(to)],
  })),
  split: [
    { name: 'skip connection', params: { axis: 1, lengths: [5, 3] }, inputs: [grad([2, 8, 3, 7])] },
    { name: 'in fours', params: { axis: 1, lengths: [8, 12] }, inputs: [grad([3, 20, 5])] },
    { name: 'three along the last axis', params: { axis: 2, lengths: [5, 1, 130] }, inputs: [grad([2, 3, 136])] },
    { name: 'one', params: { axis: 0, lengths: [3] }, inputs: [grad([3, 2])] },
  ],
  padAxis: [
    { name: 'middle of channels', params: { axis: 1, start: 2, length: 7 }, inputs: [grad([2, 3, 3, 5])] },
    { name: 'half of the last axis', params: { axis: 2, start: 65, length: 130 }, inputs: [grad([2, 3, 65])] },
    { name: 'front of a batch', params: { axis: 0, start: 0, length: 4 }, inputs: [grad([2, 5])] },
  ],
  upsampleNearestGrad: resizes.map(({ name, small, height, width }) => ({
    name,
    params: { height: small[2]!, width: small[3]! },
    inputs: [grad([small[0]!, small[1]!, height, width])],
  })),
  embeddingGrad: [
    { name: 'tokens', params: { rows: 19 }, inputs: [grad([2, 11, 7]), ids([2, 11], 19)] },
    { name: 'one id many times', params: { rows: 3 }, inputs: [grad([300, 5]), ids([300], 2)] },
  ],
  takeTokenGrad: [{ name: 'pooled', params: { tokens: 7 }, inputs: [grad([3, 5]), ids([3], 7)] }],
  meanSquaredErrorGrad: errorShapes.map(({ name, shape }) => ({
    name,
    params: none,
    inputs: [grad([shape[0]!]), normal(shape), normal(shape)],
  })),

  preferenceLoss: [
    ...lossNames.map((loss) => preferenceCase(loss, 'plain')),
    preferenceCase('sigmoid', 'smoothed', { labelSmoothing: 0.1 }),
    // beta 1e5 makes |logit| 150 to 6500: a naive log(sigmoid) overflows.
    preferenceCase('sigmoid', 'saturated', {}, 1e5),
    preferenceCase('sigmoid', 'step 0, one pair', {}, 5000, [values(0.3, 0.4), values(0.3, 0.4)]),
    preferenceCase('robust', 'smoothed', { labelSmoothing: 0.1 }),
    preferenceCase('kto', 'baseline above 0', {}, 50, [
      values(0.3, 0.42, 0.3, 0.45, 0.4, 0.3),
      values(0.5, 0.45, 0.4, 0.52, 0.47, 0.3),
    ]),
    preferenceCase('mapo', 'gentle', { mapoT: 10, mapoBeta: 0.5 }),
    preferenceCase('mapo', 'large errors', { mapoT: 10 }, 50, [
      values(3, 60, 0.001, 5, 2, 1e-6),
      values(1, 1, 1, 1, 1, 1),
    ]),
    preferenceCase('dmpo', 'saturated', {}, 5000),
    preferenceCase('linear', 'clipped at both ends', { linearEta: 0.2 }, 500),
  ],
  sdpoSafeguard: [
    {
      name: 'independent errors',
      params: { mu: 0.9 },
      inputs: [normal([4, 3, 5, 7]), normal([4, 3, 5, 7]), grad([4])],
    },
    // Equal winners and losers: the ratio is 1 - mu.
    {
      name: 'aligned errors',
      params: { mu: 0.6 },
      inputs: [filled([6, 2, 3, 3], { values: range(54) }), filled([6, 2, 3, 3], { values: [0] }), grad([6])],
    },
    // A loser error twice the winner's the other way: a negative product leaves the gradient alone.
    {
      name: 'opposed errors',
      params: { mu: 0.9 },
      inputs: [filled([2, 3], { values: [1, 2, 3, -2, -4, -6] }), filled([2, 3], { values: [0] }), grad([2])],
    },
    {
      name: 'longer than a workgroup',
      params: { mu: 0.5 },
      inputs: [normal([2, 8, 12, 12], 1, 1), normal([2, 8, 12, 12]), grad([2])],
    },
  ],
  globalNorm: [
    { name: 'one tensor', params: none, inputs: [grad([1000])] },
    { name: 'several', params: none, inputs: [grad([3, 7]), grad([300, 5]), grad([1])] },
    // Squares of these leave f32: 1e-24 * 1e-24 (with the 1e-12 variant) and 1e20 * 1e20.
    { name: 'tiny', params: none, inputs: [normal([333], 1e-24), normal([5], 1e-24)] },
    { name: 'huge', params: none, inputs: [normal([333], 1e20), normal([5], 1e20)] },
    { name: 'mixed magnitudes', params: none, inputs: [normal([333], 1e-12), normal([5], 1)] },
    { name: 'zeros', params: none, inputs: [filled([257], { values: [0] })] },
    { name: 'more than one pass of a workgroup', params: none, inputs: [grad([70001], 0.01)] },
  ],
  accumulate: [
    { name: 'add', params: { factor: 1 }, inputs: [normal([301]), normal([301])] },
    { name: 'scaled', params: { factor: -0.25 }, inputs: [normal([3, 5, 7]), normal([3, 5, 7])] },
  ],
  zero: [{ name: 'arena', params: none, inputs: [normal([1001])] }],
  adamw: [
    adamCase('first step, clipped', 333, [1e-2, 0.9, 0.999, 1e-8, 1e-2, 1 - 0.9, 1 - 0.999, 1]),
    adamCase('later step, norm below the limit', 1001, [1e-3, 0.9, 0.999, 1e-8, 0, 1 - 0.9 ** 10, 1 - 0.999 ** 10, 5]),
    adamCase('no clipping', 70, [1e-3, 0.95, 0.99, 1e-6, 0.1, 1 - 0.95 ** 3, 1 - 0.99 ** 3, 0]),
    adamCase('no gradient', 5, [1e-3, 0.9, 0.999, 1e-8, 1e-2, 0.1, 0.001, 1], { gradDeviation: 0, norm: 0 }),
  ],
  ema: [
    { name: 'first step', params: none, inputs: [normal([333]), normal([333]), values(1)] },
    { name: 'later step', params: none, inputs: [normal([1000]), normal([1000]), values(1e-3)] },
  ],
};

function range(length: number): number[] {
  return Array.from({ length }, (_, i) => ((i * 7) % 11) - 5);
}
