/** Which sizes pictures from elsewhere train in: each micro-batch is of one size, so that pairs are put into buckets. */
import type { PairSizing } from '../../records/pairs.ts';
import { distinctBy } from '../../shared/arrays.ts';
import type { TrainConfig } from '../../training/config.ts';
import type { ModelInfo, PairPictures } from '../types.ts';

export interface Size {
  width: number;
  height: number;
}

/** No longer than this, to their shorter side. */
const MAX_RATIO = 2;

/** Sizes of about as many pixels as the model's own (never more), in steps of 64 pixels, 8 for models of less than 512: as NovelAI's buckets
 *  (and kohya's) are made, up to a shape of 2 to 1. Widths ascending. */
export function bucketSizes({ defaultSize, sizeMultiple }: Pick<ModelInfo, 'defaultSize' | 'sizeMultiple'>): Size[] {
  const own = { width: defaultSize.width, height: defaultSize.height };
  const area = own.width * own.height;
  const wanted = Math.min(own.width, own.height) >= 512 ? 64 : 8;
  const step = Math.ceil(wanted / sizeMultiple) * sizeMultiple;
  const sizes: Size[] = [];
  for (let width = step; width * width <= MAX_RATIO * area; width += step) {
    const height = Math.floor(area / width / step) * step;
    if (height >= step && Math.max(width, height) <= MAX_RATIO * Math.min(width, height)) sizes.push({ width, height });
  }
  return sizes.some((size) => sameSize(size, own)) ? sizes : [...sizes, own];
}

/** Of pairs with these pictures, in the order of the first of each. Pictures that were made here train in their own size, whatever is beside them. */
export function trainingSizes(
  pairs: readonly PairPictures[],
  model: Pick<ModelInfo, 'defaultSize' | 'sizeMultiple'>,
  { size }: Pick<TrainConfig, 'size'>,
): Size[] {
  const sizes = pairs.map(({ pictures, sizing }) => {
    const own = pictures.find(({ foreign }) => !foreign);
    return own ? { width: own.width, height: own.height } : bucketOf(pictures, model, sizing, size);
  });
  return distinctBy(sizes, ({ width, height }) => `${width}x${height}`);
}

export const sameSize = (a: Size, b: Size): boolean => a.width === b.width && a.height === b.height;

/** The size of a pair: what was said of it, or of all; else of the nearest shape to both of its pictures', where they differ to the middle of them. */
export function bucketOf(
  pictures: readonly Size[],
  model: Pick<ModelInfo, 'defaultSize' | 'sizeMultiple'>,
  { width: ownWidth, height: ownHeight }: PairSizing = {},
  size: TrainConfig['size'] = null,
): Size {
  if (ownWidth && ownHeight) return { width: ownWidth, height: ownHeight };
  if (size) return { width: size[0], height: size[1] };
  const shape = ({ width, height }: Size): number => Math.log(width / height);
  const wanted = pictures.reduce((sum, picture) => sum + shape(picture), 0) / pictures.length;
  const away = (candidate: Size): number => Math.abs(shape(candidate) - wanted);
  return bucketSizes(model).reduce((best, candidate) => (away(candidate) < away(best) ? candidate : best));
}
