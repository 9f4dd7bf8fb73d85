/** What is at work in a few words, and what of it has come to its end: for the tab's title and for notifications. */
import { plural, t } from '@lingui/core/macro';
import { isOpen } from './jobsSlice.ts';
import type { Studio } from './useStudio.ts';

/** Shorter ones end while a person still looks. */
export const LONG_MS = 30_000;

const percent = (fraction: number): string => `${Math.floor(100 * Math.min(1, Math.max(0, fraction)))} %`;

type AtWork = Pick<Studio, 'activeRun' | 'runs' | 'jobs' | 'blind' | 'studyToRestore'>;

/** A run before the queue; null where nothing is at work, and during a study, which shows nothing of models. */
export function atWorkInWords({ activeRun, runs, jobs, blind, studyToRestore }: AtWork): string | null {
  if (blind?.record.rater !== undefined || studyToRestore !== null) return null;
  if (activeRun !== null) {
    const run = runs.find(({ id }) => id === activeRun);
    if (!run) return t({ message: 'Preparing', comment: 'a run' });
    const { name } = run;
    return run.status === 'paused'
      ? t({ message: `Paused · ${name}`, comment: 'a run' })
      : `${percent(run.step / run.config.steps)} · ${name}`;
  }
  const open = jobs.filter(isOpen);
  const job = open.find(({ state }) => state === 'running') ?? open[0];
  if (!job) return null;
  const within = job.steps > 0 ? job.step / job.steps : 0;
  return `${percent(job.total > 0 ? (job.done + within) / job.total : 0)} · ${job.title}`;
}

export interface Ended {
  title: string;
  body: string;
}

/** Whatever has ended between two states and was long, and not by a person's hand: a run, or the last job of the queue.
 *  @param runningSince when the run at work began, in ms since 1970. */
export function endedBetween(before: Studio, now: Studio, runningSince: number | null, at: number): Ended | null {
  if (before.activeRun !== null && now.activeRun === null && before.engineState === 'ready') {
    const run = now.runs.find(({ id }) => id === before.activeRun);
    if (!run || runningSince === null || at - runningSince < LONG_MS) return null;
    const { name, step } = run;
    if (run.status === 'finished')
      return { title: t`${name} is trained`, body: run.ended?.words ?? t`${step} steps were taken.` };
    if (run.status === 'failed') return { title: t`${name} failed`, body: run.error ?? '' };
    return null;
  }
  if (before.jobs === now.jobs || !before.jobs.some(isOpen) || now.jobs.some(isOpen)) return null;
  const last = now.jobs.find(({ id, state }) => {
    const was = before.jobs.find((job) => job.id === id);
    return was !== undefined && isOpen(was) && (state === 'done' || state === 'failed');
  });
  if (!last || at - last.startedAt < LONG_MS) return null;
  const { title: name, total } = last;
  return last.state === 'done'
    ? {
        title: t`${name}: done`,
        body: t`${plural(total, { one: `${total} picture is there.`, other: `${total} pictures are there.` })}`,
      }
    : { title: t`${name} failed`, body: last.problem?.message ?? '' };
}
