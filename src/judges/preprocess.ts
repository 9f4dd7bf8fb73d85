/** How a judge that was made elsewhere sees a picture: Hugging Face's preprocessor_config.json, with the few things beside that other
 *  implementations do. Whatever a picture's size, it comes out in the one that the judge was trained on. */
import { WinnowError } from '../shared/errors.ts';
import { roundHalfEven } from '../shared/fit.ts';
import { isRecord, shown } from '../shared/json.ts';
import { limits } from '../shared/limits.ts';
import { type Raster, type ResizeKernel, resizeNearest, resizePicture, resizePlanes } from '../shared/resize.ts';

interface Size {
  width: number;
  height: number;
}

export interface Preprocess {
  /** shortest, longest: that side becomes so long, and the other keeps the shape (rounded down, half to even). */
  resize: { shortest: number } | { longest: number } | Size | null;
  /** PIL's. */
  kernel: ResizeKernel | 'nearest';
  /** uint8: as Pillow resizes pictures; float32: as torch resizes tensors, nothing rounded or clamped (bicubic alone). */
  resizeIn: 'uint8' | 'float32';
  /** Of float32. */
  antialias: boolean;
  /** Where the middle begins if what is left over is odd: floor as transformers, even as torchvision (Python's round). */
  crop: (Size & { offset: 'floor' | 'even' }) | null;
  /** Black (0 before `mean` and `deviation`) around what is smaller, the odd line to the right and below. */
  pad: Size | null;
  /** Of the 8-bit numbers. */
  factor: number;
  /** By channel. */
  mean: readonly number[];
  deviation: readonly number[];
}

const CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073];
const CLIP_DEVIATION = [0.26862954, 0.26130258, 0.27577711];

/** transformers' CLIPImageProcessor: the short side, the middle. */
export const clipPreprocess = (side: number): Preprocess => ({
  resize: { shortest: side },
  kernel: 'bicubic',
  resizeIn: 'uint8',
  antialias: true,
  crop: { width: side, height: side, offset: 'floor' },
  pad: null,
  factor: 1 / 255,
  mean: CLIP_MEAN,
  deviation: CLIP_DEVIATION,
});

/** HPS v2's: the whole picture, black around it; resized as a tensor, so that values leave their range. */
export const hpsPreprocess = (side: number, antialias = true): Preprocess => ({
  ...clipPreprocess(side),
  resize: { longest: side },
  resizeIn: 'float32',
  antialias,
  crop: null,
  pad: { width: side, height: side },
});

/** Of a picture resized by its short side, before its middle is cut out. */
const MOST_PIXELS = 2 ** 25;

/** PIL.Image.Resampling. */
const resampling: readonly Preprocess['kernel'][] = ['nearest', 'lanczos', 'bilinear', 'bicubic', 'box', 'hamming'];

/** Reads preprocessor_config.json: what it leaves out is `defaults`', as in transformers, where they are its class's.
 *  Throws BadFile with the field and its value. */
export function readPreprocessor(
  config: Readonly<Record<string, unknown>>,
  defaults: Preprocess,
  file = 'preprocessor_config.json',
): Preprocess {
  const bad = (field: string, wanted: string): WinnowError =>
    new WinnowError(
      'BadFile',
      `${file}: ${field} is ${shown(config[field])}; it should be ${wanted}.`,
      'Take another copy of the judge.',
    );
  const said = (field: string): unknown => config[field] ?? undefined;
  const isSide = (value: unknown): value is number =>
    Number.isInteger(value) && (value as number) > 0 && (value as number) <= limits.side;
  const flag = (field: string): boolean => {
    const value = said(field) ?? true;
    if (typeof value !== 'boolean') throw bad(field, 'true or false');
    return value;
  };
  const pair = (value: unknown): Size | undefined =>
    isRecord(value) && isSide(value['width']) && isSide(value['height'])
      ? { width: value['width'], height: value['height'] }
      : undefined;
  const size = (): Preprocess['resize'] => {
    const value = said('size');
    if (value === undefined) return defaults.resize;
    // As configs had it before 2023.
    if (isSide(value)) return { shortest: value };
    const whole = pair(value);
    if (whole) return whole;
    if (isRecord(value) && isSide(value['shortest_edge']) && value['longest_edge'] === undefined)
      return { shortest: value['shortest_edge'] };
    if (isRecord(value) && isSide(value['longest_edge']) && value['shortest_edge'] === undefined)
      return { longest: value['longest_edge'] };
    throw bad('size', 'a number of pixels, {shortest_edge}, {longest_edge} or {height, width}');
  };
  const crop = (): Preprocess['crop'] => {
    const value = said('crop_size');
    if (value === undefined) return defaults.crop;
    const whole = isSide(value) ? { width: value, height: value } : pair(value);
    if (!whole) throw bad('crop_size', 'a number of pixels or {height, width}');
    return { ...whole, offset: defaults.crop?.offset ?? 'floor' };
  };
  const kernel = (): Preprocess['kernel'] => {
    const value = said('resample');
    if (value === undefined) return defaults.kernel;
    const found = typeof value === 'number' ? resampling[value] : undefined;
    if (!found) throw bad('resample', `a number from 0 to ${resampling.length - 1}`);
    return found;
  };
  const channels = (field: string, otherwise: readonly number[]): readonly number[] => {
    const value = said(field) ?? otherwise;
    const all = typeof value === 'number' ? [value, value, value] : value;
    const fits = (entry: unknown): boolean =>
      typeof entry === 'number' && Math.abs(entry) <= 1e6 && (field !== 'image_std' || entry > 0);
    if (!Array.isArray(all) || all.length !== 3 || !all.every(fits)) throw bad(field, 'three numbers');
    return all as number[];
  };
  const factor = said('rescale_factor') ?? defaults.factor;
  if (typeof factor !== 'number' || !(factor > 0 && factor <= 1)) throw bad('rescale_factor', 'a number from 0 to 1');
  const normalised = flag('do_normalize');
  return {
    ...defaults,
    resize: flag('do_resize') ? size() : null,
    kernel: kernel(),
    crop: flag('do_center_crop') ? crop() : null,
    factor: flag('do_rescale') ? factor : 1,
    mean: normalised ? channels('image_mean', defaults.mean) : [0, 0, 0],
    deviation: normalised ? channels('image_std', defaults.deviation) : [1, 1, 1],
  };
}

