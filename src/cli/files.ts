/** Node files for OPFS: a FileStore in a folder, and a model's folder on disk. Absolute paths lead out of the folder: LoRA files, runs and
 *  pairs lie where the person keeps them. `settings/` (what was measured on this machine) lies in a folder of its own. */
import { createHash } from 'node:crypto';
import { createReadStream, openAsBlob } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import type { FileStore } from '../data/files.ts';
import { byteRanges } from '../data/formats/bytes.ts';
import type { FolderReader } from '../service/environment.ts';
import { WinnowError } from '../shared/errors.ts';

const codeOf = (error: unknown): string | undefined => (error instanceof Error && 'code' in error ? String(error.code) : undefined);

async function readBytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'EISDIR') throw new WinnowError('NotFound', `There is no file ${path}.`, 'Check the path.');
    throw error;
  }
}

export function folderReader(folder: string, origin?: FolderReader['origin']): FolderReader {
  return {
    read: (path) => readBytes(join(folder, path)),
    async open(path) {
      try {
        return byteRanges(await openAsBlob(join(folder, path)));
      } catch {
        throw new WinnowError('NotFound', `There is no file ${join(folder, path)}.`, 'Check the path.');
      }
    },
    async sha256(path) {
      const hash = createHash('sha256');
      for await (const chunk of createReadStream(join(folder, path))) hash.update(chunk as Uint8Array);
      return hash.digest('hex');
    },
    ...(origin && { origin }),
  };
}

export class NodeFileStore implements FileStore {
  private readonly root: string;
  private readonly settings: string;

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

  async write(path: string, bytes: Uint8Array): Promise<void> {
    const file = this.place(path);
    await this.guarded(async () => {
      await mkdir(dirname(file), { recursive: true });
      // Two processes may write the same file; each its own part.
      const part = `${file}.${process.pid}.part`;
      await writeFile(part, bytes);
      await rename(part, file);
    });
  }

  async append(path: string, bytes: Uint8Array): Promise<void> {
    const file = this.place(path);
    await this.guarded(async () => {
      await mkdir(dirname(file), { recursive: true });
      const handle = await open(file, 'a');
      try {
        await handle.appendFile(bytes);
      } finally {
        await handle.close();
      }
    });
  }

  async exists(path: string): Promise<boolean> {
    return (await stat(this.place(path)).catch(() => undefined))?.isFile() ?? false;
  }

  async list(folder: string): Promise<string[]> {
    const entries = await readdir(this.place(folder), { recursive: true, withFileTypes: true }).catch(() => []);
    return entries
      .filter((entry) => entry.isFile() && !entry.name.endsWith('.part'))
      .map((entry) => join(entry.parentPath, entry.name))
      .map((file) => (isAbsolute(folder) ? file : relative(this.root, file)).split(sep).join('/'))
      .sort();
  }

  async remove(path: string): Promise<void> {
    await rm(this.place(path), { recursive: true, force: true });
  }

  private async guarded(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (codeOf(error) === 'ENOSPC') throw new WinnowError('NoDiskSpace', 'The disk is full.', 'Free some space; what was written before is kept.');
      throw error;
    }
  }
}
