/** A picture as a judge's model takes it: preprocessed, padded as the judge says, in the layout of the model's input. */
import { WinnowError } from '../../shared/errors.ts';
import type { Raster } from '../../shared/resize.ts';
import { type Preprocess, preprocess, preprocessedSize, readPreprocessor } from '../preprocess.ts';
import type { ImageInput } from './description.ts';

interface Size {
  width: number;
  height: number;
}

/** What readPreprocessor takes for fields that may be left out. Of the others no two classes of transformers have the same. */
const nothing: Preprocess = {
  resize: null,
  kernel: 'bicubic',
  resizeIn: 'uint8',
  antialias: true,
  crop: null,
  pad: null,
  factor: 1 / 255,
  mean: [0, 0, 0],
  deviation: [1, 1, 1],
};

/** Throws BadFile with the field. @param file in messages */
export function preprocessOf({ preprocessor, resizeIn, antialias, cropOffset }: ImageInput, file: string): Preprocess {
  const needed: Record<string, readonly string[]> = {
    do_resize: ['size', 'resample'],
    do_center_crop: 'crop_size' in preprocessor || preprocessor['do_center_crop'] !== true ? [] : ['crop_size'],
    do_normalize: ['image_mean', 'image_std'],
  };
  const missing = Object.entries(needed).flatMap(([flag, fields]) =>
    preprocessor[flag] === false ? [] : fields.filter((field) => preprocessor[field] === undefined),
  );
  if (missing.length > 0)
    throw new WinnowError(
      'BadFile',
      `${file} does not say ${missing.join(' or ')}, without which scores are others.`,
      'Add it, or say by do_resize, do_center_crop and do_normalize false what is not done.',
    );
  const how = readPreprocessor(preprocessor, nothing, file);
  if (resizeIn === 'float32' && how.resize && how.kernel !== 'bicubic')
    throw new WinnowError(
      'BadFile',
      `${file} resizes tensors (resizeIn float32) with a kernel that is not bicubic.`,
      'Choose resample 3, or resizeIn uint8.',
    );
  return {
    ...how,
    resizeIn,
    antialias,
    crop: how.crop && { ...how.crop, offset: cropOffset === 'floor' ? 'floor' : 'even' },
  };
}

/** Of what reaches the model, where that is the same for every picture; undefined where it goes by the picture. */
export const modelSize = ({ pad }: Pick<ImageInput, 'pad'>, how: Preprocess): Size | undefined =>
  pad ? { width: pad.width, height: pad.height } : preprocessedSize(how);

/** Of a picture on its way. */
const MOST_PIXELS = 2 ** 26;

/** [1, 3, H, W] or [1, H, W, 3]. Throws BadArguments for a picture that is too long and narrow. */
export function pixelsOf(
  picture: Raster,
  { pad, layout, channels }: Pick<ImageInput, 'pad' | 'layout' | 'channels'>,
  how: Preprocess,
): { data: Float32Array; shape: number[] } {
  const long = Math.max(picture.width, picture.height) / Math.min(picture.width, picture.height);
  if (how.resize && 'shortest' in how.resize && how.resize.shortest ** 2 * long > MOST_PIXELS)
    throw new WinnowError(
      'BadArguments',
      `A picture of ${picture.width} by ${picture.height} pixels is too long and narrow for this judge.`,
      'Leave it out, or cut it.',
    );
  let planes = preprocess(picture, how);
  if (pad) planes = padded(planes, pad, how);
  return laidOut(planes, layout, channels);
}

/** In the middle, the odd row or column behind. */
function padded(
  { width, height, data }: Size & { data: Float32Array },
  { width: wide, height: high, value, when }: NonNullable<ImageInput['pad']>,
  { mean, deviation }: Preprocess,
): Size & { data: Float32Array } {
  if (width > wide || height > high)
    throw new WinnowError(
      'BadFile',
      `The judge pads to ${wide} by ${high} pixels what it has made ${width} by ${height}.`,
      'Correct pad or size in judge.json.',
    );
  const out = new Float32Array(3 * wide * high);
  const [left, top] = [Math.floor((wide - width) / 2), Math.floor((high - height) / 2)];
  for (let c = 0; c < 3; c++) {
    const around =
      when === 'afterNormalize' ? value : Math.fround(Math.fround(value) - Math.fround(mean[c]!)) / deviation[c]!;
    out.fill(around, c * wide * high, (c + 1) * wide * high);
    for (let y = 0; y < height; y++)
      out.set(
        data.subarray((c * height + y) * width, (c * height + y + 1) * width),
        (c * high + y + top) * wide + left,
      );
  }
  return { width: wide, height: high, data: out };
}

function laidOut(
  { width, height, data }: Size & { data: Float32Array },
  layout: ImageInput['layout'],
  channels: ImageInput['channels'],
): { data: Float32Array; shape: number[] } {
  if (layout === 'NCHW' && channels === 'RGB') return { data, shape: [1, 3, height, width] };
  const area = width * height;
  const out = new Float32Array(3 * area);
  for (let c = 0; c < 3; c++) {
    const from = (channels === 'RGB' ? c : 2 - c) * area;
    for (let i = 0; i < area; i++) out[layout === 'NCHW' ? c * area + i : 3 * i + c] = data[from + i]!;
  }
  return { data: out, shape: layout === 'NCHW' ? [1, 3, height, width] : [1, height, width, 3] };
}
