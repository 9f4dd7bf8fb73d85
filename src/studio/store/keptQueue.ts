/** The generation queue as it is kept over a reload: a file for each job that is not at its end, and one that says how far it is. */
import { z } from 'zod';
import { readJson, writeJson } from '../../data/files.ts';
import { type ChoiceRule, choiceRules } from '../../evaluation/choiceRules.ts';
import { generationSettingsSchema } from '../../records/images.ts';
import { modelRefSchema } from '../../records/modelRef.ts';
import type { GenerateRequest, PairsRequest } from '../../service/types.ts';
import { limits } from '../../shared/limits.ts';
import { Turns } from '../../shared/turns.ts';
import { files } from './services.ts';

const FOLDER = 'queue';

const prompt = z.string().max(limits.prompt);
const count = z.int().min(0).max(limits.count);

const shared = {
  version: z.literal(1),
  title: z.string(),
  /** ms since 1970. */
  since: z.number(),
  /** How far it was when it was last begun, and how often it was begun since without getting any further. */
  from: count,
  tries: z.int().min(0),
};

const keptJobSchema = z.discriminatedUnion('kind', [
  z.object({
    ...shared,
    kind: z.literal('images'),
    request: generationSettingsSchema.extend({
      items: z.array(z.object({ prompt, seed: z.int() })).max(limits.count),
    }),
  }),
  z.object({
    ...shared,
    kind: z.literal('pairs'),
    request: generationSettingsSchema.extend({
      prompts: z.array(prompt).min(1).max(limits.count),
      count,
      seed: z.int(),
      against: modelRefSchema.exactOptional(),
      bestOf: z.object({ k: z.int().min(2), judge: z.string(), scale: z.string().optional() }).exactOptional(),
    }),
    round: z.object({ run: z.string(), ask: count.min(1), rule: z.enum(choiceRules) }).exactOptional(),
  }),
]);

export type KeptJob = Pick<z.infer<typeof keptJobSchema>, keyof typeof shared> &
  ({ kind: 'images'; request: GenerateRequest } | { kind: 'pairs'; request: PairsRequest; round?: RoundPlan });

/** What becomes of pairs that are drawn for the next round of a run. */
export interface RoundPlan {
  run: string;
  /** Pairs to be judged. */
  ask: number;
  rule: ChoiceRule;
}

/** How far a job is. */
export interface Begun {
  id: string;
  /** Pictures, or pairs, that are made. */
  done: number;
  /** Of a round: the pairs that are stored, by id. */
  pairs: readonly string[];
}

export interface Kept extends Begun {
  job: KeptJob;
}

/** A number alone in files of before. */
const doneSchema = z.union([
  count.transform((done) => ({ done, pairs: [] as string[] })),
  z.object({ done: count, pairs: z.array(z.string()).max(limits.count) }),
]);

/** Tried so often without getting any further, a job is not begun again by itself: it may be what ends the page. */
export const MOST_TRIES = 2;

const path = (id: string): string => `${FOLDER}/${id}.json`;
const donePath = (id: string): string => `${FOLDER}/${id}.done`;

const turns = new Turns();

/** In the order of asking: how far a job is never goes back, and nothing is written of one that is forgotten. A queue that cannot be kept lasts as long
 *  as the page. */
const asFarAsItGoes = (id: string, work: () => Promise<void>): Promise<void> =>
  turns.run(id, () => work().catch(() => undefined));

export const keepJob = (id: string, job: KeptJob): Promise<void> =>
  asFarAsItGoes(id, async () => writeJson(await files(), path(id), job));

export const keepDone = ({ id, done, pairs }: Begun): Promise<void> =>
  asFarAsItGoes(id, async () => writeJson(await files(), donePath(id), { done, pairs }));

export const forgetJob = (id: string): Promise<void> =>
  asFarAsItGoes(id, async () => {
    const store = await files();
    await store.remove(path(id));
    await store.remove(donePath(id));
  });

/** In the order in which they were asked for; what cannot be read goes. */
export async function keptJobs(): Promise<Kept[]> {
  const store = await files();
  const kept: Kept[] = [];
  for (const file of await store.list(FOLDER)) {
    const id = /^queue\/([\w-]+)\.json$/.exec(file)?.[1];
    if (id === undefined) {
      const of = file.replace(/\.done$/, '.json');
      if (!(await store.exists(of))) await store.remove(file);
      continue;
    }
    const read = keptJobSchema.safeParse(await readJson(store, file).catch(() => null));
    if (!read.success) {
      await forgetJob(id);
      continue;
    }
    const begun = doneSchema.safeParse(await readJson(store, donePath(id)).catch(() => 0));
    kept.push({ id, job: read.data, ...(begun.success ? begun.data : { done: 0, pairs: [] }) });
  }
  return kept.sort((a, b) => a.job.since - b.job.since);
}
