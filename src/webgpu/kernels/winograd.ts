/** 3x3 convolutions by Winograd's F(2x2, 3x3): 16 multiply-adds for four pixels instead of 36 (Lavin & Gray, Fast Algorithms for Convolutional Neural
 *  Networks, 2016). Weights and 4x4 tiles of pixels are transformed, multiplied as sixteen products over channels, and the products transformed
 *  back. Exact but for rounding, of which it has a few times as much; for GPUs. */
import type { Value } from '../../graph/graph.ts';
import {
  type Dispatch,
  formatOf,
  grid1d,
  kernelOf,
  type LowerContext,
  type Scratch,
  stretchOf,
  withData,
} from './dispatch.ts';
import { addedTo, tileProducts } from './gemm.ts';
import { unroll } from './unroll.ts';
import outputCode from './conv2d.winograd.wgsl?raw';
import pixelsCode from './conv2dTiles.winograd.wgsl?raw';
import weightsCode from './conv2dWeights.winograd.wgsl?raw';
import conv2dLoadsCode from './shared/conv2dLoads.wgsl?raw';
import widenedCode from './shared/widened.wgsl?raw';

const tileData = ['BATCH', 'TILES_HIGH', 'TILES_WIDE', 'FIRST_TILE', 'COLUMNS'];
const weights = unroll(
  unroll(
    withData(
      kernelOf('conv2dWeights.winograd', weightsCode, conv2dLoadsCode, widenedCode),
      'OUTER',
      'INNER',
      'OUTER_FILLED',
      'INNER_FILLED',
      'W_OUTER',
      'W_INNER',
      'W_FIRST',
    ),
    'THREE',
    3,
  ),
  'FOUR',
  4,
);
const pixels = unroll(
  withData(
    kernelOf('conv2dTiles.winograd', pixelsCode),
    ...tileData,
    'CHANNELS',
    'HEIGHT',
    'WIDTH',
    'PAD_TOP',
    'PAD_LEFT',
    'DEPTH',
  ),
  'FOUR',
  4,
);
const output = unroll(
  unroll(
    withData(kernelOf('conv2d.winograd', outputCode), ...tileData, 'ROWS', 'OUT_HEIGHT', 'OUT_WIDTH', 'SCALE'),
    'FOUR',
    4,
  ),
  'TWO',
  2,
);

/** A convolution of stride 1 with a 3x3 kernel, and what is added at its end. */
export interface Winograd {
  x: Value;
  weight: Value;
  y: Value;
  batch: number;
  channels: number;
  height: number;
  width: number;
  rows: number;
  outHeight: number;
  outWidth: number;
  padTop: number;
  padLeft: number;
  /** Strides of the weight; one of them is a kernel's 9. */
  rowStride: number;
  channelStride: number;
  flip: boolean;
  scale: number;
  bias?: Value | undefined;
  residual?: Value | undefined;
}

type Extents = Pick<Winograd, 'batch' | 'channels' | 'rows' | 'outHeight' | 'outWidth'>;

/** A pixel is transformed to four numbers, and so is what each row makes of it: few of either, and that is all the work. */
const FEWEST = 32;
/** Of the numbers that both are transformed to, weights may be so many times the pixels: below, those of a small picture cost more than they save. */
const MOST_WEIGHTS = 8;
/** Of transformed weights; those of Stable Diffusion's 1280 channels take 100 MiB. */
const WEIGHT_BYTES = 128 * 2 ** 20;
/** Of the transformed pixels, and of the products: what is more goes in pieces, one after another through the same memory. */
const PIECE_BYTES = 32 * 2 ** 20;
/** Tiles of a piece are a multiple of this: those of a workgroup (tile.ts). */
const UNIT = 64;

const fours = (count: number): number => Math.ceil(count / 4) * 4;
const bytesOfAll = (elements: number): number => 4 * 16 * elements;

/** Whether such a convolution is worth it, and its scratch fits in bindings. */
export function isForWinograd(extents: Extents, { limits }: LowerContext): boolean {
  const { channels, rows } = extents;
  const { maxStorageBufferBindingSize: most } = limits;
  return (
    Math.min(channels, rows) >= FEWEST &&
    rows * channels <= MOST_WEIGHTS * tilesOf(extents) * (rows + channels) &&
    bytesOfAll(fours(rows) * fours(channels)) <= Math.min(WEIGHT_BYTES, most) &&
    bytesOfAll(UNIT * fours(Math.max(rows, channels))) <= most
  );
}

