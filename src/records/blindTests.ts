/** Blind tests of two models: every round with what was shown where and what was answered. */
import { z } from 'zod';
import { type ImageRecord, imageRecordSchema } from './images.ts';
import { type ModelRef, modelRefSchema } from './modelRef.ts';

/** The Diffusion-DPO paper's three questions (arXiv 2311.12908, human evaluation). */
export type Question = 'general' | 'appeal' | 'alignment';

export type BlindAnswer = 'left' | 'right' | 'tie';

export interface BlindRound {
  prompt: string;
  seed: number;
  images: { a: ImageRecord; b: ImageRecord };
  /** Which of the two stood on the left. */
  shownLeft: 'a' | 'b';
  answers: { question: Question; answer: BlindAnswer; elapsedMs: number; at: string }[];
}

export interface BlindTestRecord {
  version: 1;
  id: string;
  a: { title: string; model: ModelRef };
  b: { title: string; model: ModelRef };
  questions: Question[];
  /** Rounds asked for; `rounds` holds those that were answered. */
  planned: number;
  rounds: BlindRound[];
  createdAt: string;
}

const question = z.enum(['general', 'appeal', 'alignment']);
const side = z.looseObject({ title: z.string(), model: modelRefSchema });

const roundSchema = z.looseObject({
  prompt: z.string(),
  seed: z.int(),
  images: z.looseObject({ a: imageRecordSchema, b: imageRecordSchema }),
  shownLeft: z.enum(['a', 'b']),
  answers: z.array(
    z.looseObject({
      question,
      answer: z.enum(['left', 'right', 'tie']),
      elapsedMs: z.number(),
      at: z.string(),
    }),
  ),
}) satisfies z.ZodType<BlindRound>;

export const blindTestSchema = z.looseObject({
  version: z.literal(1),
  id: z.string().min(1),
  a: side,
  b: side,
  questions: z.array(question),
  planned: z.int().min(0),
  rounds: z.array(roundSchema),
  createdAt: z.string(),
}) satisfies z.ZodType<BlindTestRecord>;
