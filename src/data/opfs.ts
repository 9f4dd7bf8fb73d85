/** The browser's origin private file system as a FileStore. Works on the page and in workers; inside a worker it uses synchronous
 *  access handles where they exist, which appends without copying and is all that older Safari can write with. */
import { isWinnowError, WinnowError } from '../shared/errors.ts';
import { Turns } from '../shared/turns.ts';
import { type FileStore, isPart, partOf, placeOf } from './files.ts';
import { byteRanges, type ByteRanges } from './formats/bytes.ts';

/** In dedicated workers only, hence not in the page's types. */
interface SyncAccessHandle {
  write(bytes: Uint8Array, options?: { at: number }): number;
  truncate(size: number): void;
  getSize(): number;
  flush(): void;
  close(): void;
}

interface FileHandle extends FileSystemFileHandle {
  createSyncAccessHandle?(): Promise<SyncAccessHandle>;
  move?(name: string): Promise<void>;
}

/** @param folder everything lies below it. Rejects with UnsupportedConfig where there are no such files, and with NoDiskSpace. */
export async function openOpfsStore(folder = 'winnow'): Promise<FileStore> {
  try {
    const root = await (await navigator.storage.getDirectory()).getDirectoryHandle(folder, { create: true });
    return new OpfsStore(root);
  } catch (error) {
    // Missing, or refused, as in private browsing: each browser throws something else.
    if (isNamed(error, 'QuotaExceededError')) throw noRoom();
    throw new WinnowError(
      'UnsupportedConfig',
      'This browser keeps no private files for web pages.',
      'Use a current Chrome, Edge, Firefox or Safari, not in private browsing.',
    );
  }
}

class OpfsStore implements FileStore {
  readonly #root: FileSystemDirectoryHandle;
  readonly #turns = new Turns();

  constructor(root: FileSystemDirectoryHandle) {
    this.#root = root;
  }

  async read(path: string): Promise<Uint8Array<ArrayBuffer>> {
    return new Uint8Array(await stillThere(path, (await this.#file(path)).arrayBuffer()));
  }

  async open(path: string): Promise<ByteRanges> {
    const file = byteRanges(await this.#file(path));
    return { ...file, read: (start, end) => stillThere(path, file.read(start, end)) };
  }

  async size(path: string): Promise<number> {
    try {
      return (await (await this.#find(path))?.getFile())?.size ?? 0;
    } catch (error) {
      // Removed since it was found.
      if (isNamed(error, 'NotFoundError')) return 0;
      throw error;
    }
  }

  write(path: string, bytes: Uint8Array): Promise<void> {
    return this.#change(path, () => this.#write(path, bytes));
  }

  append(path: string, bytes: Uint8Array): Promise<void> {
    return this.#change(path, () => this.#append(path, bytes));
  }

  commit(path: string): Promise<void> {
    return this.#change(path, () => this.#commit(path));
  }

  /** In its turn, and refused by name, whichever step of it is. */
  async #change(path: string, work: () => Promise<void>): Promise<void> {
    try {
      await this.#turns.run(placeOf(path), work);
    } catch (error) {
      throw asDiskError(error, path);
    }
  }

  async #write(path: string, bytes: Uint8Array): Promise<void> {
    const { folder, name } = await this.#parent(path, true);
    const part = (await folder!.getFileHandle(partOf(name), { create: true })) as FileHandle;
    try {
      await put(part, bytes, 0);
      await rename(folder!, part, name);
    } catch (error) {
      await folder!.removeEntry(partOf(name)).catch(() => undefined);
      throw error;
    }
  }

  async #append(path: string, bytes: Uint8Array): Promise<void> {
    const { folder, name } = await this.#parent(path, true);
    const handle = (await folder!.getFileHandle(name, { create: true })) as FileHandle;
    await put(handle, bytes, (await handle.getFile()).size);
  }

  async #commit(path: string): Promise<void> {
    const part = await this.#find(partOf(path));
    if (!part) throw notFound(partOf(path));
    const { folder, name } = await this.#parent(path, true);
    await rename(folder!, part, name);
  }

  async exists(path: string): Promise<boolean> {
    return (await this.#find(path)) !== null;
  }

  async list(folder: string): Promise<string[]> {
    const handle = await this.#folder(folder.split('/').filter(Boolean), false);
    const paths: string[] = [];
    if (handle) await collect(handle, folder.replace(/\/$/, ''), paths);
    return paths.sort();
  }

  async remove(path: string): Promise<void> {
    const { folder, name } = await this.#parent(path, false);
    try {
      await folder?.removeEntry(name, { recursive: true });
    } catch (error) {
      if (!isNamed(error, 'NotFoundError')) throw asDiskError(error, path);
    }
  }

  async available(): Promise<number | null> {
    const { quota, usage } = await navigator.storage.estimate();
    return quota === undefined ? null : Math.max(0, quota - (usage ?? 0));
  }

  async #file(path: string): Promise<File> {
    const handle = await this.#find(path);
    if (!handle) throw notFound(path);
    return stillThere(path, handle.getFile());
  }

  async #find(path: string): Promise<FileSystemFileHandle | null> {
    const { folder, name } = await this.#parent(path, false);
    try {
      return (await folder?.getFileHandle(name)) ?? null;
    } catch (error) {
      if (isNamed(error, 'NotFoundError') || isNamed(error, 'TypeMismatchError')) return null;
      throw error;
    }
  }

  async #parent(path: string, create: boolean): Promise<{ folder: FileSystemDirectoryHandle | null; name: string }> {
    const parts = path.split('/').filter(Boolean);
    const name = parts.pop();
    if (!name) throw new Error(`opfs: "${path}" names no file`);
    return { folder: await this.#folder(parts, create), name };
  }

  async #folder(parts: string[], create: boolean): Promise<FileSystemDirectoryHandle | null> {
    let folder = this.#root;
    for (const part of parts) {
      try {
        folder = await folder.getDirectoryHandle(part, { create });
      } catch (error) {
        if (!create && (isNamed(error, 'NotFoundError') || isNamed(error, 'TypeMismatchError'))) return null;
        throw error;
      }
    }
    return folder;
  }
}

