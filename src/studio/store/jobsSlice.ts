/** Work given to the engine that makes images, in order: progress, cancel, results. Training has its own slice. */
import { t } from '@lingui/core/macro';
import { saveImages } from '../../data/images.ts';
import { savePairs } from '../../data/pairs.ts';
import type {
  GenerateEvent,
  GenerateRequest,
  ImageRecord,
  OwnPair,
  PairsEvent,
  PairsRequest,
  Preview,
} from '../../service/types.ts';
import { listener } from '../app/workers.ts';
import { WinnowError } from '../../shared/errors.ts';
import {
  type Begun,
  forgetJob,
  keepDone,
  keepJob,
  type KeptJob,
  keptJobs,
  MOST_TRIES,
  type RoundPlan,
} from './keptQueue.ts';
import { isCancelled, type Problem, problemOf } from './problem.ts';
import { db } from './services.ts';
import type { Slice } from './useStudio.ts';

export type JobKind = 'images' | 'pairs' | 'compare' | 'blind';

export interface Job {
  id: string;
  kind: JobKind;
  title: string;
  /** waiting: another job is before it, training perhaps. */
  state: 'waiting' | 'running' | 'done' | 'cancelled' | 'failed';
  /** What it prepares, before the first step. */
  message: string;
  /** Images finished and asked for (a pair is two); steps of the current one. */
  done: number;
  total: number;
  step: number;
  steps: number;
  pairs: number;
  /** The current one, roughly. */
  preview?: Preview | undefined;
  /** When its first step was taken, ms since 1970, and what was made before. */
  ran?: { since: number; from: number } | undefined;
  /** It was told to end, and does at its next step. */
  cancelling?: true | undefined;
  startedAt: number;
  /** What befell it, and it goes on all the same. */
  note: string;
  problem: Problem | null;
}

/** At work, or before it. */
export const isOpen = ({ state }: Pick<Job, 'state'>): boolean => state === 'waiting' || state === 'running';

/** Of a job at work, by what it has made since its first step; null before there is a rate. */
export function secondsLeft({ ran, done, step, steps, total }: Job, now: number): number | null {
  if (!ran) return null;
  const made = done + (steps > 0 ? step / steps : 0);
  return made > ran.from ? ((now - ran.since) / 1000 / (made - ran.from)) * (total - made) : null;
}

export interface JobsSlice {
  jobs: Job[];
  /** @param from of a job of before the page was opened: how far it was. Resolves with the pictures that are made now. */
  runImages(kind: JobKind, title: string, request: GenerateRequest, from?: Begun): Promise<ImageRecord[]>;
  /** @param round what becomes of the pairs, before the job is done. */
  runPairs(title: string, request: PairsRequest, how?: { from?: Begun | undefined; round?: Round }): Promise<OwnPair[]>;
  /** Goes on with what a reload, a crash or a take-over cut off. */
  restoreQueue(): Promise<void>;
  cancelJob(id: string): Promise<void>;
  dismissJob(id: string): void;
}

interface Round {
  /** Kept with the job. */
  plan: RoundPlan;
  /** @param job what the engine may call this work: it is cancelled with the job.
   *  @param pairs by id, those of before the page was opened too. */
  order(job: string, pairs: readonly string[]): Promise<void>;
}

interface Intake {
  image(record: ImageRecord): Promise<void>;
  pair(pair: OwnPair): Promise<void>;
}