/** Width and height of what comes out, whatever goes in; undefined where that depends on the picture. */
export function preprocessedSize({ resize, crop, pad }: Preprocess): Size | undefined {
  const last = pad ?? crop ?? (resize && 'width' in resize ? resize : undefined);
  return last && { width: last.width, height: last.height };
}

/** An opaque RGBA picture as the judge takes it: [3, height, width] in f32. */
export function preprocess(picture: Raster, how: Preprocess): Size & { data: Float32Array } {
  const to = resizedTo(picture, how.resize);
  if (to.width * to.height > MOST_PIXELS)
    throw new WinnowError(
      'BadArguments',
      `A picture of ${picture.width} by ${picture.height} pixels is too narrow for this judge.`,
      'Crop it, or choose a judge that sees whole pictures.',
    );
  const same = to.width === picture.width && to.height === picture.height;
  let planes: Float32Array;
  if (how.resizeIn === 'float32') {
    planes = resizePlanes(planesOf(picture, how.factor), picture, to, { antialias: how.antialias });
  } else {
    const resized = same
      ? picture
      : how.kernel === 'nearest'
        ? resizeNearest(picture, to)
        : resizePicture(picture, to, how.kernel);
    planes = planesOf(resized, how.factor);
  }
  let out = { ...to, data: planes };
  if (how.crop) out = placed(out, how.crop, how.crop.offset);
  if (how.pad) out = placed(out, how.pad, 'floor');
  const pixels = out.width * out.height;
  for (let c = 0; c < 3; c++) {
    const [mean, deviation] = [Math.fround(how.mean[c]!), Math.fround(how.deviation[c]!)];
    for (let i = c * pixels; i < (c + 1) * pixels; i++) out.data[i] = Math.fround(out.data[i]! - mean) / deviation;
  }
  return out;
}

function resizedTo({ width, height }: Size, resize: Preprocess['resize']): Size {
  if (!resize) return { width, height };
  if ('width' in resize) return resize;
  const [short, long] = [Math.min(width, height), Math.max(width, height)];
  const [side, other] =
    'shortest' in resize
      ? [resize.shortest, Math.trunc((resize.shortest * long) / short)]
      : [Math.max(1, roundHalfEven(short * (resize.longest / long))), resize.longest];
  return width <= height ? { width: side, height: other } : { width: other, height: side };
}

/** The three colours, each times `factor`. */
function planesOf({ width, height, data }: Raster, factor: number): Float32Array {
  const pixels = width * height;
  const out = new Float32Array(3 * pixels);
  for (let c = 0; c < 3; c++) for (let i = 0; i < pixels; i++) out[c * pixels + i] = data[4 * i + c]! * factor;
  return out;
}

/** The middle of what is larger than `wanted`, and 0 around what is smaller, along each axis. */
function placed(
  from: Size & { data: Float32Array },
  wanted: Size,
  offset: 'floor' | 'even',
): Size & { data: Float32Array } {
  if (from.width === wanted.width && from.height === wanted.height) return from;
  const begin = (all: number, part: number): number =>
    // Of what is padded, the odd line goes behind.
    all < part
      ? -Math.floor((part - all) / 2)
      : offset === 'floor'
        ? (all - part) >> 1
        : roundHalfEven((all - part) / 2);
  const [left, top] = [begin(from.width, wanted.width), begin(from.height, wanted.height)];
  const { width, height } = wanted;
  const data = new Float32Array(3 * width * height);
  const columns = Math.min(width, from.width);
  for (let c = 0; c < 3; c++)
    for (let y = Math.max(0, -top); y < Math.min(height, from.height - top); y++) {
      const start = (c * from.height + y + top) * from.width + Math.max(0, left);
      data.set(from.data.subarray(start, start + columns), (c * height + y) * width + Math.max(0, -left));
    }
  return { width, height, data };
}
