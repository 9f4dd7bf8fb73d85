/** A project file, written as it is read: nothing is held but a chunk of one file, and the records. */
import { makeZip } from 'client-zip';
import { createSHA256 } from 'hash-wasm';
import { WinnowError } from '../../shared/errors.ts';
import { type Database, readStore, type StoreName } from '../db.ts';
import type { FileStore } from '../files.ts';
import { byteRanges, type ByteRanges } from '../formats/bytes.ts';
import { formatJsonl } from '../formats/jsonl.ts';
import { isComplete, ModelStore, type StoredFile } from '../modelStore.ts';
import { CHUNK_BYTES, writeInParts } from '../partWriter.ts';
import { listRuns } from '../runs.ts';
import { FOLDERS, MANIFEST, type ProjectManifest, type ProjectModel, recordsPath, SETTINGS } from './manifest.ts';

export interface ProjectRequest {
  files: FileStore;
  db: Database;
  /** As settings.json holds it. */
  settings: unknown;
  /** Ids of stored models whose files come along. */
  models: readonly string[];
  /** The name of a run that trains now: its files change. */
  atWork?: string | undefined;
}

export interface Progress {
  doneBytes: number;
  totalBytes: number;
}

interface Entry {
  path: string;
  open(): Promise<ByteRanges>;
  size: number;
}

/** Records of a file: some MB of text. */
const RECORDS_A_FILE = 10_000;

const encoder = new TextEncoder();

/** Writes `path` into the file store. Rejects with BadArguments while a run is at work, whose files change; NoDiskSpace, Cancelled: nothing is left
 *  then. */
export async function saveProject(
  request: ProjectRequest,
  path: string,
  {
    signal,
    onProgress = () => {},
    now = new Date(),
  }: { signal?: AbortSignal; onProgress?: (progress: Progress) => void; now?: Date } = {},
): Promise<{ bytes: number; manifest: ProjectManifest }> {
  const { entries, ...about } = await contents(request);
  const totalBytes = entries.reduce((sum, { size }) => sum + size, 0);
  const manifest: ProjectManifest = {
    winnow: 'project',
    version: 1,
    savedAt: now.toISOString(),
    ...about,
    entries: [],
  };
  let bytes = 0;
  await writeInParts(request.files, path, (add) =>
    makeZip(inputs(entries, manifest)).pipeTo(
      new WritableStream({
        async write(piece) {
          check(signal);
          await add(piece);
          bytes += piece.length;
          onProgress({ doneBytes: Math.min(bytes, totalBytes), totalBytes });
        },
      }),
    ),
  );
  return { bytes, manifest };
}

/** Throws Cancelled. */
export function check(signal: AbortSignal | undefined): void {
  if (signal?.aborted)
    throw new WinnowError('Cancelled', 'It was stopped, and nothing was changed.', 'Start it again.');
}

/** Bytes that a project will have, nearly, and what of it are the models that can come along. */
export async function projectSize(
  files: FileStore,
): Promise<{ files: number; models: { id: string; title: string; bytes: number }[] }> {
  let bytes = 0;
  for (const folder of FOLDERS) for (const path of await files.list(folder)) bytes += await files.size(path);
  const records = [...(await new ModelStore(files).records())].filter(
    ([, record]) => record.files.length > 0 && isComplete(record),
  );
  const models = records.map(([id, record]) => ({
    id,
    title: record.title,
    bytes: record.files.reduce((sum, { size }) => sum + size, 0),
  }));
  return { files: bytes, models };
}

async function contents({ files, db, settings, models: chosen, atWork }: ProjectRequest): Promise<{
  entries: Entry[];
  counts: ProjectManifest['counts'];
  models: ProjectModel[];
}> {
  const { runs } = await listRuns(files);
  if (atWork !== undefined)
    throw new WinnowError(
      'BadArguments',
      `The run ${atWork} is at work, and its files change.`,
      'Pause or stop it, then save the project.',
    );
  const text = (path: string, content: string): Entry => {
    const bytes = encoder.encode(content);
    return { path, size: bytes.length, open: () => Promise.resolve(byteRanges(bytes)) };
  };
  const file = async (path: string): Promise<Entry> => ({
    path: `files/${path}`,
    size: await files.size(path),
    open: () => files.open(path),
  });
  const entries: Entry[] = [text(SETTINGS, `${JSON.stringify(settings)}\n`)];
  const counts = { labels: 0, pairs: 0, images: 0, blindTests: 0, runs: runs.length };
  for (const kind of ['labels', 'pairs', 'images', 'blindTests'] as const satisfies readonly StoreName[]) {
    const records = await readStore(db, kind);
    counts[kind] = records.length;
    for (let at = 0; at < records.length; at += RECORDS_A_FILE)
      entries.push(text(recordsPath(kind, at / RECORDS_A_FILE), formatJsonl(records.slice(at, at + RECORDS_A_FILE))));
  }
  const known = new Set(runs.map(({ id }) => `runs/${id}/`));
  for (const folder of FOLDERS)
    for (const path of await files.list(folder))
      // What is left of a run without a record is none.
      if (folder !== 'runs' || known.has(path.split('/').slice(0, 2).join('/') + '/')) entries.push(await file(path));
  const store = new ModelStore(files);
  const models: ProjectModel[] = [];
  for (const [id, record] of await store.records()) {
    if (record.files.length === 0 || !isComplete(record)) continue;
    const included = chosen.includes(id);
    models.push({
      id,
      title: record.title,
      ...(record.origin !== undefined && { origin: record.origin }),
      included,
      files: record.files.map(({ path, size, sha256 }: StoredFile) => ({ path, size, sha256: sha256! })),
    });
    if (included)
      for (const path of [...record.files.map((one) => one.path), 'model.json'])
        entries.push(await file(store.place(id, path)));
  }
  return { entries, counts, models };
}

/** client-zip asks for the next file when it has taken all of the one before. The list of contents comes last: by then every hash is known. */
async function* inputs(
  entries: readonly Entry[],
  manifest: ProjectManifest,
): AsyncGenerator<{ name: string; input: AsyncIterable<Uint8Array> | string; size?: number }> {
  for (const { path, size, open } of entries) {
    const hash = await createSHA256();
    yield { name: path, input: pieces(await open(), (bytes) => void hash.update(bytes)), size };
    manifest.entries.push({ path, size, sha256: hash.digest('hex') });
  }
  yield { name: MANIFEST, input: `${JSON.stringify(manifest)}\n` };
}

async function* pieces(file: ByteRanges, seen: (bytes: Uint8Array) => void): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < file.size; at += CHUNK_BYTES) {
    const bytes = await file.read(at, Math.min(file.size, at + CHUNK_BYTES));
    seen(bytes);
    yield bytes;
  }
}
