/** A FileStore in memory, for tests of what reads and writes files. */
import type { FileStore } from '../data/files.ts';
import { WinnowError } from '../shared/errors.ts';

export class MemoryFileStore implements FileStore {
  private readonly files = new Map<string, Uint8Array<ArrayBuffer>>();

  async read(path: string): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = this.files.get(path);
    if (!bytes) throw new WinnowError('NotFound', `There is no file ${path}.`, 'Check the path.');
    return bytes.slice();
  }

  async write(path: string, bytes: Uint8Array): Promise<void> {
    this.files.set(path, new Uint8Array(bytes));
  }

  async append(path: string, bytes: Uint8Array): Promise<void> {
    const old = this.files.get(path) ?? new Uint8Array();
    const joined = new Uint8Array(old.length + bytes.length);
    joined.set(old);
    joined.set(bytes, old.length);
    this.files.set(path, joined);
  }

  async exists(path: string): Promise<boolean> {
    return this.files.has(path);
  }

  async list(folder: string): Promise<string[]> {
    return [...this.files.keys()].filter((path) => path.startsWith(`${folder}/`)).sort();
  }

  async remove(path: string): Promise<void> {
    for (const key of this.files.keys()) if (key === path || key.startsWith(`${path}/`)) this.files.delete(key);
  }
}
