/** A project file, brought back: everything in it is checked before anything is written; what is here already is kept; what is cut short is undone
 *  when the studio opens again. */
import { BlobReader, configure, type Entry, ZipReader } from '@zip.js/zip.js';
import { createSHA256 } from 'hash-wasm';
import type { BlindTestRecord } from '../../records/blindTests.ts';
import { blindTestKind, imageKind, labelKind, pairKind, type RecordKind } from '../../records/kinds.ts';
import { filesOf } from '../../records/foreignImages.ts';
import type { PairRecord } from '../../records/pairs.ts';
import type { ImageRecord } from '../../records/images.ts';
import { isWinnowError, WinnowError } from '../../shared/errors.ts';
import { parseJson } from '../../shared/json.ts';
import { type Database, putTogether, readStore, type StoreName, type WinnowSchema } from '../db.ts';
import { type FileStore, partOf, readJson, writeJson } from '../files.ts';
import { readRecordBytes } from '../formats/jsonl.ts';
import { MAX_TEXT_BYTES } from '../formats/text.ts';
import { checkModelRecord, ModelStore } from '../modelStore.ts';
import { clear, readThrough, writeInParts } from '../partWriter.ts';
import { parseRunRecord } from '../runs.ts';
import {
  MANIFEST,
  MAX_MANIFEST_BYTES,
  parseManifest,
  type ProjectManifest,
  type ProjectModel,
  SETTINGS,
  storeOf,
} from './manifest.ts';
import { check, type Progress } from './save.ts';

configure({ useWebWorkers: false });

type Records = { [Name in StoreName]: WinnowSchema[Name]['value'][] };

/** A project that is whole, beside what is here. */
export interface CheckedProject {
  name: string;
  manifest: ProjectManifest;
  /** What is not here yet. */
  fresh: Records;
  /** Their files, in the order that they are to be written. */
  files: { path: string; size: number; sha256: string }[];
  bytes: number;
  runs: number;
  /** Things that are here already, as they are. */
  same: number;
  /** Things that are here under the same name and are something else: they are left as they are here. */
  conflicts: string[];
  /** Models that were not included and are not here, or not the same. */
  missingModels: ProjectModel[];
  settings: unknown;
  blob: Blob;
}

interface Options {
  signal?: AbortSignal;
  onProgress?: (progress: Progress) => void;
}

const kinds: { [Name in StoreName]: RecordKind<WinnowSchema[Name]['value']> } = {
  labels: labelKind,
  pairs: pairKind,
  images: imageKind,
  blindTests: blindTestKind,
};

const remedy = 'Copy the file again, or save the project again where it was made.';

/** Reads all of it, and writes nothing. Rejects with BadFile for what is no project or is damaged, by the name of what is. */
export async function checkProject(
  blob: Blob,
  name: string,
  { files, db }: { files: FileStore; db: Database },
  { signal, onProgress = () => {} }: Options = {},
): Promise<CheckedProject> {
  const zip = await openZip(blob, name);
  try {
    const listed = zip.entries.get(MANIFEST);
    if (!listed)
      throw new WinnowError(
        'BadFile',
        `${name} is no project file: it has no ${MANIFEST}.`,
        'Choose a file that Winnow saved as a project.',
      );
    const manifest = parseManifest(await zip.whole(listed), name);
    const totalBytes = manifest.entries.reduce((sum, { size }) => sum + size, 0);
    const records: Records = { labels: [], pairs: [], images: [], blindTests: [] };
    let settings: unknown = null;
    let doneBytes = 0;
    for (const { path, size, sha256: expected } of manifest.entries) {
      const entry = zip.entries.get(path);
      if (!entry) throw new WinnowError('BadFile', `${name} lacks ${path}.`, remedy);
      if (isRead(path) && size > MAX_TEXT_BYTES) throw damaged(name, path);
      const kept: Uint8Array[] | null = isRead(path) ? [] : null;
      const hash = await createSHA256();
      let got = 0;
      await zip.read(entry, (bytes) => {
        check(signal);
        got += bytes.length;
        if (got > size) throw damaged(name, path);
        hash.update(bytes);
        kept?.push(bytes.slice());
        onProgress({ doneBytes: doneBytes + got, totalBytes });
      });
      doneBytes += size;
      if (got !== size || hash.digest('hex') !== expected) throw damaged(name, path);
      if (!kept) continue;
      const bytes = new Uint8Array(await new Blob(kept as Uint8Array<ArrayBuffer>[]).arrayBuffer());
      const store = storeOf(path);
      if (path === SETTINGS) settings = parseJson(bytes, { file: path, remedy });
      else if (store) {
        const { records: read, cut } = readRecordBytes<WinnowSchema[StoreName]['value']>(
          bytes,
          kinds[store],
          `${path} of ${name}`,
        );
        if (cut !== undefined) throw damaged(name, path);
        for (const record of read) (records[store] as typeof read).push(record);
      } else if (path.endsWith('/run.json')) parseRunRecord(new TextDecoder().decode(bytes), path.split('/')[2]!);
      else if (path.endsWith('/model.json'))
        checkModelRecord(parseJson(bytes, { file: path, remedy }), path.split('/')[2]!);
    }
    return { name, manifest, settings, blob, ...(await beside(manifest, records, files, db)) };
  } finally {
    await zip.close();
  }
}

