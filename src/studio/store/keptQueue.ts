/** The generation queue as it is kept over a reload: a file for each job that is not at its end, and one that says how far it is. */
import { z } from 'zod';
import { readJson, writeJson } from '../../data/files.ts';
import { generationSettingsSchema } from '../../records/images.ts';
import { modelRefSchema } from '../../records/modelRef.ts';
import type { GenerateRequest, PairsRequest } from '../../service/types.ts';
import { limits } from '../../shared/limits.ts';
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
  }),
]);

export type KeptJob = Pick<z.infer<typeof keptJobSchema>, keyof typeof shared> &
  ({ kind: 'images'; request: GenerateRequest } | { kind: 'pairs'; request: PairsRequest });

export interface Kept {
  id: string;
  job: KeptJob;
  /** Pictures, or pairs, that are made. */
  done: number;
}

/** Tried so often without getting any further, a job is not begun again by itself: it may be what ends the page. */
export const MOST_TRIES = 2;

const path = (id: string): string => `${FOLDER}/${id}.json`;
const donePath = (id: string): string => `${FOLDER}/${id}.done`;

/** A queue that cannot be kept lasts as long as the page. */
async function asFarAsItGoes(work: () => Promise<void>): Promise<void> {
  await work().catch(() => undefined);
}

export const keepJob = (id: string, job: KeptJob): Promise<void> =>
  asFarAsItGoes(async () => writeJson(await files(), path(id), job));

export const keepDone = (id: string, done: number): Promise<void> =>
  asFarAsItGoes(async () => writeJson(await files(), donePath(id), done));

export const forgetJob = (id: string): Promise<void> =>
  asFarAsItGoes(async () => {
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
    const done = count.safeParse(await readJson(store, donePath(id)).catch(() => 0));
    kept.push({ id, job: read.data, done: done.success ? done.data : 0 });
  }
  return kept.sort((a, b) => a.job.since - b.job.since);
}
