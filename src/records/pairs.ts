/** Two pictures of one prompt, to be judged. */
import { z } from 'zod';
import { type ImageRecord, imageRecordSchema } from './images.ts';

export interface PairRecord {
  id: string;
  prompt: string;
  /** Order carries no meaning; sides are shuffled at every showing. */
  images: [ImageRecord, ImageRecord];
  /** Where it came from: same prompt and two seeds, or two models at one seed, or the bundled set. */
  origin: 'seeds' | 'models' | 'bundled';
  createdAt: string;
}

export const pairRecordSchema = z.looseObject({
  id: z.string().min(1),
  prompt: z.string(),
  images: z.tuple([imageRecordSchema, imageRecordSchema]),
  origin: z.enum(['seeds', 'models', 'bundled']),
  createdAt: z.string(),
}) satisfies z.ZodType<PairRecord>;
