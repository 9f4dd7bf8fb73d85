/** Models in a file store: `models/<id>/` holds the files of a diffusers folder, or one checkpoint, and our record of them (model.json). A file
 *  is there when the record has its SHA-256; until then it, or its part, may be there in part. */
import { z } from 'zod';
import type { PredictionType } from '../records/modelRef.ts';
import { isWinnowError, WinnowError } from '../shared/errors.ts';
import { problemsIn } from '../shared/problems.ts';
import { type FileStore, partOf, readJson, writeJson } from './files.ts';
import type { ByteRanges } from './formats/bytes.ts';

export interface StoredFile {
  path: string;
  size: number;
  /** Hex; once the file is whole and checked. */
  sha256?: string;
  /** What the hub says of it: the SHA-256, or git's SHA-1 of a blob. */
  expected?: { sha256: string } | { gitSha1: string };
  /** Of the answer that the part is from. */
  etag?: string;
}

/** `model.json` in a model's folder. */
export interface ModelRecord {
  version: 1;
  title: string;
  source: 'disk' | 'hub';
  /** `https://host/owner/name@commit` */
  origin?: string;
  /** What the network predicts, where the person said it. */
  predictionType?: PredictionType;
  files: StoredFile[];
  addedAt: string;
}

/** A model that was brought into this browser's storage. */
export interface StoredModel {
  id: string;
  title: string;
  source: 'disk' | 'hub';
  /** Where a download came from: `https://host/owner/name@revision`. */
  origin?: string;
  /** What the network predicts, where the person said it. */
  predictionType?: PredictionType;
  files: { path: string; size: number }[];
  totalBytes: number;
  /** False for a download or a copy that was cut short; it can be continued or deleted. */
  complete: boolean;
  /** Of totalBytes; less where it is not complete. */
  presentBytes: number;
  addedAt: string;
}

const schema = z.looseObject({
  version: z.literal(1),
  title: z.string(),
  source: z.enum(['disk', 'hub']),
  origin: z.string().exactOptional(),
  predictionType: z.enum(['epsilon', 'v_prediction', 'sample']).exactOptional(),
  files: z.array(
    z.looseObject({
      path: z
        .string()
        .min(1)
        .refine((path) => !path.split('/').includes('..') && !path.startsWith('/'), 'leads out of its folder'),
      size: z.int().min(0),
      sha256: z.string().exactOptional(),
      expected: z.union([z.object({ sha256: z.string() }), z.object({ gitSha1: z.string() })]).exactOptional(),
      etag: z.string().exactOptional(),
    }),
  ),
  addedAt: z.string(),
}) satisfies z.ZodType<ModelRecord>;

/** Throws BadFile. */
export function checkModelRecord(value: unknown, id: string): ModelRecord {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new WinnowError(
    'BadFile',
    `The record of the model ${id} is not right (${problemsIn(result.error, 'file')}).`,
    'Delete the model, and import or download it again.',
  );
}

export const isComplete = (record: ModelRecord): boolean => record.files.every(({ sha256 }) => sha256 !== undefined);

export const totalBytes = (files: readonly { size: number }[]): number =>
  files.reduce((sum, { size }) => sum + size, 0);

/** A folder's name, or a repository's, as a name of a folder here. */
function slug(name: string): string {
  const last = name.split('/').findLast(Boolean) ?? '';
  const safe = last
    .replace(/\.safetensors$/i, '')
    .replaceAll(/[^\p{L}\p{N}._-]+/gu, '-')
    .replace(/^[.-]+/, '')
    .slice(0, 80);
  return safe.replace(/[.-]+$/, '') || 'model';
}

export class ModelStore {
  private readonly files: FileStore;
  private readonly root: string;

  /** @param root the folder that holds the models' folders. */
  constructor(files: FileStore, root = 'models') {
    this.files = files;
    this.root = root;
  }

  folder(id: string): string {
    return `${this.root}/${id}`;
  }

  place(id: string, path: string): string {
    return `${this.folder(id)}/${path}`;
  }

  /** By id. What was left of a model without a readable record has an empty one. */
  async records(): Promise<Map<string, ModelRecord>> {
    const found = new Map<string, ModelRecord>();
    const paths = await this.files.list(this.root);
    for (const id of new Set(
      paths
        .map((path) => path.slice(this.root.length + 1))
        .filter((path) => path.includes('/'))
        .map((path) => path.split('/')[0]!),
    )) {
      found.set(
        id,
        (await this.load(id).catch(() => undefined)) ?? {
          version: 1,
          title: id,
          source: 'disk',
          files: [],
          addedAt: new Date(0).toISOString(),
        },
      );
    }
    return found;
  }