/** What is parsed, not only compared. */
const isRead = (path: string): boolean =>
  path === SETTINGS ||
  storeOf(path) !== undefined ||
  /^files\/(runs\/[^/]+\/run|models\/[^/]+\/model)\.json$/.test(path);

const damaged = (name: string, path: string): WinnowError =>
  new WinnowError('BadFile', `${path} of ${name} is not what was saved.`, remedy);

/** Runs and models are one thing with all their files; any other file is one by itself. */
const thingOf = (path: string): string =>
  /^(runs|models)\//.test(path) ? path.split('/').slice(0, 2).join('/') : path;

/** The files that make a thing one, last. */
const isLast = (path: string): boolean => /^(runs\/[^/]+\/run|models\/[^/]+\/model)\.json$/.test(path);

/** What of a project is new here, the same, or something else under the same name. */
async function beside(
  manifest: ProjectManifest,
  records: Records,
  files: FileStore,
  db: Database,
): Promise<Pick<CheckedProject, 'fresh' | 'files' | 'bytes' | 'runs' | 'same' | 'conflicts' | 'missingModels'>> {
  const things = new Map<string, CheckedProject['files']>();
  for (const { path, size, sha256: hash } of manifest.entries) {
    if (!path.startsWith('files/')) continue;
    const place = path.slice('files/'.length);
    const of = things.get(thingOf(place)) ?? [];
    of.push({ path: place, size, sha256: hash });
    things.set(thingOf(place), of);
  }
  const fresh: CheckedProject['files'] = [];
  const conflicts: string[] = [];
  const otherFiles = new Set<string>();
  let same = 0;
  let runs = 0;
  for (const [thing, of] of things) {
    const isFolder = thing !== of[0]!.path;
    const here = isFolder ? (await files.list(thing)).length > 0 : await files.exists(thing);
    if (!here) {
      // The record of a run or a model last: without it the rest is none.
      fresh.push(...of.toSorted((a, b) => Number(isLast(a.path)) - Number(isLast(b.path))));
      if (thing.startsWith('runs/')) runs++;
    } else if (await isSame(files, of)) same++;
    else {
      conflicts.push(thing);
      for (const { path } of of) otherFiles.add(path);
    }
  }
  const news: Records = { labels: [], pairs: [], images: [], blindTests: [] };
  for (const kind of Object.keys(records) as StoreName[]) {
    const known = new Map((await readStore(db, kind)).map((record) => [record.id, record]));
    for (const record of records[kind]) {
      const before = known.get(record.id);
      if (before) {
        if (canonical(before) === canonical(record)) same++;
        else conflicts.push(`${kinds[kind].name} ${record.id}`);
      } else if (picturesOf(kind, record).some((file) => otherFiles.has(file)))
        conflicts.push(`${kinds[kind].name} ${record.id}`);
      else (news[kind] as unknown[]).push(record);
    }
  }
  return {
    fresh: news,
    files: fresh,
    bytes: fresh.reduce((sum, { size }) => sum + size, 0),
    runs,
    same,
    conflicts,
    missingModels: await missing(manifest, files),
  };
}

const picturesOf = (kind: StoreName, record: Records[StoreName][number]): string[] =>
  kind === 'pairs'
    ? (record as PairRecord).images.flatMap(filesOf)
    : kind === 'images'
      ? filesOf(record as ImageRecord)
      : kind === 'blindTests'
        ? (record as BlindTestRecord).rounds.flatMap(({ images }) => [images.a, images.b].flatMap(filesOf))
        : [];

/** One text for one content, whatever the order of its fields. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, field: unknown) =>
    typeof field === 'object' && field !== null && !Array.isArray(field)
      ? Object.fromEntries(Object.entries(field).sort(([a], [b]) => (a < b ? -1 : 1)))
      : field,
  );

async function isSame(files: FileStore, of: CheckedProject['files']): Promise<boolean> {
  for (const { path, size, sha256: expected } of of)
    if ((await files.size(path)) !== size || (await hashOf(files, path)) !== expected) return false;
  return true;
}

async function hashOf(files: FileStore, path: string): Promise<string | null> {
  if (!(await files.exists(path))) return null;
  const hash = await createSHA256();
  await readThrough(await files.open(path), (bytes) => void hash.update(bytes));
  return hash.digest('hex');
}

async function missing({ models }: ProjectManifest, files: FileStore): Promise<ProjectModel[]> {
  const here = await new ModelStore(files).records();
  return models.filter(({ id, included, files: needed }) => {
    if (included) return false;
    const known = new Map(here.get(id)?.files.map(({ path, sha256: hash }) => [path, hash]));
    return needed.some(({ path, sha256: hash }) => known.get(path) !== hash);
  });
}

/** What a restore is about to write, kept in the file store until it is whole. */
interface Journal {
  version: 1;
  files: string[];
  /** A record that comes with all others: where it is here, all are. */
  record: { store: StoreName; id: string } | null;
}

