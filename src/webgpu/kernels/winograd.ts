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
import { addedTo } from './gemm.ts';
import { tileProducts } from './gemmTile.ts';
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
    withData(
      kernelOf('conv2d.winograd', outputCode),
      ...tileData,
      'ROWS',
      'FIRST_ROW',
      'PIECE_ROWS',
      'OUT_HEIGHT',
      'OUT_WIDTH',
      'SCALE',
    ),
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
/** Of transformed weights, of the transformed pixels and of the products: what is more goes in pieces, one after another through the same memory. The
 *  weights of Stable Diffusion's 1280 channels, 100 MiB, are not cut: for each piece of them all pixels are transformed again. */
const WEIGHT_BYTES = 128 * 2 ** 20;
const TILE_BYTES = 32 * 2 ** 20;
/** Rows and tiles of a piece are a multiple of this: those of a workgroup (tile.ts). */
const UNIT = 64;

const fours = (count: number): number => Math.ceil(count / 4) * 4;
const bytesOfAll = (elements: number): number => 4 * 16 * elements;

/** Whether such a convolution is worth it, and its scratch fits in bindings. */
export function isForWinograd(extents: Extents, { limits }: LowerContext): boolean {
  const { channels, rows } = extents;
  return (
    Math.min(channels, rows) >= FEWEST &&
    rows * channels <= MOST_WEIGHTS * tilesOf(extents) * (rows + channels) &&
    UNIT * bytesOfAll(Math.max(fours(channels), UNIT)) <= limits.maxStorageBufferBindingSize
  );
}

const tilesOf = ({ batch, outHeight, outWidth }: Extents): number =>
  batch * Math.ceil(outHeight / 2) * Math.ceil(outWidth / 2);

interface Piece {
  first: number;
  length: number;
}

/** Pieces of about equal length, multiples of `UNIT`, of at most so many bytes, where one of [0, count) takes so many. */
function piecesOf(count: number, bytesOfOne: number, most: number): Piece[] {
  const units = Math.max(1, Math.floor(most / bytesOfOne / UNIT));
  const pieces = Math.ceil(count / UNIT / units);
  const length = Math.ceil(count / UNIT / pieces) * UNIT;
  return Array.from({ length: Math.ceil(count / length) }, (_, i) => ({
    first: i * length,
    length: Math.min(length, count - i * length),
  }));
}

export function byWinograd(convolution: Winograd, context: LowerContext): Dispatch[] {
  const { x, weight, y, batch, channels, rows, outHeight, outWidth, scale, bias, residual } = convolution;
  const { rowStride, channelStride } = convolution;
  const { operand, first } = stretchOf(weight);
  const { limits } = context;
  const grid = (invocations: number): [number, number, number] => grid1d(invocations, WORKGROUP_SIZE, limits);
  const most = (bytes: number): number => Math.min(bytes, limits.maxStorageBufferBindingSize);
  const depth = fours(channels);
  const ofRows = piecesOf(rows, bytesOfAll(Math.max(depth, UNIT)), most(WEIGHT_BYTES));
  const mostRows = fours(ofRows[0]!.length);
  const ofTiles = piecesOf(tilesOf(convolution), bytesOfAll(Math.max(depth, mostRows)), most(TILE_BYTES));
  const mostTiles = fours(ofTiles[0]!.length);
  const u: Scratch = { scratch: 'transformed weights', elements: 16 * depth * mostRows };
  const v: Scratch = { scratch: 'transformed pixels', elements: 16 * depth * mostTiles };
  const m: Scratch = { scratch: 'products of tiles', elements: 16 * mostRows * mostTiles };
  const tiles = { BATCH: batch, TILES_HIGH: Math.ceil(outHeight / 2), TILES_WIDE: Math.ceil(outWidth / 2) };
  const added = addedTo(y, residual);
  // Neighbours along the axis that is contiguous in the weight, which the products then read in fours.
  const alongDepth = channelStride < rowStride;

  const transformWeights = (own: Piece): Dispatch => ({
    kernel: weights,
    constants: {
      ...(alongDepth
        ? { OUTER: own.length, INNER: depth, OUTER_FILLED: own.length, INNER_FILLED: channels }
        : { OUTER: depth, INNER: fours(own.length), OUTER_FILLED: channels, INNER_FILLED: own.length }),
      ...(alongDepth ? { W_OUTER: rowStride, W_INNER: channelStride } : { W_OUTER: channelStride, W_INNER: rowStride }),
      W_FIRST: first + own.first * rowStride,
      FLIP: convolution.flip,
      W_FORMAT: formatOf[weight.dtype],
    },
    reads: [operand],
    writes: [u],
    workgroups: grid(alongDepth ? own.length * depth : depth * fours(own.length)),
    flops: 0,
  });
  const at = (piece: Piece): Record<'FIRST_TILE' | 'COLUMNS', number> & typeof tiles => ({
    ...tiles,
    FIRST_TILE: piece.first,
    COLUMNS: fours(piece.length),
  });
  const transformPixels = (piece: Piece): Dispatch => ({
    kernel: pixels,
    constants: {
      ...at(piece),
      CHANNELS: channels,
      HEIGHT: convolution.height,
      WIDTH: convolution.width,
      PAD_TOP: convolution.padTop,
      PAD_LEFT: convolution.padLeft,
      DEPTH: depth,
    },
    reads: [x],
    writes: [v],
    workgroups: grid(depth * fours(piece.length)),
    flops: 0,
  });
  const multiply = (own: Piece, piece: Piece): Dispatch[] => {
    const columns = fours(piece.length);
    const inner = fours(own.length);
    return [
      tileProducts({
        count: 16,
        rows: own.length,
        columns,
        depth,
        a: alongDepth
          ? { read: u, one: own.length * depth, row: depth, depth: 1 }
          : { read: u, one: depth * inner, row: 1, depth: inner },
        b: v,
        c: m,
      }),
      {
        kernel: output,
        constants: {
          ...at(piece),
          ROWS: rows,
          FIRST_ROW: own.first,
          PIECE_ROWS: own.length,
          OUT_HEIGHT: outHeight,
          OUT_WIDTH: outWidth,
          SCALE: scale,
          BIAS: bias !== undefined,
          ...added.constants,
        },
        reads: [m, bias ?? m, added.read ?? m],
        writes: [y],
        workgroups: grid(own.length * columns),
        flops: 0,
      },
    ];
  };
  return ofRows.flatMap((own, i) => [
    transformWeights(own),
    ...ofTiles.flatMap((piece) => [
      // Where they are one piece, they are still there.
      ...(i === 0 || ofTiles.length > 1 ? [transformPixels(piece)] : []),
      ...multiply(own, piece),
    ]),
  ]);
}

const WORKGROUP_SIZE = 64;
