/** Where a process writes a file or a folder before it is whole, and what is done about those that were killed meanwhile. */
import { readdir, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { partOf } from '../data/files.ts';

/** A part of this process alone: two may write the same file. */
export const ownPart = (file: string): string => partOf(`${file}.winnow-${hostname()}-${process.pid}`);

const swept = new Set<string>();

/** Takes away the parts in a folder that belong to processes of this computer that are no more. Looks once. */
export async function sweepParts(folder: string): Promise<void> {
  if (swept.has(folder)) return;
  swept.add(folder);
  const mark = `.winnow-${hostname()}-`;
  for (const name of await readdir(folder).catch(() => [])) {
    const at = name.lastIndexOf(mark);
    const pid = at < 0 ? undefined : /^(\d+)\.part$/.exec(name.slice(at + mark.length))?.[1];
    if (pid !== undefined && !isRunning(Number(pid))) await rm(join(folder, name), { recursive: true, force: true });
  }
}

/** On this computer. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
