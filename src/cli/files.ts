/** Node files for OPFS: a FileStore in a folder, and a model's folder on disk. */
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import type { FileStore } from '../data/files.ts';
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

export function folderReader(folder: string): FolderReader {
  return { read: (path) => readBytes(join(folder, path)) };
}

export class NodeFileStore implements FileStore {
  private readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  read(path: string): Promise<Uint8Array<ArrayBuffer>> {
    return readBytes(join(this.root, path));
  }

  async write(path: string, bytes: Uint8Array): Promise<void> {
    const file = join(this.root, path);
    await this.guarded(async () => {
      await mkdir(dirname(file), { recursive: true });
      await writeFile(`${file}.part`, bytes);
      await rename(`${file}.part`, file);
    });
  }

  async append(path: string, bytes: Uint8Array): Promise<void> {
    const file = join(this.root, path);
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
    return (await stat(join(this.root, path)).catch(() => undefined))?.isFile() ?? false;
  }

  async list(folder: string): Promise<string[]> {
    const entries = await readdir(join(this.root, folder), { recursive: true, withFileTypes: true }).catch(() => []);
    return entries
      .filter((entry) => entry.isFile() && !entry.name.endsWith('.part'))
      .map((entry) => relative(this.root, join(entry.parentPath, entry.name)).split(sep).join('/'))
      .sort();
  }

  async remove(path: string): Promise<void> {
    await rm(join(this.root, path), { recursive: true, force: true });
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