const notFound = (path: string): WinnowError =>
  new WinnowError(
    'NotFound',
    `The file ${path} is not in this browser's storage.`,
    'It may have been deleted; make it again.',
  );

/** A file that was removed or replaced after it was opened is missed by its name, too. */
const stillThere = <Result>(path: string, reading: Promise<Result>): Promise<Result> =>
  reading.catch((error: unknown) => {
    const gone =
      isNamed(error, 'NotFoundError') || isNamed(error, 'NotReadableError') || isWinnowError(error, 'NotFound');
    throw gone ? notFound(path) : error;
  });

/** Bytes copied at a time where files cannot be renamed. */
const COPY_BYTES = 8 * 2 ** 20;

async function rename(folder: FileSystemDirectoryHandle, part: FileHandle, name: string): Promise<void> {
  if (part.move) return part.move(name);
  const from = await part.getFile();
  const to = (await folder.getFileHandle(name, { create: true })) as FileHandle;
  for (let at = 0; at === 0 || at < from.size; at += COPY_BYTES)
    await put(to, new Uint8Array(await from.slice(at, at + COPY_BYTES).arrayBuffer()), at);
  await folder.removeEntry(part.name);
}

/** Writes from an offset on: offset 0 replaces the file, its size appends to it. Where there is no room, an appended file stays as it was. */
async function put(handle: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  if (handle.createSyncAccessHandle) {
    const access = await handle.createSyncAccessHandle();
    try {
      access.truncate(offset);
      const written = access.write(bytes, { at: offset });
      if (written !== bytes.byteLength)
        throw new DOMException(`wrote ${written} of ${bytes.byteLength} bytes`, 'QuotaExceededError');
      access.flush();
    } catch (error) {
      shorten(access, offset);
      throw error;
    } finally {
      access.close();
    }
    return;
  }
  const stream = await handle.createWritable({ keepExistingData: offset > 0 });
  try {
    await stream.write({ type: 'write', position: offset, data: bytes as Uint8Array<ArrayBuffer> });
    await stream.close();
  } catch (error) {
    // Else it holds the file.
    await stream.abort().catch(() => undefined);
    throw error;
  }
}

/** What kept the bytes from being written is to be said, not what keeps them from being taken back. */
function shorten(access: SyncAccessHandle, size: number): void {
  try {
    access.truncate(size);
  } catch {
    // As it is.
  }
}

async function collect(folder: FileSystemDirectoryHandle, path: string, into: string[]): Promise<void> {
  for await (const [name, entry] of folder.entries()) {
    const below = path ? `${path}/${name}` : name;
    if (entry.kind === 'directory') await collect(entry as FileSystemDirectoryHandle, below, into);
    else if (!isPart(name)) into.push(below);
  }
}

/** What a browser's storage refuses, by name; any other error as it is. */
function asDiskError(error: unknown, path: string): unknown {
  if (isNamed(error, 'QuotaExceededError')) return noRoom();
  if (!(error instanceof DOMException)) return error;
  return new WinnowError(
    'BadFile',
    `The file ${path} cannot be written in this browser's storage (${error.message || error.name}).`,
    'Check the disk, and whether data of this page was deleted, then reload the page.',
  );
}

const noRoom = (): WinnowError =>
  new WinnowError(
    'NoDiskSpace',
    'There is no room left on the disk for this browser.',
    'Delete runs or images you no longer need in the library, or free some disk space, then try again.',
  );

const isNamed = (error: unknown, name: string): boolean => error instanceof Error && error.name === name;