const JOURNAL = 'restoring.json';

/** Brings what is new. The records come all together when every file is there; where it fails before that, or is cut off, what was written goes again.
 *  Rejects with NoDiskSpace, Cancelled, or BadFile where the file has changed since it was checked. */
export async function restoreProject(
  { name, blob, files: wanted, fresh, bytes: totalBytes }: CheckedProject,
  { files, db }: { files: FileStore; db: Database },
  { signal, onProgress = () => {} }: Options = {},
): Promise<void> {
  const room = await files.available();
  if (room !== null && room < totalBytes)
    throw new WinnowError(
      'NoDiskSpace',
      `${name} needs ${mb(totalBytes)}, and there is room for ${mb(room)}.`,
      'Delete runs, models or images you no longer need, or free some disk space.',
    );
  const [store, records] =
    (Object.entries(fresh) as [StoreName, { id: string }[]][]).find(([, some]) => some.length > 0) ?? [];
  const journal: Journal = {
    version: 1,
    files: wanted.map(({ path }) => path),
    record: store ? { store, id: records![0]!.id } : null,
  };
  const zip = await openZip(blob, name);
  try {
    await writeJson(files, JOURNAL, journal);
    let doneBytes = 0;
    for (const { path, sha256: expected } of wanted) {
      const hash = await createSHA256();
      await writeInParts(files, path, async (add) => {
        // An empty file has a part, too.
        await files.append(partOf(path), new Uint8Array());
        await zip.read(zip.entries.get(`files/${path}`)!, async (bytes) => {
          check(signal);
          hash.update(bytes);
          await add(bytes);
          doneBytes += bytes.length;
          onProgress({ doneBytes: Math.min(doneBytes, totalBytes), totalBytes });
        });
        if (hash.digest('hex') !== expected) throw damaged(name, `files/${path}`);
      });
    }
    await putTogether(db, fresh);
  } catch (error) {
    await undo(files, journal).catch(() => undefined);
    throw error;
  } finally {
    await zip.close();
  }
  await files.remove(JOURNAL);
}

/** Takes back what a restore that was cut off had written; nothing where none was. To be called before anything else is read.
 *  @returns whether there was one. */
export async function undoCutRestore(files: FileStore, db: Database): Promise<boolean> {
  if (!(await files.exists(JOURNAL))) return false;
  const journal = await readJson<Journal>(files, JOURNAL).catch((error: unknown) => {
    if (isWinnowError(error, 'BadFile')) return null;
    throw error;
  });
  const written = journal?.record && (await hasRecord(db, journal.record));
  // All was there but the end of the journal.
  if (!journal || written) await files.remove(JOURNAL);
  else await undo(files, journal);
  return true;
}

async function undo(files: FileStore, journal: Journal): Promise<void> {
  // The records of runs and models first: what is left where this is cut short is none.
  for (const path of journal.files.toSorted((a, b) => Number(isLast(b)) - Number(isLast(a))))
    await clear(files, [path, partOf(path)]);
  await files.remove(JOURNAL);
}

/** Labels have no key of their own. */
async function hasRecord(db: Database, { store, id }: NonNullable<Journal['record']>): Promise<boolean> {
  if (store === 'labels') return (await db.getAll('labels')).some((event) => event?.id === id);
  return (await db.get(store, id)) !== undefined;
}

interface OpenZip {
  entries: ReadonlyMap<string, Entry>;
  read(entry: Entry, take: (bytes: Uint8Array) => Promise<void> | void): Promise<void>;
  whole(entry: Entry): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** By range: the list of entries, then one entry at a time. */
async function openZip(blob: Blob, name: string): Promise<OpenZip> {
  const notRead = (error: unknown): never => {
    if (error instanceof WinnowError) throw error;
    throw new WinnowError(
      'BadFile',
      `${name} cannot be read as a zip: it is damaged, or was not copied whole.`,
      remedy,
    );
  };
  const reader = new ZipReader(new BlobReader(blob));
  const entries = new Map<string, Entry>();
  await reader.getEntries().then((all) => all.forEach((entry) => entries.set(entry.filename, entry)), notRead);
  const read: OpenZip['read'] = async (entry, take) => {
    if (entry.directory || entry.encrypted)
      throw new WinnowError('BadFile', `${entry.filename} of ${name} is no file that can be read.`, remedy);
    let failed: unknown;
    const sink = new WritableStream<Uint8Array>({
      async write(bytes) {
        try {
          await take(bytes);
        } catch (error) {
          failed = error;
          throw error;
        }
      },
    });
    await entry.getData(sink).catch((error: unknown) => notRead(failed ?? error));
  };
  return {
    entries,
    read,
    async whole(entry) {
      const parts: Uint8Array[] = [];
      let size = 0;
      await read(entry, (bytes) => {
        size += bytes.length;
        if (size > MAX_MANIFEST_BYTES) throw damaged(name, entry.filename);
        parts.push(bytes.slice());
      });
      return new Uint8Array(await new Blob(parts as Uint8Array<ArrayBuffer>[]).arrayBuffer());
    },
    close: () => reader.close(),
  };
}

const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;
