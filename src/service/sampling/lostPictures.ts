/** Pictures that are gone or damaged, told from whatever else may be wrong: the others are read without them. */
import { inWords, isWinnowError } from '../../shared/errors.ts';
import type { LostPicture } from '../types.ts';

export const isLost = (error: unknown): boolean => isWinnowError(error, 'NotFound') || isWinnowError(error, 'BadFile');

export const lostPicture = (file: string, error: unknown): LostPicture => ({ file, message: inWords(error).message });
