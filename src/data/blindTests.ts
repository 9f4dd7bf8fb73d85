/** Blind tests, kept as they are answered. */
import type { BlindTestRecord } from '../records/blindTests.ts';
import { type Database, putDurably, readStore } from './db.ts';

export type { BlindAnswer, BlindRound, BlindTestRecord, PlannedRound, Question } from '../records/blindTests.ts';

export const readBlindTests = (db: Database, onDamaged?: (what: string) => void): Promise<BlindTestRecord[]> =>
  readStore(db, 'blindTests', onDamaged);

export const deleteBlindTest = (db: Database, id: string): Promise<void> => db.delete('blindTests', id);

export const saveBlindTest = (db: Database, test: BlindTestRecord): Promise<void> =>
  putDurably(db, 'blindTests', [test]);
