/** Blind tests of two models: every round with what was shown where and what was answered, kept with the run. */
import type { ImageRecord, ModelRef } from '../service/types.ts';
import { type Database, putDurably } from './db.ts';

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

export const readBlindTests = (db: Database): Promise<BlindTestRecord[]> => db.getAll('blindTests');

export const deleteBlindTest = (db: Database, id: string): Promise<void> => db.delete('blindTests', id);

export const saveBlindTest = (db: Database, test: BlindTestRecord): Promise<void> =>
  putDurably(db, 'blindTests', [test]);
