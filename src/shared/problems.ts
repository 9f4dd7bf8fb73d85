/** What a schema finds wrong with a value, in words. */
import type { z } from 'zod';

/** Of a long list. */
const MOST = 3;

/** `steps: expected number, received string; seed: is missing`: field by field.
 *  @param whole what the value is called where all of it is wrong. */
export function problemsIn({ issues }: z.ZodError, whole: string): string {
  return issues
    .slice(0, MOST)
    .map(({ path, message }) => `${path.join('.') || whole}: ${inWords(message)}`)
    .join('; ');
}

const inWords = (message: string): string =>
  message.endsWith('received undefined') ? 'is missing' : message.replace(/^Invalid input: /, '');
