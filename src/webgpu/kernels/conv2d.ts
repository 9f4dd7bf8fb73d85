/** Lowerings of conv2d and its two gradients: implicit matrix products, or plain ones where the kernel is 1x1. */
import type { Value } from '../../graph/graph.ts';
import type { Padding } from '../../graph/ops.ts';
import type { Arithmetic } from '../../shared/arithmetic.ts';
import { axes4, sizeOf } from '../../shared/shape.ts';
import quadCode from './conv2d.quad.wgsl?raw';
import tileCode from './conv2d.tile.wgsl?raw';
import workgroupCode from './conv2d.workgroup.wgsl?raw';
import gradWeightQuadCode from './conv2dGradWeight.quad.wgsl?raw';
import gradWeightTileCode from './conv2dGradWeight.tile.wgsl?raw';
import gradWeightWorkgroupCode from './conv2dGradWeight.workgroup.wgsl?raw';
import {
  type Dispatch,
  formatOf,
  kernelOf,
  type LowerContext,
  type LowerToWgsl,
  type Operand,
  type Scratch,
  stretchOf,
} from './dispatch.ts';
import {
  addedTo,
  isOfChannel,
  lowerProduct,
  partialSums,
  productVariant,
  QUAD_WORKGROUP_SIZE,
  quadGrid,
  rowBlocksOf,
  smallTilesOf,
  sumSplits,
} from './gemm.ts';
import { type Kinds, kindFor, kindsOf } from './anyShape.ts';
import { lanesOf } from './lanes.ts';
import { overPixels, weightOverPixels } from './pixels.ts';
import { splitData } from './product.ts';
import { summing, summingFor } from './summing.ts';
import { arithmeticBy, heldAs, inHalves, isTileable, isTileVariant, tileCodes, tilesOf, writtenOut } from './tile.ts';
import { byWinograd, isForWinograd, type Winograd } from './winograd.ts';
import conv2dLoadsCode from './shared/conv2dLoads.wgsl?raw';
import foursCode from './shared/fours.wgsl?raw';
import weightFoursCode from './shared/weightFours.wgsl?raw';
import weightOnesCode from './shared/weightOnes.wgsl?raw';
import transposedCode from './shared/transposed.wgsl?raw';
import widenedCode from './shared/widened.wgsl?raw';

const shapeData = [
  'BATCH',
  'CHANNELS',
  'HEIGHT',
  'WIDTH',
  'ROWS',
  'OUT_HEIGHT',
  'OUT_WIDTH',
  'KERNEL_HEIGHT',
  'KERNEL_WIDTH',
  'STRIDE',
  'PAD_TOP',
  'PAD_LEFT',
  'SCALE',
];
const weightData = ['W_ROW', 'W_CHANNEL', 'W_FIRST'];
/** Of a kernel that is written out to its taps. */
const tileData = [...shapeData.filter((name) => !name.startsWith('KERNEL_')), ...splitData];
const quad = kindsOf(kernelOf('conv2d.quad', quadCode, conv2dLoadsCode, widenedCode), [...shapeData, ...weightData]);
const workgroup = kindsOf(kernelOf('conv2d.workgroup', workgroupCode, conv2dLoadsCode, widenedCode), [
  ...shapeData,
  ...weightData,
  ...splitData,
]);
/** How weights are read: one by one, in fours of whole words, in fours of halves. */
type WeightReads = 'ones' | 'wholes' | 'halves';
const tilesHeldAs = (arithmetic: Arithmetic): Record<WeightReads, Kinds> => {
  const held = (...reading: string[]): Kinds =>
    summing(kernelOf('conv2d.tile', tileCode, ...reading, ...tileCodes, widenedCode), (kernel) =>
      kindsOf(heldAs(arithmetic, kernel), [...tileData, ...weightData]),
    ).plain;
  const inFours = (half: boolean): Kinds => held(inHalves(weightFoursCode, 'weight', half), foursCode, transposedCode);
  return { ones: held(weightOnesCode, conv2dLoadsCode), wholes: inFours(false), halves: inFours(true) };
};
const tile: Readonly<Record<Arithmetic, Record<WeightReads, Kinds>>> = {
  f32: tilesHeldAs('f32'),
  f16: tilesHeldAs('f16'),
};
const gradWeightTile = summing(kernelOf('conv2dGradWeight.tile', gradWeightTileCode, ...tileCodes), (kernel) =>
  kindsOf(heldAs('f32', kernel), tileData),
);
const gradWeightQuad = summing(kernelOf('conv2dGradWeight.quad', gradWeightQuadCode), (kernel) =>
  kindsOf(kernel, shapeData),
);
const gradWeightWorkgroup = summing(kernelOf('conv2dGradWeight.workgroup', gradWeightWorkgroupCode), (kernel) =>
  kindsOf(kernel, [...shapeData, ...splitData]),
);

