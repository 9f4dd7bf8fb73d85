/** How fast a run's steps are here, for forecasts that say they were measured. */
import { z } from 'zod';
import { type FileStore, readJson, writeJson } from '../../data/files.ts';
import type { RunRecord } from '../types.ts';

/** Steps that must have been timed, beside the first: it warms caches and pipelines up. */
const MIN_STEPS = 3;

/** Times of steps, each of its own turn alone: what waited for other jobs, for a person, for samples or a save is none of a step's. */
export class StepTimes {
  private readonly times: number[] = [];

  add(elapsedMs: number): void {
    this.times.push(elapsedMs);
  }

  /** Of a usual step: the median, which a hidden tab or a busy machine does not move while most steps are left alone. Undefined before the
   *  first. */
  get usualMs(): number | undefined {
    const times = (this.times.length > 1 ? this.times.slice(1) : this.times).toSorted((a, b) => a - b);
    return times[Math.floor(times.length / 2)];
  }

  /** The same, where enough was timed to call it measured. */
  get measuredMs(): number | undefined {
    return this.times.length > MIN_STEPS ? this.usualMs : undefined;
  }
}

const path = 'settings/speed.json';

/** Version 1, the rates alone, counted other jobs' turns into a step: it is not read. */
const schema = z.object({ version: z.literal(2), rates: z.record(z.string(), z.number().positive()) });

type Reference = RunRecord['reference'];

/** A step with the reference outside runs less on our kernels and waits for another runtime: its rate is another one. */
const keyOf = (adapterKey: string, reference: Reference): string => `${adapterKey} | ${reference}`;

async function savedRates(files: FileStore): Promise<Record<string, number>> {
  const saved = schema.safeParse(await readJson<unknown>(files, path).catch(() => undefined));
  return saved.success ? saved.data.rates : {};
}

/** Operations per second that the steps of the last run reached on an adapter with a reference. */
export const savedRunRate = async (
  files: FileStore,
  adapterKey: string,
  reference: Reference,
): Promise<number | undefined> => (await savedRates(files))[keyOf(adapterKey, reference)];

export async function saveRunRate(
  files: FileStore,
  adapterKey: string,
  reference: Reference,
  rate: number,
): Promise<void> {
  const rates = { ...(await savedRates(files)), [keyOf(adapterKey, reference)]: rate };
  await writeJson(files, path, { version: 2, rates } satisfies z.infer<typeof schema>);
}