const tilesOf = ({ batch, outHeight, outWidth }: Extents): number =>
  batch * Math.ceil(outHeight / 2) * Math.ceil(outWidth / 2);

/** Pieces of about equal length that make up all tiles. */
function piecesOf(extents: Extents, { limits }: LowerContext): { first: number; length: number }[] {
  const tiles = tilesOf(extents);
  const most = Math.min(PIECE_BYTES, limits.maxStorageBufferBindingSize);
  const bytesOfOne = bytesOfAll(fours(Math.max(extents.rows, extents.channels)));
  const units = Math.max(1, Math.floor(most / bytesOfOne / UNIT));
  const count = Math.ceil(tiles / UNIT / units);
  const length = Math.ceil(tiles / UNIT / count) * UNIT;
  return Array.from({ length: Math.ceil(tiles / length) }, (_, i) => ({
    first: i * length,
    length: Math.min(length, tiles - i * length),
  }));
}

export function byWinograd(convolution: Winograd, context: LowerContext): Dispatch[] {
  const { x, weight, y, batch, channels, rows, outHeight, outWidth, scale, bias, residual } = convolution;
  const { operand, first } = stretchOf(weight);
  const grid = (invocations: number): [number, number, number] => grid1d(invocations, WORKGROUP_SIZE, context.limits);
  const depth = fours(channels);
  // Neighbours along the axis that is contiguous in the weight, which the products then read in fours.
  const alongDepth = convolution.channelStride < convolution.rowStride;
  const [outer, inner] = alongDepth ? [rows, depth] : [depth, fours(rows)];
  const pieces = piecesOf(convolution, context);
  const longest = fours(pieces[0]!.length);
  const u: Scratch = { scratch: 'transformed weights', elements: 16 * outer * inner };
  const v: Scratch = { scratch: 'transformed pixels', elements: 16 * depth * longest };
  const m: Scratch = { scratch: 'products of tiles', elements: 16 * rows * longest };
  const added = addedTo(y, residual);
  const tiles = { BATCH: batch, TILES_HIGH: Math.ceil(outHeight / 2), TILES_WIDE: Math.ceil(outWidth / 2) };
  return [
    {
      kernel: weights,
      constants: {
        OUTER: outer,
        INNER: inner,
        OUTER_FILLED: alongDepth ? rows : channels,
        INNER_FILLED: alongDepth ? channels : rows,
        W_OUTER: alongDepth ? convolution.rowStride : convolution.channelStride,
        W_INNER: alongDepth ? convolution.channelStride : convolution.rowStride,
        W_FIRST: first,
        FLIP: convolution.flip,
        W_FORMAT: formatOf[weight.dtype],
      },
      reads: [operand],
      writes: [u],
      workgroups: grid(outer * inner),
      flops: 0,
    },
    ...pieces.flatMap((piece): Dispatch[] => {
      const columns = fours(piece.length);
      const here = { ...tiles, FIRST_TILE: piece.first, COLUMNS: columns };
      return [
        {
          kernel: pixels,
          constants: {
            ...here,
            CHANNELS: channels,
            HEIGHT: convolution.height,
            WIDTH: convolution.width,
            PAD_TOP: convolution.padTop,
            PAD_LEFT: convolution.padLeft,
            DEPTH: depth,
          },
          reads: [x],
          writes: [v],
          workgroups: grid(depth * columns),
          flops: 0,
        },
        tileProducts({
          count: 16,
          rows,
          columns,
          depth,
          a: { read: u, one: outer * inner, row: alongDepth ? inner : 1, depth: alongDepth ? 1 : inner },
          b: v,
          c: m,
        }),
        {
          kernel: output,
          constants: {
            ...here,
            ROWS: rows,
            OUT_HEIGHT: outHeight,
            OUT_WIDTH: outWidth,
            SCALE: scale,
            BIAS: bias !== undefined,
            ...added.constants,
          },
          reads: [m, bias ?? m, added.read ?? m],
          writes: [y],
          workgroups: grid(rows * columns),
          flops: 0,
        },
      ];
    }),
  ];
}

const WORKGROUP_SIZE = 64;