/** 1x1, stride 1, unpadded: a matrix product over channels. */
export const isPointwise = (weight: readonly number[], stride: number, padding: Padding): boolean =>
  weight[2] === 1 && weight[3] === 1 && stride === 1 && padding.every((n) => n === 0);

export const lowerConv2d: LowerToWgsl<'conv2d'> = ({ inputs, outputs, params }, context) => {
  const [x, weight] = inputs as [Value, Value];
  const [y] = outputs as [Value];
  const { stride, padding, scale } = params;
  const bias = params.bias ? inputs[2] : undefined;
  const residual = params.residual ? inputs[params.bias ? 3 : 2] : undefined;
  const [batch, channels, height, width] = axes4(x.shape);
  const [, rows, outHeight, outWidth] = axes4(y.shape);
  const { rowStride } = stretchOf(weight);
  // A product knows no channels.
  if (isPointwise(weight.shape, stride, padding) && !isOfChannel(residual, y)) {
    return lowerProduct(
      overPixels({ weight, x, y, turned: false, scale, bias, residual }, 'picture', context),
      context,
    );
  }
  const constants = {
    BATCH: batch,
    CHANNELS: channels,
    HEIGHT: height,
    WIDTH: width,
    ROWS: rows,
    OUT_HEIGHT: outHeight,
    OUT_WIDTH: outWidth,
    KERNEL_HEIGHT: weight.shape[2]!,
    KERNEL_WIDTH: weight.shape[3]!,
    STRIDE: stride,
    DILATION: 1,
    PAD_TOP: padding[0],
    PAD_LEFT: padding[1],
    W_ROW: rowStride,
    W_CHANNEL: weight.shape[2]! * weight.shape[3]!,
    FLIP: false,
  };
  return convolution({ constants, x, weight, y, scale, bias, residual }, context);
};

/** dx[c, i] = sum over (o, tap) of w[o, c, tap] dy[o, p] where p * stride + tap - pad = i: a convolution of dy, spread out by the stride,
 *  with the flipped kernel and channels swapped. */
export const lowerConv2dGradInput: LowerToWgsl<'conv2dGradInput'> = ({ inputs, outputs, params }, context) => {
  const [dy, weight] = inputs as [Value, Value];
  const [dx] = outputs as [Value];
  const { stride, padding, scale } = params;
  const residual = params.residual ? inputs[2] : undefined;
  const [batch, channels, height, width] = axes4(dy.shape);
  const [, rows, outHeight, outWidth] = axes4(dx.shape);
  const [kernelHeight, kernelWidth] = [weight.shape[2]!, weight.shape[3]!];
  if (isPointwise(weight.shape, stride, padding)) {
    return lowerProduct(
      overPixels({ weight, x: dy, y: dx, turned: true, scale, residual }, 'picture', context),
      context,
    );
  }
  const constants = {
    BATCH: batch,
    CHANNELS: channels,
    HEIGHT: height,
    WIDTH: width,
    ROWS: rows,
    OUT_HEIGHT: outHeight,
    OUT_WIDTH: outWidth,
    KERNEL_HEIGHT: kernelHeight,
    KERNEL_WIDTH: kernelWidth,
    STRIDE: 1,
    DILATION: stride,
    PAD_TOP: kernelHeight - 1 - padding[0],
    PAD_LEFT: kernelWidth - 1 - padding[1],
    W_ROW: kernelHeight * kernelWidth,
    W_CHANNEL: rows * kernelHeight * kernelWidth,
    FLIP: true,
  };
  return convolution({ constants, x: dy, weight, y: dx, scale, residual }, context);
};

