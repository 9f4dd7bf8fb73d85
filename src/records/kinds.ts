/** What is kept as records, each kind with its check: the studio's database, an imported project and the command line's files read through
 *  one. Fields that a later version adds stay where they are. */
import type { z } from 'zod';
import { WinnowError } from '../shared/errors.ts';
import { problemsIn } from '../shared/problems.ts';
import { type BlindTestRecord, blindTestSchema } from './blindTests.ts';
import { type ImageRecord, imageRecordSchema } from './images.ts';
import { type LabelEvent, labelEventSchema } from './labels.ts';
import { type PairRecord, pairRecordSchema } from './pairs.ts';

export interface RecordKind<T> {
  /** One of them, in words. */
  name: string;
  schema: z.ZodType<T>;
}

export const imageKind: RecordKind<ImageRecord> = { name: 'image', schema: imageRecordSchema };
export const pairKind: RecordKind<PairRecord> = { name: 'pair', schema: pairRecordSchema };
export const labelKind: RecordKind<LabelEvent> = { name: 'label event', schema: labelEventSchema };
export const blindTestKind: RecordKind<BlindTestRecord> = { name: 'blind test', schema: blindTestSchema };

/** What is wrong with a value, field by field; null where it is a record of the kind. */
export function problemsOf<T>({ schema }: RecordKind<T>, value: unknown): string | null {
  const result = schema.safeParse(value);
  return result.success ? null : problemsIn(result.error, 'it');
}

/** The value as a record, untouched. Throws BadFile.
 *  @param where the file and line, or what else it came in. */
export function checkRecord<T>(kind: RecordKind<T>, value: unknown, where: string): T {
  const problems = problemsOf(kind, value);
  if (problems === null) return value as T;
  throw new WinnowError(
    'BadFile',
    `${where} is no ${kind.name} (${problems}).`,
    'Correct the line or take it out; nothing was changed.',
  );
}
