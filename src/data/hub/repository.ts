/** A model's repository on a hub: its commit and its files with sizes and hashes. The addresses are those of @huggingface/hub, which is not used
 *  itself: we need two of its requests, and it neither resumes nor checks what it downloads (and brings 2 MB with it). */
import { createSHA1, createSHA256 } from 'hash-wasm';
import { WinnowError } from '../../shared/errors.ts';
import { isRecord, parseJson } from '../../shared/json.ts';
import type { StoredFile } from '../modelStore.ts';
import {
  get,
  type HubAccess,
  type Job,
  lostConnection,
  patiently,
  pieces,
  reasonOf,
  stallGuard,
  Transient,
} from './request.ts';

export const defaultHost = 'https://huggingface.co';

export interface HubRequest {
  /** `owner/name`, as on the hub. */
  id: string;
  /** Branch, tag or commit; `main` if left out. */
  revision?: string;
  /** `https://huggingface.co` if left out. */
  host?: string;
}

export interface HubFile {
  path: string;
  size: number;
  expected: NonNullable<StoredFile['expected']>;
}

export interface HubRepository {
  host: string;
  /** `owner/name` */
  id: string;
  commit: string;
  files: HubFile[];
}

/** `https://host/owner/name@commit` */
export const originOf = ({ host, id, commit }: Pick<HubRepository, 'host' | 'id' | 'commit'>): string =>
  `${host}/${id}@${commit}`;

const escaped = (path: string): string => path.split('/').map(encodeURIComponent).join('/');

export const fileUrl = ({ host, id, commit }: HubRepository, path: string): string =>
  `${host}/${escaped(id)}/resolve/${commit}/${escaped(path)}`;

