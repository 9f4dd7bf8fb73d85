/** Node files for OPFS: a FileStore in a folder, and a model's folder on disk. Absolute paths lead out of the folder: LoRA files, runs and
 *  pairs lie where the person keeps them. `settings/` (what was measured on this machine) lies in a folder of its own. */
import { type FileHandle, open, readdir, readFile, rename, rm, stat, statfs } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import { type FileStore, isPart, partOf, placeOf } from '../data/files.ts';
import type { ByteRanges } from '../data/formats/bytes.ts';
import type { FolderReader } from '../service/environment.ts';
import { WinnowError } from '../shared/errors.ts';
import { Turns } from '../shared/turns.ts';
import { asFileError, makeFolders } from './fileErrors.ts';
import { hashFile } from './fileHashes.ts';
import { ownPart, sweepParts } from './parts.ts';

const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error ? String(error.code) : undefined;

async function readBytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (error) {
    // A path below a file is a path that is not there.
    if (['ENOENT', 'EISDIR', 'ENOTDIR'].includes(codeOf(error) ?? ''))
      throw new WinnowError('NotFound', `There is no file ${path}.`, 'Check the path.');
    throw asFileError(error, path);
  }
}

/** Rejects by name. */
async function opened(path: string, flags: string): Promise<FileHandle> {
  try {
    return await open(path, flags);
  } catch (error) {
    throw asFileError(error, path);
  }
}

/** A folder's entries, on the disk; where the system can be asked for that (Windows cannot, and does it by itself). */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Opens the file anew for each range: nothing to close, whoever keeps it. */
export async function openRanges(path: string): Promise<ByteRanges> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile()) throw new WinnowError('NotFound', `There is no file ${path}.`, 'Check the path.');
  return {
    size: found.size,
    async read(start, end) {
      const handle = await opened(path, 'r');
      try {
        const bytes = new Uint8Array(Math.max(0, Math.min(end, found.size) - start));
        let done = 0;
        // One read gives 2 GiB at most.
        while (done < bytes.length) {
          const { bytesRead } = await handle.read(bytes, done, Math.min(bytes.length - done, 2 ** 30), start + done);
          if (bytesRead === 0)
            throw new WinnowError(
              'TruncatedFile',
              `${path} became shorter while it was read.`,
              'Check the disk, and who else writes there.',
            );
          done += bytesRead;
        }
        return bytes;
      } finally {
        await handle.close();
      }
    },
  };
}

/** Of a folder's files or folders; a link is what it leads to, as a hub's cache keeps every file. None where there is no folder. */
async function namesIn(folder: string, kind: 'isFile' | 'isDirectory'): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const found = await Promise.all(
    entries.map(async (entry) =>
      entry.isSymbolicLink() ? (await stat(join(folder, entry.name)).catch(() => undefined))?.[kind]() : entry[kind](),
    ),
  );
  return entries.filter((_, i) => found[i]).map(({ name }) => name);
}

/** @param hashOf SHA-256 of a file by its path. */
export function folderReader(folder: string, origin?: FolderReader['origin'], hashOf = hashFile): FolderReader {
  return {
    read: (path) => readBytes(join(folder, path)),
    open: (path) => openRanges(join(folder, path)),
    list: () => namesIn(folder, 'isFile'),
    folders: (path) => namesIn(join(folder, path), 'isDirectory'),
    sha256: (path) =>
      hashOf(join(folder, path)).catch((error: unknown) => {
        throw asFileError(error, path);
      }),
    ...(origin && { origin }),
  };
}

async function writeSynced(file: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(file, 'w');
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** What is written, appended or committed is on the disk, with its name, when the call returns. */
export class NodeFileStore implements FileStore {
  private readonly root: string;
  private readonly settings: string;
  private readonly turns = new Turns();

  constructor(root: string, settings = join(root, 'settings')) {
    this.root = root;
    this.settings = settings;
  }

  private place(path: string): string {
    if (isAbsolute(path)) return path;
    return path.startsWith('settings/') ? join(this.settings, path.slice('settings/'.length)) : join(this.root, path);
  }

  read(path: string): Promise<Uint8Array<ArrayBuffer>> {
    return readBytes(this.place(path));
  }

  open(path: string): Promise<ByteRanges> {
    return openRanges(this.place(path));
  }

  async size(path: string): Promise<number> {
    return (await stat(this.place(path)).catch(() => undefined))?.size ?? 0;
  }

  write(path: string, bytes: Uint8Array): Promise<void> {
    const file = this.place(path);
    return this.guarded(path, async () => {
      makeFolders(dirname(file));
      const part = ownPart(file);
      await sweepParts(dirname(file));
      try {
        await writeSynced(part, bytes);
        await rename(part, file);
      } catch (error) {
        await rm(part, { force: true });
        throw error;
      }
      await syncFolder(dirname(file));
    });
  }

  append(path: string, bytes: Uint8Array): Promise<void> {
    const file = this.place(path);
    return this.guarded(path, async () => {
      makeFolders(dirname(file));
      const handle = await open(file, 'a');
      const found = await handle.stat();
      try {
        const { size } = found;
        try {
          await handle.appendFile(bytes);
          // A part is flushed once, when it is whole.
          if (found.isFile() && !isPart(path)) await handle.sync();
        } catch (error) {
          // What fitted before the disk was full goes, too. A device cannot be shortened.
          await handle.truncate(size).catch(() => undefined);
          throw error;
        }
      } finally {
        await handle.close();
      }
      if (found.isFile() && found.size === 0) await syncFolder(dirname(file));
    });
  }

  commit(path: string): Promise<void> {
    const file = this.place(path);
    return this.guarded(path, async () => {
      try {
        const part = await open(partOf(file), 'r+');
        try {
          await part.sync();
        } finally {
          await part.close();
        }
        await rename(partOf(file), file);
      } catch (error) {
        if (codeOf(error) === 'ENOENT')
          throw new WinnowError('NotFound', `There is no file ${partOf(file)}.`, 'Write it again.');
        throw error;
      }
      await syncFolder(dirname(file));
    });
  }

  async exists(path: string): Promise<boolean> {
    return (await stat(this.place(path)).catch(() => undefined))?.isFile() ?? false;
  }

  async list(folder: string): Promise<string[]> {
    const entries = await readdir(this.place(folder), { recursive: true, withFileTypes: true }).catch(() => []);
    return entries
      .filter((entry) => entry.isFile() && !isPart(entry.name))
      .map((entry) => join(entry.parentPath, entry.name))
      .map((file) => (isAbsolute(folder) ? file : relative(this.root, file)).split(sep).join('/'))
      .sort();
  }

  async remove(path: string): Promise<void> {
    await this.guarded(path, () => rm(this.place(path), { recursive: true, force: true }));
  }

  async available(): Promise<number | null> {
    // Of the folder that will hold the root, which may not exist yet.
    for (let folder = this.root; ; folder = dirname(folder)) {
      const room = await statfs(folder).catch(() => undefined);
      if (room) return room.bavail * room.bsize;
      if (dirname(folder) === folder) return null;
    }
  }

  private async guarded(path: string, work: () => Promise<void>): Promise<void> {
    try {
      await this.turns.run(placeOf(this.place(path)), work);
    } catch (error) {
      throw asFileError(error, path);
    }
  }
}
