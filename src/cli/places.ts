/** Files, folders and addresses of the command line, as places of preference data. */
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { checkCount, inOrder, isUrl, type Place, urlPlace } from '../data/preferences/places.ts';
import { WinnowError } from '../shared/errors.ts';
import { absolute } from './arguments.ts';
import { openRanges } from './files.ts';

/** Rejects with NotFound. */
export async function placeOf(source: string, signal: AbortSignal): Promise<Place> {
  if (isUrl(source)) return urlPlace(source, signal);
  const path = absolute(source);
  const found = await stat(path).catch(() => undefined);
  if (!found) throw new WinnowError('NotFound', `There is no file ${source}.`, 'Check the path.');
  const folder = found.isDirectory();
  const root = folder ? path : dirname(path);
  const files = folder ? await filesOf(root, source) : [basename(path)];
  return {
    name: source,
    folder,
    files,
    open: async (file) => {
      const at = join(root, file);
      return (await stat(at).catch(() => undefined))?.isFile() ? openRanges(at) : undefined;
    },
  };
}

/** Paths below a folder, with `/`, in order: of hidden ones none, of links those that lead to files. @param name in messages. */
export async function filesOf(folder: string, name: string): Promise<string[]> {
  const root = resolve(folder);
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  checkCount(name, entries.length);
  const files: string[] = [];
  for (const entry of entries) {
    const path = relative(root, join(entry.parentPath, entry.name)).split(sep).join('/');
    // A hub's cache keeps links to its files.
    const isFile =
      entry.isFile() || (entry.isSymbolicLink() && (await stat(join(root, path)).catch(() => undefined))?.isFile());
    if (isFile) files.push(path);
  }
  return inOrder(files);
}
