/** A picture that came from elsewhere: as it came, with what was said of it. Its latents are made when it trains. */
import { z } from 'zod';
import { type ImageRecord, imageRecordSchema, place, side } from './images.ts';

export interface ForeignImage {
  foreign: true;
  id: string;
  /** JPEG, PNG or WebP in the file store, byte for byte as it came. */
  file: string;
  /** In pixels, as it is shown: turned as its EXIF orientation says. */
  width: number;
  height: number;
  /** What it is said to have been made with. */
  madeWith?: string | undefined;
  /** ISO 8601: when it came. */
  createdAt: string;
}

/** A picture of a pair, from here or from elsewhere. */
export type PairImage = ImageRecord | ForeignImage;

export const isForeign = (image: PairImage): image is ForeignImage => 'foreign' in image && image.foreign;

/** In the file store. */
export const filesOf = (image: PairImage): string[] =>
  isForeign(image) ? [image.file] : [image.file, image.latentsFile];

/** Of a picture from elsewhere the picture itself: its latents are made of it. */
export const latentsFileOf = (image: PairImage): string => (isForeign(image) ? image.file : image.latentsFile);

export const foreignImageSchema = z.looseObject({
  foreign: z.literal(true),
  id: z.string().min(1),
  file: place,
  width: side,
  height: side,
  madeWith: z.string().optional(),
  createdAt: z.string(),
}) satisfies z.ZodType<ForeignImage>;

export const pairImageSchema = z.union([foreignImageSchema, imageRecordSchema]) satisfies z.ZodType<PairImage>;
