/** Whether a built file is older than any of its sources. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const newest = (path) => {
  if (!existsSync(path)) return 0;
  const stat = statSync(path);
  return stat.isDirectory() ? Math.max(0, ...readdirSync(path).map((name) => newest(join(path, name)))) : stat.mtimeMs;
};

export const isStale = (built, sources) =>
  !existsSync(built) || Math.max(...sources.map(newest)) > statSync(built).mtimeMs;
