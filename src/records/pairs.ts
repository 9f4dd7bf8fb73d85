/** Two pictures of one prompt, to be judged. */
import { z } from 'zod';
import { type Fit, fits } from '../shared/fit.ts';
import { type ImageRecord, side } from './images.ts';
import { type PairImage, pairImageSchema } from './foreignImages.ts';

/** Of a pair that was brought along. */
export interface PairSource {
  /** A name of data/preferences/table.ts. */
  format: string;
  /** The file's name, or its path inside the folder that was brought. */
  file: string;
  /** From 0, in the file. */
  row: number;
  /** What the row says beside prompt, pictures and label, by the field's own names, so that it can go out again as it came in. A point in time is
   *  ISO 8601 in UTC with all digits that it has (`2023-01-02T03:04:05.000000006Z`); a whole number that a double does not hold is decimal text. */
  fields?: Record<string, string | number | boolean | null> | undefined;
}

/** How pictures are to be sized where they train; what is left out, the model and the run say. */
export interface PairSizing {
  /** In pixels. */
  width?: number | undefined;
  height?: number | undefined;
  fit?: Fit | undefined;
}

/** Why a candidate of a round is shown when it is: drawn at random, for the model's doubt, or behind both. */
export type AskedFor = 'random' | 'chosen' | 'rest';

export interface PairRecord {
  id: string;
  prompt: string;
  /** Order carries no meaning; sides are shuffled at every showing. */
  images: [PairImage, PairImage];
  /** Where it came from: same prompt and two seeds, or two models at one seed, the bundled set, or somebody else's data. */
  origin: 'seeds' | 'models' | 'bundled' | 'imported';
  source?: PairSource | undefined;
  /** Of pictures from elsewhere, which keep their own size until they are used: whoever brought them said so. */
  sizing?: PairSizing | undefined;
  /** Of a candidate of a round: the run that it was drawn and doubted by, when, and its place among the others. */
  asked?: { round: string; at: string; order: number; why: AskedFor } | undefined;
  /** ISO 8601: of a pair that was brought along, when that import began. */
  importedAt?: string | undefined;
  createdAt: string;
}

/** Of pictures that were made here. */
export interface OwnPair extends PairRecord {
  images: [ImageRecord, ImageRecord];
}

export const pairSizingSchema = z.looseObject({
  width: side.optional(),
  height: side.optional(),
  fit: z.enum(fits).optional(),
}) satisfies z.ZodType<PairSizing>;

export const pairRecordSchema = z.looseObject({
  id: z.string().min(1),
  prompt: z.string(),
  images: z.tuple([pairImageSchema, pairImageSchema]),
  origin: z.enum(['seeds', 'models', 'bundled', 'imported']),
  source: z
    .looseObject({
      format: z.string().min(1),
      file: z.string(),
      row: z.int().min(0),
      fields: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])).optional(),
    })
    .optional(),
  sizing: pairSizingSchema.optional(),
  asked: z
    .looseObject({
      round: z.string(),
      at: z.string(),
      order: z.int().min(0),
      why: z.enum(['random', 'chosen', 'rest']),
    })
    .optional(),
  importedAt: z.string().optional(),
  createdAt: z.string(),
}) satisfies z.ZodType<PairRecord>;