export const lowerConv2dGradWeight: LowerToWgsl<'conv2dGradWeight'> = ({ inputs, outputs, params }, context) => {
  const [dy, x] = inputs as [Value, Value];
  const [dw, rowSums] = outputs as [Value, Value | undefined];
  const { stride, padding, scale } = params;
  const [batch, channels, height, width] = axes4(x.shape);
  const [, rows, outHeight, outWidth] = axes4(dy.shape);
  if (isPointwise(dw.shape, stride, padding)) {
    return lowerProduct(weightOverPixels({ dy, x, dw, scale, rowSums }, 'picture', context), context);
  }
  const constants = {
    BATCH: batch,
    CHANNELS: channels,
    HEIGHT: height,
    WIDTH: width,
    ROWS: rows,
    OUT_HEIGHT: outHeight,
    OUT_WIDTH: outWidth,
    KERNEL_HEIGHT: params.kernelHeight,
    KERNEL_WIDTH: params.kernelWidth,
    STRIDE: stride,
    PAD_TOP: padding[0],
    PAD_LEFT: padding[1],
  };
  const columns = channels * params.kernelHeight * params.kernelWidth;
  const pixels = batch * outHeight * outWidth;
  const flops = 2 * rows * columns * pixels;
  const variant = productVariant(context, 'conv2dGradWeight', isTileable(rows, columns));
  if (variant === 'quad') {
    const rowBlocks = rowBlocksOf(rows);
    return [
      {
        kernel: kindFor(summingFor(gradWeightQuad, rowSums), 'quad', flops),
        constants: { ...constants, SCALE: scale, ROW_BLOCKS: rowBlocks, WORKGROUP_SIZE: QUAD_WORKGROUP_SIZE },
        reads: [dy, x],
        writes: outputs,
        workgroups: quadGrid(rows, columns, rowBlocks, context),
      },
    ];
  }
  const large = isTileVariant(variant) ? tilesOf(variant, rows, columns, pixels) : null;
  const { constants: tiles, workgroups, splits } = large ?? smallTilesOf(rows, columns, pixels);
  const partials: Scratch = { scratch: 'partial products', elements: splits * sizeOf(dw.shape) };
  const parts = partialSums(rowSums, splits);
  const first: Dispatch = {
    kernel: large
      ? writtenOut(kindFor(summingFor(gradWeightTile, rowSums), 'tile', flops), large.constants)
      : kindFor(summingFor(gradWeightWorkgroup, rowSums), 'workgroup', flops),
    constants: {
      ...constants,
      ...tiles,
      SCALE: splits > 1 ? 1 : scale,
      C_SPLIT: splits > 1 ? sizeOf(dw.shape) : 0,
    },
    reads: [dy, x],
    writes: splits > 1 ? [partials, ...parts.writes] : outputs,
    workgroups,
  };
  return splits > 1
    ? [first, sumSplits(partials, splits, dw, { scale, biasStride: 1, sums: parts.sums }, context)]
    : [first];
};

interface Epilogue {
  scale: number;
  bias?: Value | undefined;
  residual?: Value | undefined;
}

interface Convolution extends Epilogue {
  constants: Record<
    | 'BATCH'
    | 'CHANNELS'
    | 'HEIGHT'
    | 'WIDTH'
    | 'ROWS'
    | 'OUT_HEIGHT'
    | 'OUT_WIDTH'
    | 'KERNEL_HEIGHT'
    | 'KERNEL_WIDTH'
    | 'STRIDE'
    | 'DILATION'
    | 'PAD_TOP'
    | 'PAD_LEFT'
    | 'W_ROW'
    | 'W_CHANNEL',
    number
  > & { FLIP: boolean } & Dispatch['constants'];
  x: Value;
  weight: Value;
  y: Value;
}

