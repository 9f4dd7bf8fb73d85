/** Pictures in another size, byte for byte as Pillow's Image.resize makes them: a kernel as wide as the reduction (so with antialias), across and
 *  then down, or down first where Pillow 13 does, each pass rounded to 8 bits. torchvision's Resize is that, for the pictures that the published
 *  scripts give it. python-pillow/Pillow src/libImaging/Resample.c
 *  And as torch resizes tensors (`resizePlanes`), which some scripts do: the same kernel in f32, without rounding. */

/** RGBA or any other channels, 8 bits each, row by row. */
export interface Raster {
  width: number;
  height: number;
  data: Uint8Array | Uint8ClampedArray;
}

interface Size {
  width: number;
  height: number;
}

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

/** Keys' cubic convolution. */
const cubic =
  (a: number, round = (x: number): number => x) =>
  (signed: number): number => {
    const x = Math.abs(signed);
    const times = (p: number, q: number): number => round(p * q);
    if (x < 1) return round(times(times(round(times(round(a + 2), x) - round(a + 3)), x), x) + 1);
    if (x < 2) return times(round(times(round(times(round(x - 5), x) + 8), x) - 4), a);
    return 0;
  };

/** Pillow's kernels, by their names: how far each reaches at the source's own scale, and its weight at a distance. */
const kernels = {
  box: { support: 0.5, at: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, at: (x) => Math.max(0, 1 - Math.abs(x)) },
  hamming: {
    support: 1,
    at: (x) =>
      x === 0 ? 1 : Math.abs(x) >= 1 ? 0 : sinc(x) * (Math.fround(0.54) + Math.fround(0.46) * Math.cos(Math.PI * x)),
  },
  bicubic: { support: 2, at: cubic(-0.5) },
  lanczos: { support: 3, at: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
} satisfies Record<string, { support: number; at: (x: number) => number }>;
export type ResizeKernel = keyof typeof kernels;

/** Bits behind the point of a weight. */
const PRECISION = 22;

interface Weights<W> {
  /** Of each target: the first source and how many there are. */
  first: Int32Array;
  count: Int32Array;
  /** `most` for each target. */
  weight: W;
  most: number;
}

interface Kernel {
  support: number;
  at: (x: number) => number;
  /** In what numbers the places are figured. */
  round?: (x: number) => number;
}

function weightsOf(from: number, to: number, { support: reach, at, round = (x) => x }: Kernel): Weights<Float64Array> {
  const scale = round(from / to);
  const wide = Math.max(scale, 1);
  const narrower = round(1 / wide);
  const support = round(reach * wide);
  const most = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(to);
  const count = new Int32Array(to);
  const weight = new Float64Array(to * most);
  for (let i = 0; i < to; i++) {
    const centre = round((i + 0.5) * scale);
    const low = Math.max(0, Math.trunc(round(round(centre - support) + 0.5)));
    const high = Math.min(from, Math.trunc(round(round(centre + support) + 0.5)));
    first[i] = low;
    count[i] = high - low;
    let sum = 0;
    for (let k = 0; k < high - low; k++) {
      const value = at(round(round(round(k + low - centre) + 0.5) * narrower));
      weight[i * most + k] = value;
      sum = round(sum + value);
    }
    if (sum !== 0) for (let k = 0; k < high - low; k++) weight[i * most + k] = round(weight[i * most + k]! / sum);
  }
  return { first, count, weight, most };
}

/** In fixed point, half away from zero. */
function fixedPoint({ weight, ...places }: Weights<Float64Array>): Weights<Int32Array> {
  return { ...places, weight: Int32Array.from(weight, (w) => Math.trunc((w < 0 ? -0.5 : 0.5) + w * 2 ** PRECISION)) };
}

/** Since version 13 (pull request 9549): where the height shrinks by more than twice what the width shrinks by. Before, and for the rest, across
 *  is first; on pictures of that shape the versions differ by 1 in some bytes. */
const isDownFirst = (from: Size, to: Size): boolean =>
  to.height < from.height && from.height - to.height > 2 * (from.width - to.width);

/** @param channels of a pixel. Gives the same bytes where nothing changes. */
export function resizePicture(
  { data, ...from }: Raster,
  to: Size,
  kernel: ResizeKernel,
  channels = 4,
): Raster & { data: Uint8Array } {
  const across = (pixels: Raster['data'], lines: number): Uint8Array =>
    pass(pixels, kernel, {
      lines,
      line: from.width * channels,
      step: channels,
      from: from.width,
      to: to.width,
      channels,
    });
  const down = (pixels: Raster['data'], width: number): Uint8Array => {
    const line = width * channels;
    const heights = { from: from.height, to: to.height };
    return pass(pixels, kernel, { lines: 1, line: from.height * line, step: line, ...heights, channels: line });
  };
  return {
    width: to.width,
    height: to.height,
    data: isDownFirst(from, to) ? across(down(data, from.width), to.height) : down(across(data, from.height), to.width),
  };
}

export const resizeBilinear = (picture: Raster, size: Size): Raster & { data: Uint8Array } =>
  resizePicture(picture, size, 'bilinear');

/** Along one axis. `step`: between its neighbours; `channels`: what lies side by side at each of its places. */
function pass(
  data: Uint8Array | Uint8ClampedArray,
  kernel: ResizeKernel,
  { lines, line, step, from, to, channels }: Record<'lines' | 'line' | 'step' | 'from' | 'to' | 'channels', number>,
): Uint8Array {
  if (from === to) return Uint8Array.from(data);
  const { first, count, weight, most } = fixedPoint(weightsOf(from, to, kernels[kernel]));
  const out = new Uint8Array(lines * to * step);
  for (let y = 0; y < lines; y++) {
    for (let i = 0; i < to; i++) {
      const start = y * line + first[i]! * step;
      const target = (y * to + i) * step;
      for (let c = 0; c < channels; c++) {
        let sum = 2 ** (PRECISION - 1);
        for (let k = 0; k < count[i]!; k++) sum += data[start + k * step + c]! * weight[i * most + k]!;
        out[target + c] = Math.min(255, Math.max(0, sum >> PRECISION));
      }
    }
  }
  return out;
}

/** The nearest pixel: Pillow's Image.resize(NEAREST). */
export function resizeNearest(
  { width, height, data }: Raster,
  size: Size,
  channels = 4,
): Raster & { data: Uint8Array } {
  const out = new Uint8Array(size.width * size.height * channels);
  const place = (i: number, from: number, to: number): number =>
    Math.min(from - 1, Math.trunc((i + 0.5) * (from / to)));
  for (let y = 0; y < size.height; y++)
    for (let x = 0; x < size.width; x++) {
      const start = (place(y, height, size.height) * width + place(x, width, size.width)) * channels;
      out.set(data.subarray(start, start + channels), (y * size.width + x) * channels);
    }
  return { width: size.width, height: size.height, data: out };
}

/** [C, H, W] in f32, resized bicubically as torch.nn.functional.interpolate does: nothing is rounded or clamped, so that values leave the
 *  range they came in. Weights are figured in f32 as torch does, which moves a large picture by 1e-5.
 *  @param antialias as torchvision has it for tensors since 0.17; without, four pixels whatever the reduction (a = -0.75). */
export function resizePlanes(
  planes: Float32Array,
  { width, height }: Size,
  size: Size,
  { antialias }: { antialias: boolean },
): Float32Array {
  const axis = antialias ? smoothAxis : fourAxis;
  const channels = planes.length / (width * height);
  const across = alongAxis(planes, axis(width, size.width), { lines: channels * height, from: width, step: 1 });
  return alongAxis(across, axis(height, size.height), { lines: channels, from: height, step: size.width });
}

const smooth: Kernel = { support: 2, at: cubic(-0.5, Math.fround), round: Math.fround };
const smoothAxis = (from: number, to: number): Weights<Float64Array> | undefined =>
  from === to ? undefined : weightsOf(from, to, smooth);

/** Pixels past the edge are those at it. */
function fourAxis(from: number, to: number): Weights<Float64Array> | undefined {
  if (from === to) return undefined;
  const round = Math.fround;
  const at = cubic(-0.75, round);
  const scale = round(from / to);
  const weight = new Float64Array(to * 4);
  const first = new Int32Array(to);
  const count = new Int32Array(to);
  for (let i = 0; i < to; i++) {
    const place = round(round(scale * (i + 0.5)) - 0.5);
    const floor = Math.floor(place);
    const low = Math.min(Math.max(0, floor - 1), from - 1);
    first[i] = low;
    count[i] = Math.min(from - 1, Math.max(0, floor + 2)) - low + 1;
    for (let k = -1; k <= 2; k++) {
      const source = Math.min(from - 1, Math.max(0, floor + k));
      weight[i * 4 + source - low] = weight[i * 4 + source - low]! + at(round(round(place - floor) - k));
    }
  }
  return { first, count, weight, most: 4 };
}

/** `step`: between neighbours of the axis, and how many lie side by side at each of its places. */
function alongAxis(
  data: Float32Array,
  weights: Weights<Float64Array> | undefined,
  { lines, from, step }: Record<'lines' | 'from' | 'step', number>,
): Float32Array {
  if (!weights) return data;
  const { first, count, weight, most } = weights;
  const to = first.length;
  const out = new Float32Array(lines * to * step);
  for (let y = 0; y < lines; y++)
    for (let i = 0; i < to; i++) {
      const start = (y * from + first[i]!) * step;
      for (let c = 0; c < step; c++) {
        let sum = 0;
        for (let k = 0; k < count[i]!; k++) sum += data[start + k * step + c]! * weight[i * most + k]!;
        out[(y * to + i) * step + c] = sum;
      }
    }
  return out;
}