  /** Rejects with MissingModel, or with BadFile where the record is damaged. */
  async load(id: string): Promise<ModelRecord> {
    try {
      return checkModelRecord(await readJson<unknown>(this.files, this.place(id, 'model.json')), id);
    } catch (error) {
      if (!isWinnowError(error, 'NotFound')) throw error;
      throw new WinnowError(
        'MissingModel',
        `The model ${id} is not in this browser's storage.`,
        'Import or download it again, under the same name.',
      );
    }
  }

  save(id: string, record: ModelRecord): Promise<void> {
    return writeJson(this.files, this.place(id, 'model.json'), record);
  }

  /** The record first: a model that is deleted in part is no whole one, whoever is killed meanwhile. */
  async remove(id: string): Promise<void> {
    await this.files.remove(this.place(id, 'model.json'));
    await this.files.remove(this.folder(id));
  }

  /** Newest first. */
  async list(): Promise<StoredModel[]> {
    const models: StoredModel[] = [];
    for (const [id, record] of await this.records()) {
      const { title, source, origin, predictionType, files, addedAt } = record;
      models.push({
        id,
        title,
        source,
        ...(origin && { origin }),
        ...(predictionType && { predictionType }),
        files: files.map(({ path, size }) => ({ path, size })),
        totalBytes: totalBytes(files),
        complete: files.length > 0 && isComplete(record),
        presentBytes: await this.presentBytes(id, files),
        addedAt,
      });
    }
    return models.sort((a, b) => b.addedAt.localeCompare(a.addedAt) || a.id.localeCompare(b.id));
  }

  async presentBytes(id: string, files: readonly StoredFile[]): Promise<number> {
    let bytes = 0;
    for (const { path, size, sha256 } of files) {
      const place = this.place(id, path);
      // A tab may be killed between committing a file and saving the record.
      bytes += sha256 !== undefined ? size : (await this.files.size(partOf(place))) || (await this.files.size(place));
    }
    return bytes;
  }

  /** A name for a new model: its own, numbered where it is taken. Not told apart by case, which some disks do not. */
  async freeId(name: string, taken: readonly string[]): Promise<string> {
    const used = new Set([...taken, ...(await this.records()).keys()].map((id) => id.toLowerCase()));
    const base = slug(name);
    for (let n = 1; ; n++) {
      const id = n === 1 ? base : `${base}-${n}`;
      if (!used.has(id.toLowerCase())) return id;
    }
  }

  /** A stored model's folder. Its files can be read once all of them are there; MissingModel and IncompleteModel before. */
  reader(id: string): ModelReader {
    return new ModelReader(this, this.files, id);
  }
}

class ModelReader {
  private readonly store: ModelStore;
  private readonly files: FileStore;
  private readonly id: string;
  private record: ModelRecord | undefined;

  constructor(store: ModelStore, files: FileStore, id: string) {
    this.store = store;
    this.files = files;
    this.id = id;
  }

  /** Known once a file was read. */
  get origin(): { source: 'disk' | 'hub'; title: string } | undefined {
    return this.record && { source: this.record.source, title: this.record.title };
  }

  /** Known once a file was read. */
  get predictionType(): PredictionType | undefined {
    return this.record?.predictionType;
  }

  async read(path: string): Promise<Uint8Array<ArrayBuffer>> {
    await this.file(path);
    return this.files.read(this.store.place(this.id, path));
  }

  async open(path: string): Promise<ByteRanges> {
    await this.file(path);
    return this.files.open(this.store.place(this.id, path));
  }

  async sha256(path: string): Promise<string> {
    return (await this.file(path)).sha256!;
  }

  /** Paths of all files. */
  async list(): Promise<string[]> {
    return (await this.loaded()).files.map(({ path }) => path);
  }

  async folders(path: string): Promise<string[]> {
    const inside = (await this.list()).filter((file) => file.startsWith(`${path}/`));
    const rest = inside.map((file) => file.slice(path.length + 1).split('/'));
    return [...new Set(rest.flatMap(([name, ...more]) => (more.length > 0 ? [name!] : [])))];
  }

  private async file(path: string): Promise<StoredFile> {
    const file = (await this.loaded()).files.find((file) => file.path === path);
    if (!file)
      throw new WinnowError(
        'NotFound',
        `The model ${this.id} has no file ${path}.`,
        'Delete the model and import or download it again.',
      );
    return file;
  }

  private async loaded(): Promise<ModelRecord> {
    if (this.record) return this.record;
    const record = await this.store.load(this.id);
    if (!isComplete(record)) {
      throw new WinnowError(
        'IncompleteModel',
        `The model ${record.title} is not here in full.`,
        record.source === 'hub' ? 'Go on with its download, or delete it.' : 'Delete it, and import it again.',
      );
    }
    this.record = record;
    return record;
  }
}
