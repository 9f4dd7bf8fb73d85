/** A FileStore in memory, for tests of what reads and writes files. */
import { type FileStore, partOf } from '../data/files.ts';
import { byteRanges, type ByteRanges } from '../data/formats/bytes.ts';
import { WinnowError } from '../shared/errors.ts';

export class MemoryFileStore implements FileStore {
  private readonly files = new Map<string, Uint8Array<ArrayBuffer>>();
  private readonly capacity: number;

  /** @param capacity in bytes, all files together. */
  constructor(capacity = Infinity) {
    this.capacity = capacity;
  }

  async read(path: string): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = this.files.get(path);
    if (!bytes) throw new WinnowError('NotFound', `There is no file ${path}.`, 'Check the path.');
    return bytes.slice();
  }

  async open(path: string): Promise<ByteRanges> {
    return byteRanges(await this.read(path));
  }

  async size(path: string): Promise<number> {
    return this.files.get(path)?.length ?? 0;
  }

  async write(path: string, bytes: Uint8Array): Promise<void> {
    this.makeRoom(bytes.length - (await this.size(path)));
    this.files.set(path, new Uint8Array(bytes));
  }

  async append(path: string, bytes: Uint8Array): Promise<void> {
    this.makeRoom(bytes.length);
    const old = this.files.get(path) ?? new Uint8Array();
    const joined = new Uint8Array(old.length + bytes.length);
    joined.set(old);
    joined.set(bytes, old.length);
    this.files.set(path, joined);
  }

  async commit(path: string): Promise<void> {
    this.files.set(path, await this.read(partOf(path)));
    this.files.delete(partOf(path));
  }

  async exists(path: string): Promise<boolean> {
    return this.files.has(path);
  }

  async list(folder: string): Promise<string[]> {
    return [...this.files.keys()].filter((path) => path.startsWith(`${folder}/`) && !path.endsWith('.part')).sort();
  }

  async remove(path: string): Promise<void> {
    for (const key of this.files.keys()) if (key === path || key.startsWith(`${path}/`)) this.files.delete(key);
  }

  async available(): Promise<number | null> {
    return this.capacity === Infinity ? null : this.capacity - this.used();
  }

  private used(): number {
    return [...this.files.values()].reduce((sum, { length }) => sum + length, 0);
  }

  private makeRoom(bytes: number): void {
    if (this.used() + bytes > this.capacity)
      throw new WinnowError('NoDiskSpace', 'The disk is full.', 'Free some space; what was written before is kept.');
  }
}