function convolution(
  { constants: shape, x, weight, y, scale, bias, residual }: Convolution,
  context: LowerContext,
): Dispatch[] {
  const { BATCH, CHANNELS, ROWS, OUT_HEIGHT, OUT_WIDTH, KERNEL_HEIGHT, KERNEL_WIDTH, DILATION } = shape;
  const { operand, first } = stretchOf(weight);
  const constants = { ...shape, W_FORMAT: formatOf[weight.dtype], ...(first > 0 && { W_FIRST: first }) };
  const classes = DILATION * DILATION;
  const columns = BATCH * Math.ceil(OUT_HEIGHT / DILATION) * Math.ceil(OUT_WIDTH / DILATION);
  const added = addedTo(y, residual);
  const epilogue = { SCALE: scale, BIAS: bias !== undefined, ...added.constants };
  const reads: Operand[] = [x, operand, bias ?? x, added.read ?? x];

  const flops = 2 * ROWS * columns * CHANNELS * KERNEL_HEIGHT * KERNEL_WIDTH;

  // Each of a column's taps has a bit.
  const tileable = DILATION === 1 && KERNEL_HEIGHT * KERNEL_WIDTH <= 32 && isTileable(ROWS, columns);
  const threes = KERNEL_HEIGHT === 3 && KERNEL_WIDTH === 3 && shape.STRIDE === 1 && DILATION === 1;
  const winograd: Winograd = {
    x,
    weight,
    y,
    batch: BATCH,
    channels: CHANNELS,
    height: shape.HEIGHT,
    width: shape.WIDTH,
    rows: ROWS,
    outHeight: OUT_HEIGHT,
    outWidth: OUT_WIDTH,
    padTop: shape.PAD_TOP,
    padLeft: shape.PAD_LEFT,
    rowStride: shape.W_ROW,
    channelStride: shape.W_CHANNEL,
    flip: shape.FLIP,
    scale,
    bias,
    residual,
  };
  const variant = productVariant(
    context,
    'conv2d',
    tileable,
    threes && isForWinograd(winograd, context) ? ['winograd'] : [],
  );
  if (variant === 'winograd') return byWinograd(winograd, context);
  if (variant === 'quad') {
    const rowBlocks = rowBlocksOf(ROWS);
    return [
      {
        kernel: kindFor(quad, 'quad', flops),
        constants: {
          ...constants,
          ...epilogue,
          ...(operand !== weight && { WEIGHTS: sizeOf(operand.shape) }),
          ROW_BLOCKS: rowBlocks,
          WORKGROUP_SIZE: QUAD_WORKGROUP_SIZE,
        },
        reads,
        writes: [y],
        workgroups: quadGrid(ROWS, columns, rowBlocks, context, classes),
      },
    ];
  }

  const depth = CHANNELS * Math.ceil(KERNEL_HEIGHT / DILATION) * Math.ceil(KERNEL_WIDTH / DILATION);
  const byTile = isTileVariant(variant) ? variant : null;
  const large = byTile && tilesOf(byTile, ROWS, columns, depth);
  const { constants: tiles, workgroups, splits } = large ?? smallTilesOf(ROWS, columns, depth, classes);
  // In order of depth: not where the kernel is flipped.
  const inFours =
    !constants.FLIP &&
    constants.W_CHANNEL === KERNEL_HEIGHT * KERNEL_WIDTH &&
    lanesOf(depth, constants.W_ROW, first, sizeOf(operand.shape)) === 4;
  const weightReads: WeightReads = !inFours ? 'ones' : formatOf[weight.dtype] > 0 ? 'halves' : 'wholes';
  // Without dilation, which a tile's kernel does not know.
  const { DILATION: _, ...undilated } = constants;
  const own = large
    ? { ...undilated, ...tiles, ...(!inFours && CHANNELS % 4 === 0 && { TAP_OF_FOURS: true }) }
    : { ...constants, ...tiles };
  const kernel =
    byTile && large
      ? writtenOut(kindFor(tile[arithmeticBy(byTile)][weightReads], 'tile', flops), large.constants)
      : kindFor(workgroup, 'workgroup', flops);
  if (splits === 1) return [{ kernel, constants: { ...own, ...epilogue, C_SPLIT: 0 }, reads, writes: [y], workgroups }];
  const size = sizeOf(y.shape);
  const partials: Scratch = { scratch: 'partial products', elements: splits * size };
  return [
    {
      kernel,
      constants: { ...own, SCALE: 1, BIAS: false, RESIDUAL: false, C_SPLIT: size },
      reads: [x, operand, x, x],
      writes: [partials],
      workgroups,
    },
    sumSplits(partials, splits, y, { scale, bias, biasStride: OUT_HEIGHT * OUT_WIDTH, residual }, context),
  ];
}
