/** The built command line as a process of its own, to be killed. */
import { join } from 'node:path';
import { bundlePath, buildCli } from '../../cli/build.mjs';
import { Killable } from './processes.ts';

const root = join(import.meta.dirname, '..', '..', '..');

export interface Winnow {
  process: Killable;
  /** Exit code and what it said, once it has ended. */
  ended: Promise<{ code: number | null; out: string; err: string }>;
}

export const buildWinnow = (): Promise<void> => buildCli(root);

/** @param through a command that is to run it, with its first arguments. */
export function winnow(args: readonly string[], cwd: string, through: readonly string[] = []): Winnow {
  const [command, ...rest] = [...through, process.execPath, bundlePath(root), ...args];
  const started = new Killable(command!, rest, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, err] = ['', ''];
  started.child.stdout!.on('data', (chunk) => void (out += String(chunk)));
  started.child.stderr!.on('data', (chunk) => void (err += String(chunk)));
  return { process: started, ended: started.ended.then((code) => ({ code, out, err })) };
}
