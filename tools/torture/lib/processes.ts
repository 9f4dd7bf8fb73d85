/** Processes that are killed with everything they started, and die with the torture that started them. */
import { type ChildProcess, spawn, type SpawnOptions } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

const alive = new Set<Killable>();

process.on('exit', () => {
  for (const one of alive) one.killNow();
});

/** A process in a group of its own. */
export class Killable {
  readonly child: ChildProcess;
  /** Resolves when it has ended, however. */
  readonly ended: Promise<number | null>;

  constructor(command: string, args: readonly string[], options: SpawnOptions = {}) {
    this.child = spawn(command, args, { ...options, detached: process.platform !== 'win32' });
    this.ended = new Promise((resolve, reject) => {
      this.child.on('error', reject);
      this.child.on('close', (code) => {
        alive.delete(this);
        resolve(code);
      });
    });
    alive.add(this);
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** SIGKILL to all of them at once; resolves when none is left. */
  async kill(): Promise<void> {
    const others = descendants(this.pid);
    this.killNow(others);
    await this.ended;
    while (others.some(isRunning)) await new Promise((resolve) => setTimeout(resolve, 1));
  }

  killNow(others = descendants(this.pid)): void {
    for (const pid of [...(process.platform === 'win32' ? [] : [-this.pid]), this.pid, ...others]) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended.
      }
    }
  }
}

/** Those in other groups, too; where the system tells (Linux). */
function descendants(of: number): number[] {
  const parents = new Map<number, number>();
  for (const name of process.platform === 'linux' ? readdirSync('/proc') : []) {
    if (!/^\d+$/.test(name)) continue;
    const parent = stat(name)?.[1];
    if (parent !== undefined) parents.set(Number(name), Number(parent));
  }
  const found: number[] = [];
  const wanted = new Set([of]);
  for (let size = 0; size !== wanted.size;) {
    size = wanted.size;
    for (const [pid, parent] of parents) if (wanted.has(parent)) wanted.add(pid);
  }
  for (const pid of wanted) if (pid !== of) found.push(pid);
  return found;
}

/** Of a process: its state and its parent. */
function stat(pid: string): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

/** A zombie holds no file. */
const isRunning = (pid: number): boolean => {
  const state = stat(String(pid))?.[0];
  return state !== undefined && state !== 'Z' && state !== 'X';
};
