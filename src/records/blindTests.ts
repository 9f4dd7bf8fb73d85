/** Blind tests of two models or more: every round with what was shown where and what was answered. */
import { z } from 'zod';
import { type GenerationSettings, generationSettingsSchema, type ImageRecord, imageRecordSchema } from './images.ts';
import { type ModelRef, modelRefSchema } from './modelRef.ts';

/** The Diffusion-DPO paper's three questions (arXiv 2311.12908, human evaluation). */
export type Question = 'general' | 'appeal' | 'alignment';

export type BlindAnswer = 'left' | 'right' | 'tie';

export interface BlindRound {
  prompt: string;
  seed: number;
  /** As its prompt set has it. */
  category?: string | undefined;
  /** Places in [a, b, ...others] of the two that were shown as a and b: 0 and 1 if left out. */
  between?: readonly [number, number] | undefined;
  images: { a: ImageRecord; b: ImageRecord };
  /** Which of the two stood on the left. */
  shownLeft: 'a' | 'b';
  answers: { question: Question; answer: BlindAnswer; elapsedMs: number; at: string }[];
  /** Its pictures were deleted before every question was answered, and it was left at that. */
  gone?: true | undefined;
}

/** Places of the two that a round is between. */
export const betweenOf = ({ between = [0, 1] }: Pick<BlindRound, 'between'>): readonly [number, number] => between;

/** A round before its pictures are there. */
export type PlannedRound = Pick<BlindRound, 'prompt' | 'seed' | 'category' | 'between' | 'shownLeft'>;

export interface BlindTestRecord {
  version: 1;
  id: string;
  a: { title: string; model: ModelRef };
  b: { title: string; model: ModelRef };
  /** Beyond two. */
  others?: { title: string; model: ModelRef }[] | undefined;
  /** A study: somebody else judges, by this name, and sees nothing of models before the end. It can be gone on with. */
  rater?: string | undefined;
  /** What its rounds are made of, in their order; earlier versions did not keep it. Of every model how its pictures are made. */
  plan?: { showings: PlannedRound[]; settings: GenerationSettings[] } | undefined;
  questions: Question[];
  /** Rounds asked for; `rounds` holds those that were answered. */
  planned: number;
  /** Somebody ended it before all were answered, and has seen what it came to: it cannot be gone on with. */
  ended?: true | undefined;
  rounds: BlindRound[];
  createdAt: string;
}

const question = z.enum(['general', 'appeal', 'alignment']);
const side = z.looseObject({ title: z.string(), model: modelRefSchema });

/** More models than anybody compares by hand. */
export const MOST_MODELS = 8;

const plannedSchema = z.looseObject({
  prompt: z.string(),
  seed: z.int(),
  category: z.string().max(200).optional(),
  between: z
    .tuple([z.int().min(0), z.int().min(0)])
    .refine(([a, b]) => a !== b && Math.max(a, b) < MOST_MODELS)
    .optional(),
  shownLeft: z.enum(['a', 'b']),
}) satisfies z.ZodType<PlannedRound>;

const roundSchema = plannedSchema.extend({
  images: z.looseObject({ a: imageRecordSchema, b: imageRecordSchema }),
  answers: z.array(
    z.looseObject({
      question,
      answer: z.enum(['left', 'right', 'tie']),
      elapsedMs: z.number(),
      at: z.string(),
    }),
  ),
  gone: z.literal(true).optional(),
}) satisfies z.ZodType<BlindRound>;

export const blindTestSchema = z.looseObject({
  version: z.literal(1),
  id: z.string().min(1),
  a: side,
  b: side,
  others: z
    .array(side)
    .max(MOST_MODELS - 2)
    .optional(),
  rater: z.string().min(1).max(40).optional(),
  plan: z
    .looseObject({
      showings: z.array(plannedSchema).max(10_000),
      settings: z.array(generationSettingsSchema).max(MOST_MODELS),
    })
    .optional(),
  questions: z.array(question),
  planned: z.int().min(0),
  ended: z.literal(true).optional(),
  rounds: z.array(roundSchema),
  createdAt: z.string(),
}) satisfies z.ZodType<BlindTestRecord>;
