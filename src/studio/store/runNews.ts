/** What trains in the tab that works, told to those that look: the run as it is, to whoever comes, then each of its events. */
import type { RunRecord, StepMetrics, TrainEvent } from '../../service/types.ts';
import type { LiveRun } from './trainSlice.ts';

export interface RunAtWork {
  id: string;
  /** Undefined before it is prepared. */
  record: RunRecord | undefined;
  live: LiveRun;
  metrics: StepMetrics[];
}

export type RunNews =
  /** A tab that looks has come. */
  | { type: 'hello' }
  /** Null: nothing trains any more. */
  | { type: 'run'; run: RunAtWork | null }
  | { type: 'event'; id: string; event: TrainEvent };

let channel: BroadcastChannel | undefined;

/** Hears what other tabs tell, from now on. */
export function hearRunNews(heard: (news: RunNews) => void): void {
  channel?.close();
  channel = new BroadcastChannel('winnow-run');
  channel.addEventListener('message', ({ data }: MessageEvent<RunNews>) => heard(data));
}

export function tellRunNews(news: RunNews): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a BroadcastChannel takes none
  channel?.postMessage(news);
}
