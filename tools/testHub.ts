/** A hub of models on localhost for tests: a folder served under the addresses of huggingface.co, with faults on demand. Pages of other origins may
 *  read from it. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, sep } from 'node:path';

/** What goes wrong with one answer. */
export type Fault =
  /** The connection breaks off after so many bytes of the body. */
  | { kind: 'drop'; after: number }
  /** The body ends in good order after so many bytes, and Content-Length says so. */
  | { kind: 'truncate'; after: number }
  /** Content-Length promises more than there is. */
  | { kind: 'promiseMore'; by: number }
  /** Other bytes, as many. */
  | { kind: 'wrongBytes' }
  /** More bytes than the file has, without a Content-Length. */
  | { kind: 'tooLong'; by: number }
  /** The whole file, whatever range was asked for. */
  | { kind: 'ignoreRange' }
  /** Another part of the file than was asked for. */
  | { kind: 'wrongRange' }
  | { kind: 'etag'; value: string }
  | { kind: 'status'; status: number; headers?: Record<string, string> }
  /** Nothing more after so many bytes, and no end. */
  | { kind: 'stall'; after: number };

export interface TestHubOptions {
  /** Folder on disk. */
  folder: string;
  /** `owner/name` */
  id?: string;
  commit?: string;
  /** Entries of a page of the listing. */
  pageSize?: number;
  /** What the listing says instead of the truth, by path. */
  listed?: Record<string, { size?: number; hash?: string }>;
  /** Of requests for a file by its path, or for the API (`api`), in order; used up one by one. `always` is for every later one. */
  faults?: Record<string, readonly (Fault | null)[]>;
  always?: Record<string, Fault>;
  /** Sends those who ask for large files to another origin, as huggingface.co does. */
  redirect?: boolean;
  /** More files, or others in place of the folder's, by path. */
  extra?: Record<string, Uint8Array>;
  /** Bytes that the client has of a file. A connection breaks off only when all that was sent is there: what a broken connection still holds is
   *  lost, and a busy client takes its time. Without it, half a second is given. */
  arrived?(path: string): number;
}

export interface TestHub {
  /** `http://localhost:port` */
  host: string;
  id: string;
  commit: string;
  /** Of files by their paths, of the API as `api`, of what a browser asks before a request that is not simple as `preflight`. */
  requests: { path: string; range: string | undefined; status: number }[];
  /** Bytes of files that went out, without the API's. */
  sentBytes(): number;
  close(): Promise<void>;
}

/** Files as Git LFS keeps them. */
const isLarge = (path: string): boolean => /\.(safetensors|bin|ckpt|onnx|msgpack)$/.test(path);

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const gitSha1 = (bytes: Uint8Array): string =>
  createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');

const cors = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Expose-Headers': 'ETag, Link, Content-Range, Retry-After, X-Error-Code',
  'Cross-Origin-Resource-Policy': 'cross-origin',
};

