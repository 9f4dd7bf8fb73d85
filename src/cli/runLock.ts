/** One process trains a run's folder at a time: its record has one writer. */
import { createHash, randomUUID } from 'node:crypto';
import {
  constants,
  copyFileSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { isRunning } from './parts.ts';
import { badArguments } from './verb.ts';

interface Holder {
  pid: number;
  host: string;
}

/** What lies at a lock's place: whose it is (undefined for what an earlier version left half-written), and a name for it that no other lock
 *  will ever have. */
interface Found {
  holder: Holder | undefined;
  name: string;
  mtimeMs: number;
}

/** Holds `run.lock` in the folder while `work` goes on. One that a killed process left is taken over, by one process. Rejects with BadArguments
 *  where another process is at work. */
export async function withRunLock<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const file = join(folder, 'run.lock');
  mkdirSync(folder, { recursive: true });
  const rival = claim(file);
  if (rival)
    throw badArguments(
      `Another winnow (process ${rival.pid} on ${rival.host}) is training the run in ${folder}.`,
      `Wait for it or stop it; if there is none, delete ${file}.`,
    );
  try {
    sweep(folder);
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

/** Makes a lock, or gives who has it.
 *
 *  A dead one is replaced by whoever holds a second lock, named after the dead one, and finds the dead one still in its place: to put another
 *  there that second lock is needed, and it is let go only afterwards. So none that is alive is ever removed by somebody else. The second lock
 *  is taken like the first, as its holder may be killed, too. */
function claim(file: string): Holder | undefined {
  const own = `${file}.${process.pid}.${randomUUID()}`;
  writeFileSync(own, JSON.stringify({ pid: process.pid, host: hostname(), id: randomUUID() }));
  try {
    for (;;) {
      if (made(own, file)) return undefined;
      const found = look(file);
      if (!found) continue;
      if (found.holder && isAlive(found.holder)) return found.holder;
      const succession = `${file}.${found.name}`;
      const rival = claim(succession);
      if (rival) return rival;
      try {
        if (look(file)?.name === found.name) {
          renameSync(own, file);
          return undefined;
        }
      } finally {
        rmSync(succession, { force: true });
      }
    }
  } finally {
    rmSync(own, { force: true });
  }
}

const MINUTE_MS = 60_000;

/** Takes away what processes that were killed in a claim left beside the lock. Nobody needs it while the lock is held. */
function sweep(folder: string): void {
  for (const name of readdirSync(folder).filter((name) => name.startsWith('run.lock.'))) {
    const file = join(folder, name);
    const found = look(file);
    // One without a holder is just being written.
    const left = found?.holder ? !isAlive(found.holder) : Date.now() - (found?.mtimeMs ?? Infinity) > MINUTE_MS;
    if (left) rmSync(file, { force: true });
  }
}

/** Whole, or not at all; false where there is one. */
function made(own: string, file: string): boolean {
  try {
    linkSync(own, file);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    // Disks that have no links (exFAT): at least exclusively.
    try {
      copyFileSync(own, file, constants.COPYFILE_EXCL);
      return true;
    } catch (copying) {
      if (codeOf(copying) === 'EEXIST') return false;
      throw copying;
    }
  }
}

function look(file: string): Found | undefined {
  try {
    const { mtimeMs } = statSync(file);
    const text = readFileSync(file, 'utf8');
    const name = createHash('sha256').update(`${mtimeMs} ${text}`).digest('hex').slice(0, 16);
    return { holder: holderOf(text), name, mtimeMs };
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function holderOf(text: string): Holder | undefined {
  try {
    const { pid, host } = JSON.parse(text) as Partial<Holder>;
    return Number.isSafeInteger(pid) && pid! > 0 && typeof host === 'string' ? { pid: pid!, host } : undefined;
  } catch {
    return undefined;
  }
}

/** Of another computer nothing is known. */
const isAlive = ({ pid, host }: Holder): boolean => host !== hostname() || isRunning(pid);

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined);
