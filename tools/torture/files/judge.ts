/** One input through its reader, and what is wrong with how it was taken. */
import { getHeapStatistics } from 'node:v8';
import { isWinnowError } from '../../../src/shared/errors.ts';
import { mutators } from './binary.ts';
import { type Files, mutate } from './mutate.ts';
import { random } from './random.ts';
import type { Reader } from './readers/reader.ts';

/** What one input may take. */
export const limits = {
  ms: 1000,
  /** Of memory: so much, and so many times the input's size. Packed data may stand for 1032 times its own. */
  bytes: 64 * 2 ** 20,
  times: 2200,
  /** Characters of an error: a person reads it. */
  message: 1200,
} as const;

export interface Verdict {
  /** The name of the error it was refused with; undefined where it was accepted. */
  refused?: string;
  /** In words; undefined where all is well. */
  problem?: string;
  ms: number;
  /** By which the memory in use grew: at most what the reader held at once. */
  bytes: number;
}

const seedsOf = new WeakMap<Reader, readonly Files[]>();

/** Input number `index` of a seed: the reader's own seeds first, as they are. */
export function inputOf(reader: Reader, seed: number, index: number): Files {
  let seeds = seedsOf.get(reader);
  if (!seeds) seedsOf.set(reader, (seeds = reader.seeds()));
  if (index < seeds.length) return seeds[index]!;
  const numbers = random(seed, reader.name, index);
  return mutate(numbers.pick(seeds), numbers, reader.words, mutators);
}

const inUse = (): number => {
  const { used_heap_size: heap, external_memory: external } = getHeapStatistics();
  return heap + external;
};

const sizeOf = (files: Files): number => Object.values(files).reduce((sum, { length }) => sum + length, 0);

async function once(reader: Reader, files: Files): Promise<Verdict> {
  const before = inUse();
  const start = performance.now();
  let refused: string | undefined;
  let problem: string | undefined;
  try {
    await reader.read(files);
  } catch (error) {
    if (isWinnowError(error)) refused = error.name;
    problem = wrongWith(error);
  }
  const ms = performance.now() - start;
  return {
    ms,
    bytes: Math.max(0, inUse() - before),
    ...(refused !== undefined && { refused }),
    ...(problem !== undefined && { problem }),
  };
}

/** An error has a name of ours, and says in a sentence what happened and in another what to do. */
function wrongWith(error: unknown): string | undefined {
  if (!isWinnowError(error)) {
    const { stack } = error instanceof Error ? error : new Error(String(error));
    return (stack ?? '')
      .split('\n')
      .slice(0, 4)
      .map((line) => line.trim().slice(0, 300))
      .join(' | ');
  }
  const { name, message } = error;
  if (message.length > limits.message) return `${name}: ${message.length} characters: ${message.slice(0, 200)}`;
  if (/\bundefined\b|\[object |\bfunction\b/.test(message) || !/[.?!…)"] \S.*[.)]$/s.test(message))
    return `${name} is not in words: ${message.slice(0, 300)}`;
  return undefined;
}

export async function judge(reader: Reader, files: Files): Promise<Verdict> {
  let verdict = await once(reader, files);
  // A slow one may have waited for the computer: it is slow if it always is.
  for (let tries = 0; verdict.ms > limits.ms && tries < 2; tries++) {
    const again = await once(reader, files);
    if (again.ms < verdict.ms) verdict = again;
  }
  const most = limits.bytes + limits.times * sizeOf(files);
  if (verdict.problem !== undefined) return verdict;
  if (verdict.ms > limits.ms) return { ...verdict, problem: `took ${verdict.ms.toFixed(0)} ms` };
  if (verdict.bytes > most)
    return { ...verdict, problem: `took ${(verdict.bytes / 2 ** 20).toFixed(0)} MiB for ${sizeOf(files)} bytes` };
  return verdict;
}

/** How often each reader is asked, of so many inputs in all. */
export function shares(readers: readonly Reader[], count: number): number[] {
  const all = readers.reduce((sum, { share = 1 }) => sum + share, 0);
  return readers.map(({ share = 1 }) => Math.ceil((count * share) / all));
}
