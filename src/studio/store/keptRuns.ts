/** Runs that wait for their turn, as they are kept over a reload: one file. */
import { z } from 'zod';
import { readJson, writeJson } from '../../data/files.ts';
import { checkTrainConfig } from '../../data/formats/trainConfig.ts';
import { WAITING_RUNS } from '../../data/waitingRuns.ts';
import { modelRefSchema } from '../../records/modelRef.ts';
import { runSchema } from '../../records/runs.ts';
import type { TrainRequest } from '../../service/types.ts';
import { files } from './services.ts';

export const MOST_WAITING = 50;

const schema = z.object({
  version: z.literal(1),
  runs: z
    .array(
      z.object({
        run: z.string(),
        name: z.string(),
        model: modelRefSchema,
        pairs: runSchema.shape.pairs,
        config: z.unknown(),
      }),
    )
    .max(MOST_WAITING),
});

/** A list that cannot be kept lasts as long as the page. */
export async function keepWaiting(waiting: readonly TrainRequest[]): Promise<void> {
  const runs = waiting.map(({ run, name, model, pairs, config }) => ({ run, name, model, pairs, config }));
  await files()
    .then((store) =>
      runs.length === 0 ? store.remove(WAITING_RUNS) : writeJson(store, WAITING_RUNS, { version: 1, runs }),
    )
    .catch(() => undefined);
}

/** None where nothing, or nothing sound, is kept. */
export async function keptWaiting(): Promise<TrainRequest[]> {
  try {
    const { runs } = schema.parse(await readJson(await files(), WAITING_RUNS));
    return runs.map(
      ({ config, ...run }) => ({ ...run, config: checkTrainConfig(config), resume: false }) as TrainRequest,
    );
  } catch {
    return [];
  }
}
