/** What a person brings, wherever it lies: files, a folder, an address; in the browser and under Node alike (cli/places.ts). */
import { WinnowError } from '../../shared/errors.ts';
import { type ByteRanges, byteRanges } from '../formats/bytes.ts';
import type { NamedFile } from '../formats/rows.ts';
import { get, type HubAccess, hubAccess, patiently } from '../hub/request.ts';

export interface Place {
  /** As the person knows it. */
  name: string;
  /** Whether a folder was meant, and so all that lies in it. */
  folder: boolean;
  /** Whether reading costs a network. */
  remote?: boolean;
  /** Paths of what was meant, below the place's root, with `/`, in order. */
  files: readonly string[];
  /** A file below the root, whether or not it was meant: pictures lie beside. Undefined if there is none. */
  open(path: string): Promise<ByteRanges | undefined>;
}

/** Of a folder: more would not fit into memory. */
const MAX_FILES = 4_000_000;

/** Rejects with NotFound where the place has lost it. */
export async function openFile(place: Place, path: string): Promise<NamedFile> {
  const found = await place.open(path);
  if (!found) throw new WinnowError('NotFound', `There is no file ${path} in ${place.name}.`, 'Check what was given.');
  return { ...found, size: found.size, read: (start, end) => found.read(start, end), name: path };
}

/** A path of a row as one below the root, from the folder of its file on; undefined where it leads out, or is none. */
export function pathFrom(file: string, path: string): string | undefined {
  if (/^([\\/]|[a-z]:|[a-z][a-z0-9+.-]+:)/i.test(path)) return undefined;
  const parts = file.split('/').slice(0, -1);
  for (const part of path.split(/[\\/]/)) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined) return undefined;
  }
  return parts.join('/');
}

/** Hidden ones are a tool's own: of git, of a hub's cache, of the desktop. */
const isHidden = (path: string): boolean => path.split('/').some((part) => part.startsWith('.') || part === '__MACOSX');

export const inOrder = (paths: readonly string[]): string[] =>
  paths.filter((path) => !isHidden(path)).toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0));

function tooManyFiles(name: string): WinnowError {
  return new WinnowError(
    'BadFile',
    `${name} holds more than ${MAX_FILES.toLocaleString('en')} files.`,
    'Bring its folders one by one.',
  );
}

export const checkCount = (name: string, count: number): void => {
  if (count > MAX_FILES) throw tooManyFiles(name);
};

/** Files that were dropped or chosen; of a chosen folder each knows its path. */
export function filesPlace(files: readonly File[]): Place {
  const pathOf = (file: File): string => file.webkitRelativePath || file.name;
  const roots = new Set(files.map((file) => pathOf(file).split('/', 1)[0]!));
  const folder = files.some((file) => Boolean(file.webkitRelativePath));
  // The chosen folder's own name is no part of the paths in it.
  const cut = folder && roots.size === 1 ? [...roots][0]!.length + 1 : 0;
  const byPath = new Map(files.map((file) => [pathOf(file).slice(cut), file] as const));
  const name = files.length === 1 ? files[0]!.name : folder ? [...roots].join(', ') : `${files.length} files`;
  checkCount(name, files.length);
  return {
    name,
    folder,
    files: inOrder([...byPath.keys()]),
    open: async (path) => {
      const file = byPath.get(path);
      return file && byteRanges(file);
    },
  };
}

export const isUrl = (text: string): boolean => /^https?:\/\//i.test(text);

/** A file at an address, read by range; what its rows name lies beside it. Rejects with SourceChanged, NotFound, NoNetwork and the like, and with
 *  DownloadFailed where the server gives no ranges. */
export async function urlPlace(url: string, signal: AbortSignal, access: HubAccess = hubAccess): Promise<Place> {
  const address = new URL(url);
  const path = decodeURIComponent(address.pathname.split('/').at(-1) || address.host);
  const main = await urlRanges(url, path, signal, access);
  return {
    name: path,
    folder: false,
    remote: true,
    files: [path],
    open: async (other) => {
      if (other === path) return main;
      const beside = new URL(other.split('/').map(encodeURIComponent).join('/'), url);
      beside.search = address.search;
      try {
        return await urlRanges(beside.href, other, signal, access);
      } catch (error) {
        if (error instanceof WinnowError && error.name === 'NotFound') return undefined;
        throw error;
      }
    },
  };
}

async function urlRanges(url: string, name: string, signal: AbortSignal, access: HubAccess): Promise<ByteRanges> {
  const job = { check: () => signal.throwIfAborted(), aborted: signal };
  const noRanges = (): WinnowError =>
    new WinnowError(
      'DownloadFailed',
      `${new URL(url).host} gives ${name} only as a whole, not in ranges.`,
      'Download the file, and import it from disk.',
    );
  const ask = (range: string): Promise<Response> =>
    patiently(access, job, () => get(access, url, { what: name, range, signal }));
  const first = await ask('bytes=0-0');
  await first.body?.cancel();
  const range = /\/(\d+)\s*$/.exec(first.headers.get('content-range') ?? '');
  // A server may keep its headers from pages of other sites, and then says nothing of the size.
  const size = range ? Number(range[1]) : first.status === 416 ? 0 : undefined;
  if ((first.status !== 206 && first.status !== 416) || size === undefined) throw noRanges();
  const tag = first.headers.get('etag');
  return {
    size,
    read: async (start, end) => {
      if (end <= start) return new Uint8Array();
      const response = await ask(`bytes=${start}-${end - 1}`);
      if (response.status !== 206) {
        await response.body?.cancel();
        throw noRanges();
      }
      const bytes = new Uint8Array(await response.arrayBuffer());
      const now = response.headers.get('etag');
      if (bytes.length !== end - start || (tag !== null && now !== null && now !== tag))
        throw new WinnowError('SourceChanged', `${name} was changed while it was read.`, 'Import it again.');
      return bytes;
    },
  };
}
