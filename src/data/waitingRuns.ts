/** Runs that wait for their turn, as the studio keeps them: what the engine has to know of them. */
import { z } from 'zod';
import { type ModelRef, modelRefSchema } from '../records/modelRef.ts';
import { type FileStore, readJson } from './files.ts';

export const WAITING_RUNS = 'waitingRuns.json';

const schema = z.object({ runs: z.array(z.object({ model: modelRefSchema })) });

/** What they will begin from; nothing where none, or nothing sound, is kept. */
export async function waitingModels(files: FileStore): Promise<ModelRef[]> {
  try {
    return schema.parse(await readJson(files, WAITING_RUNS)).runs.map(({ model }) => model);
  } catch {
    return [];
  }
}