/** Rejects with BadArguments. */
export function hubAddress({ id, revision = 'main', host = defaultHost }: HubRequest): {
  host: string;
  id: string;
  revision: string;
} {
  const name = id.trim().replace(/^\/+|\/+$/g, '');
  if (!/^[\w.-]+(\/[\w.-]+)?$/.test(name) || name.split('/').some((part) => /^\.+$/.test(part)))
    throw new WinnowError('BadArguments', `${JSON.stringify(id)} names no model.`, 'Give it as owner/name.');
  let url: URL;
  try {
    url = new URL(host.includes('://') ? host : `https://${host}`);
  } catch {
    throw new WinnowError(
      'BadArguments',
      `${JSON.stringify(host)} is not the address of a host.`,
      `Give it as ${defaultHost}.`,
    );
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw new WinnowError(
      'BadArguments',
      `${JSON.stringify(host)} is not an address on the web.`,
      `Give it as ${defaultHost}.`,
    );
  return { host: `${url.origin}${url.pathname}`.replace(/\/+$/, ''), id: name, revision: revision.trim() || 'main' };
}

/** The repository at a revision. Rejects with NotFound, AccessDenied, RateLimited, NoNetwork, DownloadFailed. */
export async function openRepository(access: HubAccess, job: Job, request: HubRequest): Promise<HubRepository> {
  const { host, id, revision } = hubAddress(request);
  const api = `${host}/api/models/${escaped(id)}`;
  const strange = (): WinnowError =>
    new WinnowError(
      'DownloadFailed',
      `${new URL(host).host} does not answer as a hub of models does.`,
      `Check the host: ${defaultHost}, or one with its addresses.`,
    );
  const info = (await getJson(access, job, `${api}/revision/${encodeURIComponent(revision)}`, id, strange)).value;
  const commit = isRecord(info) ? info['sha'] : undefined;
  if (typeof commit !== 'string' || !/^[0-9a-f]{7,64}$/i.test(commit)) throw strange();
  const files: HubFile[] = [];
  let url: string | undefined = `${api}/tree/${commit}?recursive=true`;
  const seen = new Set<string>();
  while (url !== undefined) {
    if (seen.has(url)) throw strange();
    seen.add(url);
    const page = await getJson(access, job, url, id, strange);
    if (!Array.isArray(page.value)) throw strange();
    for (const entry of page.value as unknown[]) {
      const file = hubFile(entry);
      if (file === undefined) throw strange();
      if (file) files.push(file);
    }
    const next = /<([^>]+)>\s*;\s*rel="?next"?/.exec(page.link ?? '')?.[1];
    url = next === undefined ? undefined : new URL(next, url).href;
  }
  return { host, id, commit, files };
}

/** Null for a folder, undefined for what cannot be understood. Large files carry their SHA-256 (of Git LFS, or Xet under its name); others git's. */
function hubFile(entry: unknown): HubFile | null | undefined {
  if (!isRecord(entry)) return undefined;
  const { type, path, size, oid, lfs } = entry;
  if (type !== 'file') return null;
  if (typeof path !== 'string' || typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) return undefined;
  const sha256 = isRecord(lfs) && typeof lfs['oid'] === 'string' ? lfs['oid'].replace(/^sha256:/, '') : undefined;
  if (sha256 !== undefined) return /^[0-9a-f]{64}$/.test(sha256) ? { path, size, expected: { sha256 } } : undefined;
  return typeof oid === 'string' && /^[0-9a-f]{40}$/.test(oid) ? { path, size, expected: { gitSha1: oid } } : undefined;
}

/** Somebody waits for the answer: not as patient as a download. */
function getJson(
  access: HubAccess,
  job: Job,
  url: string,
  what: string,
  strange: () => WinnowError,
): Promise<{ value: unknown; link: string | null }> {
  const once = async (): Promise<{ value: unknown; link: string | null }> => {
    const stall = stallGuard(job, access.stallMs);
    try {
      const response = await get(access, url, { what, signal: stall.signal });
      const text = await response.text().catch((error: unknown) => {
        throw lostConnection(new URL(url).host, reasonOf(error));
      });
      try {
        return { value: parseJson(text, { file: url }), link: response.headers.get('Link') };
      } catch {
        throw strange();
      }
    } finally {
      stall.end();
    }
  };
  return patiently(access, job, once, { attempts: 3 });
}

/** Hashes a file as it comes, both as we name it and as the hub does. */
export interface FileHash {
  update(bytes: Uint8Array): void;
  /** Hex; `matches` says whether the hub's hash is that of the bytes. Once, at the end. */
  digest(): { sha256: string; matches: boolean };
}

export async function fileHash({ size, expected }: Pick<HubFile, 'size' | 'expected'>): Promise<FileHash> {
  const sha256 = await createSHA256();
  const sha1 = 'gitSha1' in expected ? await createSHA1() : undefined;
  // What git hashes of a file.
  sha1?.update(`blob ${size}\0`);
  return {
    update(bytes) {
      sha256.update(bytes);
      sha1?.update(bytes);
    },
    digest() {
      const hex = sha256.digest('hex');
      return {
        sha256: hex,
        matches: 'gitSha1' in expected ? sha1!.digest('hex') === expected.gitSha1 : hex === expected.sha256,
      };
    },
  };
}

/** A config is a few KB, a vocabulary one MB. */
const LARGEST_READ_BYTES = 32 * 2 ** 20;

/** A repository's files, read without being kept: configs whole and checked, headers of weights by range. */
export function repositoryReader(
  access: HubAccess,
  job: Job,
  repository: HubRepository,
): {
  read(path: string): Promise<Uint8Array<ArrayBuffer>>;
  open(path: string): Promise<{ size: number; read(start: number, end: number): Promise<Uint8Array<ArrayBuffer>> }>;
  list(): Promise<string[]>;
} {
  const find = (path: string): HubFile => {
    const file = repository.files.find((candidate) => candidate.path === path);
    if (!file) throw new WinnowError('NotFound', `${repository.id} has no file ${path}.`, 'Choose another model.');
    return file;
  };
  const range = (file: HubFile, start: number, end: number): Promise<Uint8Array<ArrayBuffer>> => {
    if (end - start > LARGEST_READ_BYTES)
      throw new WinnowError(
        'BadFile',
        `${repository.id}/${file.path} is larger than a file of its kind can be.`,
        'Choose another model.',
      );
    return patiently(access, job, () => readRange(access, job, repository, file, start, end));
  };
  return {
    async read(path) {
      const file = find(path);
      const bytes = await range(file, 0, file.size);
      const hash = await fileHash(file);
      hash.update(bytes);
      if (!hash.digest().matches) throw wrongHash(repository, path);
      return bytes;
    },
    async open(path) {
      const file = find(path);
      return { size: file.size, read: (start, end) => range(file, start, Math.min(end, file.size)) };
    },
    list: async () => repository.files.map(({ path }) => path),
  };
}

export const wrongHash = ({ host, id }: Pick<HubRepository, 'host' | 'id'>, path: string): WinnowError =>
  new WinnowError(
    'WrongHash',
    `${path} of ${id} arrives with other bytes than ${new URL(host).host} says it has.`,
    'Try again later, or over another network; a proxy may change what it passes on.',
  );

async function readRange(
  access: HubAccess,
  job: Job,
  repository: HubRepository,
  { path, size }: HubFile,
  start: number,
  end: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const whole = start === 0 && end === size;
  const out = new Uint8Array(end - start);
  if (out.length === 0) return out;
  const stall = stallGuard(job, access.stallMs);
  try {
    const response = await get(access, fileUrl(repository, path), {
      what: `${repository.id}/${path}`,
      range: whole ? undefined : `bytes=${start}-${end - 1}`,
      signal: stall.signal,
    });
    // A server that does not know ranges sends the file from its first byte.
    let at = response.status === 206 ? start : 0;
    for await (const piece of pieces(response, stall)) {
      const from = Math.max(0, start - at);
      if (from < piece.length) out.set(piece.subarray(from, end - at), at + from - start);
      at += piece.length;
      if (at >= end) return out;
    }
    throw new Transient(
      new WinnowError(
        'DownloadFailed',
        `${path} of ${repository.id} ends after ${at} of ${size} bytes.`,
        'Try again later.',
      ),
    );
  } finally {
    stall.end();
  }
}
