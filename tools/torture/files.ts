/** `npm run torture -- files`: files that are damaged, or made to do harm, through every reader (files/readers/). Each is accepted, or refused by
 *  a named error in words; none takes over a second, or memory out of all proportion. Ends with each reader's figures and with the branches
 *  of its sources that no input reached. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { build } from 'vite';
import { type Block, summary } from './files/coverage.ts';
import type { ReaderFigures, WorkerReport, WorkerTask } from './files/worker.ts';
import { timeLimit, type TortureOptions, type TortureResult } from './lib/torture.ts';

export const fullCount = 1_000_000;

/** An input that takes so long has no end: the thread is ended, and the next one goes on behind it. */
const HANGS_MS = 20_000;

/** Failures of one kind that are told one by one. */
const SHOWN = 5;

export async function torture({ count, seed, minutes, log }: TortureOptions): Promise<TortureResult> {
  const folder = join(process.cwd(), '.cache', 'torture', `files-${process.pid}`);
  await bundle(folder);
  const done: number[] = [];
  const totals: Total[] = [];
  const failures = new Map<string, string[]>();
  const fail = (reader: number, index: number, what: string): void => {
    const { name } = totals[reader]!;
    const kind = `${name} ${what.replaceAll(/\d+|"[^"]*"/g, '#').slice(0, 100)}`;
    if (!failures.has(kind)) log(`FAILED  ${name}, input ${index}: ${what}`);
    failures.set(kind, [...(failures.get(kind) ?? []), `${name}, seed ${seed}, input ${index}: ${what}`]);
  };
  const blocks: Block[] = [];
  const isOver = timeLimit(minutes);
  let rssBytes = 0;
  try {
    for (let ended = false; !ended;) {
      const at = new Int32Array(new SharedArrayBuffer(16));
      const task: WorkerTask = { seed, count, done: [...done], at, folder };
      const report = (message: WorkerReport): void => {
        if (message.type === 'verdict') fail(message.reader, message.index, message.verdict.problem!);
        else if (message.type === 'start') {
          for (const reader of message.readers.slice(totals.length)) totals.push({ ...reader, ...nothing });
        } else if (message.type === 'round') add(totals[message.reader]!, message.figures);
        else {
          blocks.push(...message.blocks);
          rssBytes = Math.max(rssBytes, message.rssBytes);
        }
      };
      const stopped = await watched(
        new Worker(join(folder, 'worker.mjs'), { workerData: task }),
        at,
        report,
        isOver,
        log,
        totals,
      );
      ended = stopped === undefined;
      if (stopped === undefined) continue;
      const [reader, index] = [at[0]!, at[1]!];
      fail(reader, index, stopped);
      // All before it were asked; of those after it in this round nobody knows.
      totals.forEach((total, i) => (done[i] = Math.max(done[i] ?? 0, total.done)));
      done[reader] = index + 1;
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return {
    done: totals.reduce((sum, total) => sum + total.done, 0),
    failed: [...failures.values()].flatMap((of) =>
      of.length > SHOWN
        ? [...of.slice(0, SHOWN), `${of[0]!.split(':')[0]!}: and ${of.length - SHOWN} more like it`]
        : of,
    ),
    figures: {
      ...figuresOf(totals),
      ...branches(totals, blocks),
      'peak memory of the process': `${mib(rssBytes)} MiB`,
    },
  };
}

/** The readers as one module with its map, so that V8's counters are counters of sources. */
async function bundle(folder: string): Promise<void> {
  await build({
    configFile: false,
    logLevel: 'error',
    publicDir: false,
    build: {
      target: 'node20',
      ssr: join(process.cwd(), 'tools', 'torture', 'files', 'worker.ts'),
      outDir: folder,
      emptyOutDir: true,
      minify: false,
      sourcemap: true,
      rollupOptions: { output: { entryFileNames: 'worker.mjs', chunkFileNames: '[name]-[hash].mjs', format: 'es' } },
    },
  });
}

/** Resolves when the thread has ended: with why, if it did not come to its end. */
function watched(
  worker: Worker,
  at: Int32Array,
  report: (message: WorkerReport) => void,
  isOver: () => boolean,
  log: (line: string) => void,
  totals: readonly ReaderFigures[],
): Promise<string | undefined> {
  return new Promise((resolve) => {
    let before = '';
    let since = performance.now();
    let round = 0;
    let ending = false;
    let stopped: string | undefined = 'the thread ended by itself';
    const timer = setInterval(() => {
      if (isOver()) Atomics.store(at, 3, 1);
      if (Atomics.load(at, 2) !== round) {
        round = Atomics.load(at, 2);
        log(`${totals.reduce((sum, { done }) => sum + done, 0)} inputs`);
      }
      const now = `${Atomics.load(at, 0)} ${Atomics.load(at, 1)} ${round}`;
      if (now !== before) [before, since] = [now, performance.now()];
      else if (!ending && performance.now() - since > HANGS_MS) {
        ending = true;
        stopped = `is still being read after ${HANGS_MS / 1000} s`;
        void worker.terminate();
      }
    }, 500);
    worker.on('message', (message: WorkerReport) => {
      report(message);
      if (message.type === 'end') stopped = undefined;
    });
    worker.on('error', (error: Error) => (stopped = `ends the thread: ${error.message.slice(0, 300)}`));
    worker.on('exit', () => {
      clearInterval(timer);
      resolve(stopped);
    });
  });
}

type Total = ReaderFigures & { name: string; sources: readonly string[] };
const nothing: ReaderFigures = { done: 0, accepted: 0, ms: 0, slowestMs: 0, mostBytes: 0 };

function add(total: ReaderFigures, { done, accepted, ms, slowestMs, mostBytes }: ReaderFigures): void {
  total.done += done;
  total.accepted += accepted;
  total.ms += ms;
  total.slowestMs = Math.max(total.slowestMs, slowestMs);
  total.mostBytes = Math.max(total.mostBytes, mostBytes);
}

const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(0);

const figuresOf = (totals: readonly Total[]): Record<string, string> =>
  Object.fromEntries(
    totals.map(({ name, done, accepted, ms, slowestMs, mostBytes }) => [
      name,
      `${done} inputs, ${accepted} accepted, ${((1000 * ms) / Math.max(1, done)).toFixed(0)} us each, slowest ${slowestMs.toFixed(0)} ms, at most ${mib(mostBytes)} MiB`,
    ]),
  );

function branches(totals: readonly Total[], blocks: readonly Block[]): Record<string, string> {
  const sources = [...new Set(totals.flatMap(({ sources }) => sources))].sort();
  return Object.fromEntries(
    sources.map((source) => {
      const { ran, all, missed } = summary(blocks, source);
      return [
        `src/${source}.ts`,
        `${ran} of ${all} branches${missed.length > 0 ? `; not lines ${missed.join(', ')}` : ''}`,
      ];
    }),
  );
}
