/** Asks the readers, one input after the other, in a thread of its own: whoever started it sees where it is, also where it hangs. */
import { parentPort, workerData } from 'node:worker_threads';
import { type Block, Coverage } from './coverage.ts';
import type { Verdict } from './judge.ts';

export interface WorkerTask {
  seed: number;
  /** Inputs of all readers together. */
  count: number;
  /** What each has been asked before, by its index. */
  done: readonly number[];
  /** [reader, number of the input]: what is being read. */
  at: Int32Array;
  /** Where the module lies that this is a part of. */
  folder: string;
}

export type WorkerReport =
  | { type: 'start'; readers: { name: string; sources: readonly string[] }[] }
  | { type: 'verdict'; reader: number; index: number; verdict: Verdict }
  | { type: 'round'; reader: number; figures: ReaderFigures }
  | { type: 'end'; blocks: Block[]; rssBytes: number };

/** Of the inputs that one reader was asked. */
export interface ReaderFigures {
  done: number;
  accepted: number;
  ms: number;
  slowestMs: number;
  mostBytes: number;
}

/** Between them each reader is asked some: an end by the clock finds all of them asked. */
const ROUNDS = 20;

async function work({ seed, count, done: before, at, folder }: WorkerTask): Promise<void> {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port has none
  const post = (report: WorkerReport): void => parentPort!.postMessage(report);
  const coverage = new Coverage();
  await coverage.start();
  // Loaded only now: what it runs at once counts.
  const [{ readers }, { inputOf, judge, shares }] = await Promise.all([
    import('./readers/index.ts'),
    import('./judge.ts'),
  ]);
  post({ type: 'start', readers: readers.map(({ name, sources }) => ({ name, sources })) });
  const counts = shares(readers, count);
  const done = readers.map((_, i) => before[i] ?? 0);
  for (let round = 1; round <= ROUNDS; round++) {
    for (const [i, reader] of readers.entries()) {
      const figures: ReaderFigures = { done: 0, accepted: 0, ms: 0, slowestMs: 0, mostBytes: 0 };
      const start = performance.now();
      for (let index = done[i]!; index < Math.ceil((counts[i]! * round) / ROUNDS); index++) {
        Atomics.store(at, 0, i);
        Atomics.store(at, 1, index);
        const verdict = await judge(reader, inputOf(reader, seed, index));
        figures.done++;
        if (verdict.refused === undefined) figures.accepted++;
        figures.slowestMs = Math.max(figures.slowestMs, verdict.ms);
        figures.mostBytes = Math.max(figures.mostBytes, verdict.bytes);
        if (verdict.problem !== undefined) post({ type: 'verdict', reader: i, index, verdict });
      }
      figures.ms = performance.now() - start;
      done[i] = Math.max(done[i]!, Math.ceil((counts[i]! * round) / ROUNDS));
      post({ type: 'round', reader: i, figures });
    }
    Atomics.add(at, 2, 1);
    if (Atomics.load(at, 3) !== 0) break;
  }
  post({ type: 'end', blocks: await coverage.blocks(folder), rssBytes: process.memoryUsage.rss() });
}

await work(workerData as WorkerTask);
