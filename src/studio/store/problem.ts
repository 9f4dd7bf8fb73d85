/** An error as a person reads it: what happened and what to do. */
import { inWords, isWinnowError } from '../../shared/errors.ts';

export interface Problem {
  name: string;
  message: string;
  /** Where it was thrown, for the diagnostics; never shown first. */
  detail: string;
}

/** Named errors already hold both sentences. Anything else, a browser's own errors among them, is a fault of ours, and says so. */
export function problemOf(error: unknown): Problem {
  const detail = error instanceof Error ? (error.stack ?? '') : '';
  return { ...inWords(error), detail };
}

export const isCancelled = (error: unknown): boolean => isWinnowError(error, 'Cancelled');
