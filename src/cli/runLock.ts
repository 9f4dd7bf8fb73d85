/** One process trains a run's folder at a time: its record has one writer. */
import { mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { badArguments } from './verb.ts';

interface Holder {
  pid: number;
  host: string;
}

/** Holds `run.lock` in the folder while `work` goes on. One that a killed process left is taken over. Rejects with BadArguments where another
 *  process is at work. */
export async function withRunLock<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const file = join(folder, 'run.lock');
  mkdirSync(folder, { recursive: true });
  claim(file, folder);
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
    try {
      // Nothing came of it.
      rmdirSync(folder);
    } catch {
      // The run is in it.
    }
  }
}

function claim(file: string, folder: string): void {
  const mine = JSON.stringify({ pid: process.pid, host: hostname() } satisfies Holder);
  try {
    writeFileSync(file, mine, { flag: 'wx' });
    return;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  const holder = holderOf(file);
  if (holder && isAlive(holder))
    throw badArguments(
      `Another winnow (process ${holder.pid} on ${holder.host}) is training the run in ${folder}.`,
      `Wait for it or stop it; if there is none, delete ${file}.`,
    );
  rmSync(file, { force: true });
  writeFileSync(file, mine, { flag: 'wx' });
}

/** Undefined for what a killed process left half-written. */
function holderOf(file: string): Holder | undefined {
  try {
    const { pid, host } = JSON.parse(readFileSync(file, 'utf8')) as Partial<Holder>;
    return Number.isSafeInteger(pid) && pid! > 0 && typeof host === 'string' ? { pid: pid!, host } : undefined;
  } catch {
    return undefined;
  }
}

/** Of another computer nothing is known. */
function isAlive({ pid, host }: Holder): boolean {
  if (host !== hostname()) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
