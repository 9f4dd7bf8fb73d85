/** The browser's origin private file system as a FileStore. Works on the page and in workers; inside a worker it uses synchronous
 *  access handles where they exist, which appends without copying and is all that older Safari can write with. */
import { WinnowError } from '../shared/errors.ts';
import type { FileStore } from './files.ts';

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

/** @param folder everything lies below it. */
export async function openOpfsStore(folder = 'winnow'): Promise<FileStore> {
  if (!navigator.storage?.getDirectory) {
    throw new WinnowError('UnsupportedConfig', 'This browser keeps no private files for web pages.', 'Use a current Chrome, Edge, Firefox or Safari, not in private browsing.');
  }
  const root = await (await navigator.storage.getDirectory()).getDirectoryHandle(folder, { create: true });
  return new OpfsStore(root);
}

class OpfsStore implements FileStore {
  readonly #root: FileSystemDirectoryHandle;

  constructor(root: FileSystemDirectoryHandle) {
    this.#root = root;
  }

  async read(path: string): Promise<Uint8Array<ArrayBuffer>> {
    const handle = await this.#find(path);
    if (!handle) throw new WinnowError('NotFound', `The file ${path} is not in this browser's storage.`, 'It may have been deleted; make it again.');
    return new Uint8Array(await (await handle.getFile()).arrayBuffer());
  }

  async write(path: string, bytes: Uint8Array): Promise<void> {
    const { folder, name } = await this.#parent(path, true);
    const part = (await folder!.getFileHandle(`${name}.part`, { create: true })) as FileHandle;
    try {
      await put(part, bytes, 0);
      if (part.move) await part.move(name);
      else {
        // Without rename: createWritable and close replace the file as a whole, too.
        await put((await folder!.getFileHandle(name, { create: true })) as FileHandle, bytes, 0);
        await folder!.removeEntry(`${name}.part`);
      }
    } catch (error) {
      await folder!.removeEntry(`${name}.part`).catch(() => undefined);
      throw asDiskError(error);
    }
  }

  async append(path: string, bytes: Uint8Array): Promise<void> {
    const { folder, name } = await this.#parent(path, true);
    const handle = (await folder!.getFileHandle(name, { create: true })) as FileHandle;
    try {
      await put(handle, bytes, (await handle.getFile()).size);
    } catch (error) {
      throw asDiskError(error);
    }
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
      if (!isNamed(error, 'NotFoundError')) throw error;
    }
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
        throw asDiskError(error);
      }
    }
    return folder;
  }
}

/** Writes from an offset on: offset 0 replaces the file, its size appends to it. */
async function put(handle: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  if (handle.createSyncAccessHandle) {
    const access = await handle.createSyncAccessHandle();
    try {
      access.truncate(offset);
      const written = access.write(bytes, { at: offset });
      if (written !== bytes.byteLength) throw new DOMException(`wrote ${written} of ${bytes.byteLength} bytes`, 'QuotaExceededError');
      access.flush();
    } finally {
      access.close();
    }
    return;
  }
  const stream = await handle.createWritable({ keepExistingData: offset > 0 });
  await stream.write({ type: 'write', position: offset, data: bytes as Uint8Array<ArrayBuffer> });
  await stream.close();
}

async function collect(folder: FileSystemDirectoryHandle, path: string, into: string[]): Promise<void> {
  for await (const [name, entry] of folder.entries()) {
    const below = path ? `${path}/${name}` : name;
    if (entry.kind === 'directory') await collect(entry as FileSystemDirectoryHandle, below, into);
    else if (!name.endsWith('.part')) into.push(below);
  }
}

function asDiskError(error: unknown): unknown {
  if (!isNamed(error, 'QuotaExceededError')) return error;
  return new WinnowError('NoDiskSpace', 'There is no room left on the disk for this browser.', 'Delete runs or images you no longer need in the library, or free some disk space, then try again.');
}

const isNamed = (error: unknown, name: string): boolean => error instanceof Error && error.name === name;
