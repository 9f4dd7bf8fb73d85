/** What was answered, as events: append-only. */
import { z } from 'zod';

export const answers = ['left', 'right', 'tie', 'bothBad', 'skip'] as const;
export type Answer = (typeof answers)[number];

/** A retraction names the label it takes back. */
export type LabelEvent =
  | {
      type: 'label';
      id: string;
      pair: string;
      answer: Answer;
      /** Index into PairRecord.images of the image that stood on the left. */
      shownLeft: 0 | 1;
      clearly: boolean;
      elapsedMs: number;
      at: string;
      /** records/raters.ts. */
      by: string;
      /** The pair was shown again, sides turned, to see whether its rater agrees with themselves: it changes no label. */
      again?: true | undefined;
    }
  | { type: 'retract'; id: string; label: string; at: string };

export const labelEventSchema = z.discriminatedUnion('type', [
  z.looseObject({
    type: z.literal('label'),
    id: z.string().min(1),
    pair: z.string().min(1),
    answer: z.enum(answers),
    shownLeft: z.union([z.literal(0), z.literal(1)]),
    clearly: z.boolean(),
    elapsedMs: z.number(),
    at: z.string(),
    by: z.string().min(1),
    again: z.literal(true).optional(),
  }),
  z.looseObject({ type: z.literal('retract'), id: z.string().min(1), label: z.string().min(1), at: z.string() }),
]) satisfies z.ZodType<LabelEvent>;