export async function startTestHub(options: TestHubOptions, port = 0): Promise<TestHub> {
  const {
    folder,
    id = 'tiny/model',
    commit = '0123456789abcdef0123456789abcdef01234567',
    pageSize = 1000,
    listed = {},
    always = {},
    extra = {},
    redirect = false,
  } = options;
  const files = new Map<string, Uint8Array>();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile())
      files.set(
        path
          .slice(folder.length + 1)
          .split(sep)
          .join('/'),
        readFileSync(path),
      );
  }
  for (const [path, bytes] of Object.entries(extra)) files.set(path, bytes);
  const queues = new Map(Object.entries(options.faults ?? {}).map(([path, faults]) => [path, [...faults]]));
  const faultOf = (path: string): Fault | undefined => queues.get(path)?.shift() ?? always[path];
  const requests: TestHub['requests'] = [];
  let sent = 0;

  const json = (response: ServerResponse, value: unknown, headers: Record<string, string> = {}): void => {
    response.writeHead(200, { ...cors, 'Content-Type': 'application/json', ...headers }).end(JSON.stringify(value));
  };

  const refuse = (response: ServerResponse, status: number, headers: Record<string, string> = {}): void => {
    response.writeHead(status, { ...cors, ...headers }).end('refused');
  };

  const tree = (request: IncomingMessage, response: ServerResponse, url: URL): void => {
    const start = Number(url.searchParams.get('cursor') ?? 0);
    const entries = [...files.keys()].sort().map((path) => {
      const bytes = files.get(path)!;
      const size = listed[path]?.size ?? bytes.length;
      const hash = listed[path]?.hash;
      if (!isLarge(path)) return { type: 'file', path, size, oid: hash ?? gitSha1(bytes) };
      return {
        type: 'file',
        path,
        size,
        oid: gitSha1(new TextEncoder().encode('pointer')),
        lfs: { oid: hash ?? sha256(bytes), size, pointerSize: 134 },
      };
    });
    const folders = [
      ...new Set([...files.keys()].filter((path) => path.includes('/')).map((path) => path.split('/')[0]!)),
    ].map((path) => ({ type: 'directory', path, size: 0, oid: '0'.repeat(40) }));
    const all = [...folders, ...entries];
    url.searchParams.set('cursor', String(start + pageSize));
    const next = `http://${request.headers.host}${url.pathname}?${url.searchParams}`;
    json(
      response,
      all.slice(start, start + pageSize),
      start + pageSize < all.length ? { Link: `<${next}>; rel="next"` } : {},
    );
  };

  async function breakOff(response: ServerResponse, path: string, sentUpTo: number): Promise<void> {
    const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
    if (!options.arrived) await pause(500);
    else while (options.arrived(path) < sentUpTo && !response.destroyed) await pause(5);
    response.destroy();
  }

  const file = (request: IncomingMessage, response: ServerResponse, path: string): number => {
    const fault = faultOf(path);
    if (fault?.kind === 'status') {
      refuse(response, fault.status, fault.headers);
      return fault.status;
    }
    let bytes = files.get(path)!;
    if (fault?.kind === 'wrongBytes') bytes = bytes.map((byte) => byte ^ 0x55);
    if (fault?.kind === 'tooLong') bytes = Buffer.concat([bytes, new Uint8Array(fault.by)]);
    const headers: Record<string, string> = {
      ...cors,
      'Content-Type': 'application/octet-stream',
      ETag: fault?.kind === 'etag' ? fault.value : `"${sha256(files.get(path)!).slice(0, 16)}"`,
    };
    const match = fault?.kind === 'ignoreRange' ? null : /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    let start = match ? Number(match[1]) : 0;
    if (match && fault?.kind === 'wrongRange') start = Math.max(0, start - 1);
    const end = match?.[2] ? Math.min(bytes.length, Number(match[2]) + 1) : bytes.length;
    if (match && start >= bytes.length) {
      refuse(response, 416, { 'Content-Range': `bytes */${bytes.length}` });
      return 416;
    }
    const status = match ? 206 : 200;
    if (match) headers['Content-Range'] = `bytes ${start}-${end - 1}/${bytes.length}`;
    let body = bytes.subarray(start, end);
    if (fault?.kind === 'truncate') body = body.subarray(0, fault.after);
    if (fault?.kind !== 'tooLong')
      headers['Content-Length'] = String(body.length + (fault?.kind === 'promiseMore' ? fault.by : 0));
    const breaks = fault?.kind === 'drop' || fault?.kind === 'stall' ? body.subarray(0, fault.after) : body;
    sent += breaks.length;
    response.writeHead(status, headers);
    if (fault?.kind === 'drop' || fault?.kind === 'promiseMore')
      response.write(breaks, () => void breakOff(response, path, start + breaks.length));
    else if (fault?.kind === 'stall') response.write(breaks);
    else response.end(breaks);
    return status;
  };

  const server = createServer((request, response) => {
    const url = new URL(request.url!, 'http://localhost');
    const path = decodeURIComponent(url.pathname);
    const log = (at: string, status: number): void =>
      void requests.push({ path: at, range: request.headers.range, status });
    if (request.method === 'OPTIONS') {
      log('preflight', 403);
      return refuse(response, 403);
    }
    const api = `/api/models/${id}/`;
    if (path.startsWith(api)) {
      const fault = faultOf('api');
      if (fault?.kind === 'status') {
        log('api', fault.status);
        return refuse(response, fault.status, fault.headers);
      }
      log('api', 200);
      if (path.startsWith(`${api}tree/${commit}`)) return tree(request, response, url);
      if (path === `${api}revision/main` || path === `${api}revision/${commit}`)
        return json(response, { id, sha: commit, siblings: [] });
      return refuse(response, 404, { 'X-Error-Code': 'RevisionNotFound' });
    }
    const prefix = `/${id}/resolve/${commit}/`;
    const name = [prefix, '/cdn/'].flatMap((start) => (path.startsWith(start) ? [path.slice(start.length)] : []))[0];
    if (name !== undefined && files.has(name)) {
      if (redirect && isLarge(name) && path.startsWith(prefix))
        return refuse(response, 302, { Location: `http://localhost:${request.socket.localPort}/cdn/${name}` });
      return log(name, file(request, response, name));
    }
    log(path, 404);
    // What the real one says of a model that does not exist, to those who are not signed in.
    return path.startsWith('/api/')
      ? refuse(response, 401, { 'X-Error-Code': 'RepoNotFound' })
      : refuse(response, 404, { 'X-Error-Code': 'EntryNotFound' });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    host: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    id,
    commit,
    requests,
    sentBytes: () => sent,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