export const jobsSlice: Slice<JobsSlice> = (set, get) => {
  const update = (id: string, change: (job: Job) => Partial<Job>): void =>
    set(({ jobs }) => ({ jobs: jobs.map((job) => (job.id === id ? { ...job, ...change(job) } : job)) }));

  function add(kind: JobKind, title: string, total: number, id: string, done: number): void {
    const job: Job = {
      id,
      kind,
      title,
      state: 'waiting',
      message: '',
      done,
      total,
      step: 0,
      steps: 0,
      pairs: 0,
      startedAt: Date.now(),
      note: '',
      problem: null,
    };
    // Finished ones make room: the gallery keeps what they made.
    set(({ jobs }) => ({
      jobs: [
        ...jobs
          .filter((old) => old.state === 'waiting' || old.state === 'running' || old.state === 'failed')
          .slice(-20),
        ...jobs.filter((old) => old.state === 'done' || old.state === 'cancelled').slice(-4),
        job,
      ],
    }));
  }

  /** Progress of an open job. Events and the result travel on different ports: one that comes after the end changes nothing. */
  const progress = (id: string, change: (job: Job) => Partial<Job>): void =>
    update(id, (job) => (isOpen(job) ? { state: 'running', message: '', ...change(job) } : {}));

  /** Takes what one job makes, each thing once, whether an event or the result brings it first. What was taken is forgotten with the job's
   *  listener: not before its last event, and not kept for as long as the page lives. */
  function intake(): Intake {
    const taken = new Map<string, Promise<void>>();
    function once(id: string, take: () => Promise<void>): Promise<void> {
      const work = taken.get(id) ?? take();
      taken.set(id, work);
      return work;
    }
    const image = (record: ImageRecord): Promise<void> =>
      once(record.id, async () => {
        await saveImages(await db(), [record]);
        set(({ images }) => ({ images: [record, ...images] }));
        get().indexImages([record]);
      });
    return {
      image,
      // On screen only once it is stored: a label must never point at nothing.
      pair: (pair) =>
        once(pair.id, async () => {
          await Promise.all(pair.images.map(image));
          await savePairs(await db(), [pair]);
          get().addPairs([pair]);
        }),
    };
  }

  function follow(id: string, take: Intake, keeps = true): (event: GenerateEvent) => void {
    return (event) => {
      if (event.type === 'preparing') {
        const { what, done, total } = event;
        return progress(id, () => ({ message: total > 1 ? t`${what} ${done} of ${total}` : what }));
      }
      if (event.type === 'step') {
        const { step, steps, preview } = event;
        return progress(id, ({ ran, done }) => ({
          step,
          steps,
          preview,
          // From the end of the first step on: what came before it is no rate.
          ran: ran ?? { since: Date.now(), from: done + step / steps },
        }));
      }
      if (event.type === 'recovered') return update(id, () => ({ note: event.message }));
      progress(id, (job) => ({ done: job.done + 1, step: 0, preview: undefined }));
      if (keeps) void take.image(event.record).catch((error) => update(id, () => ({ problem: problemOf(error) })));
    };
  }

  /** Only of one that is at work: once it has ended, nothing of it is kept. */
  async function noteDone(begun: Begun): Promise<void> {
    if (get().jobs.some((job) => job.id === begun.id && isOpen(job))) await keepDone(begun);
  }

  async function finish<Result>(id: string, work: Promise<Result>): Promise<Result> {
    try {
      const result = await work;
      update(id, () => ({ state: 'done', message: '' }));
      return result;
    } catch (error) {
      update(id, () => (isCancelled(error) ? { state: 'cancelled' } : { state: 'failed', problem: problemOf(error) }));
      throw error;
    } finally {
      // What another tab took over goes on there.
      if (get().engineState !== 'otherTab') await forgetJob(id);
      void get().readStorage();
    }
  }

  const begun = (): Pick<KeptJob, 'version' | 'since' | 'from' | 'tries'> => ({
    version: 1,
    since: Date.now(),
    from: 0,
    tries: 0,
  });

  return {
    jobs: [],

    async runImages(kind, title, request, from) {
      const engine = get().engine();
      const { id, done } = from ?? { id: crypto.randomUUID(), done: 0 };
      add(kind, title, request.items.length, id, done);
      const take = intake();
      const keeps = kind === 'images';
      let made = done;
      const onEvent = follow(id, {
        ...take,
        image: async (record) => {
          await take.image(record);
          made += 1;
          if (keeps) await noteDone({ id, done: made, pairs: [] });
        },
      });
      return finish(
        id,
        (async () => {
          // What could not be kept is not made.
          await db();
          if (keeps && !from) await keepJob(id, { ...begun(), kind: 'images', title, request });
          const { previews } = get().preferences;
          // What is judged blind is not seen before.
          const left = { ...request, items: request.items.slice(done), previews: keeps && previews };
          const records = await engine.generate(id, left, listener(onEvent));
          await Promise.all(records.map(take.image));
          return records;
        })(),
      );
    },

    async runPairs(title, request, { from, round } = {}) {
      const engine = get().engine();
      const { id, done } = from ?? { id: crypto.randomUUID(), done: 0 };
      const stored = new Set(from?.pairs);
      const perPair = request.bestOf?.k ?? 2;
      add('pairs', title, request.count * perPair, id, done * perPair);
      const take = intake();
      // Of those that a judge chooses from only the chosen stay: a pair brings its own.
      const onImage = follow(id, take, !request.bestOf);
      const onEvent = (event: PairsEvent): void => {
        if (event.type !== 'pair') return onImage(event);
        update(id, () => ({ pairs: event.done }));
        void take
          .pair(event.pair)
          .then(() => {
            if (round) stored.add(event.pair.id);
            return noteDone({ id, done: event.done, pairs: [...stored] });
          })
          .catch((error) => update(id, () => ({ problem: problemOf(error) })));
      };
      return finish(
        id,
        (async () => {
          await db();
          if (!from)
            await keepJob(id, { ...begun(), kind: 'pairs', title, request, ...(round && { round: round.plan }) });
          const { previews } = get().preferences;
          const left = { ...request, previews, ...(done > 0 && { first: done }) };
          const pairs = done < request.count ? await engine.makePairs(id, left, listener(onEvent)) : [];
          await Promise.all(pairs.map(take.pair));
          await round?.order(id, [...new Set([...stored, ...pairs.map((pair) => pair.id)])]);
          return pairs;
        })(),
      );
    },

    async restoreQueue() {
      const kept = await keptJobs().catch(() => []);
      for (const { job, ...from } of kept) {
        const { id, done } = from;
        if (get().jobs.some((one) => one.id === id && isOpen(one))) continue;
        const tries = done > job.from ? 0 : job.tries + 1;
        if (tries > MOST_TRIES) {
          await forgetJob(id);
          const { title } = job;
          add(job.kind, title, 1, id, 0);
          const cutOff = new WinnowError(
            'EngineCrashed',
            t`“${title}” was cut off ${tries} times before it came any further.`,
            t`Ask for it again, perhaps smaller.`,
          );
          update(id, () => ({ state: 'failed', problem: problemOf(cutOff) }));
          continue;
        }
        await keepJob(id, { ...job, from: done, tries });
        if (job.kind === 'pairs' && job.round) {
          void get().goOnWithRound(job.round, job.title, job.request, from);
          continue;
        }
        const working =
          job.kind === 'images'
            ? get().runImages('images', job.title, job.request, from)
            : get().runPairs(job.title, job.request, { from });
        // The queue says what went wrong.
        working.catch(() => undefined);
      }
    },

    async cancelJob(id) {
      if (!get().jobs.some((job) => job.id === id && isOpen(job))) return;
      update(id, () => ({ cancelling: true }));
      try {
        await get().engine().cancel(id);
      } catch (error) {
        // With its worker the job has ended too.
        progress(id, () => ({ problem: problemOf(error) }));
      }
    },

    dismissJob(id) {
      set(({ jobs }) => ({ jobs: jobs.filter((job) => job.id !== id) }));
    },
  };
};
