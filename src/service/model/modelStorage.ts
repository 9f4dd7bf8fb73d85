/** Models brought into storage: copied from disk or downloaded from a hub, both streaming; listed, and deleted. What is not supported is refused
 *  before anything large is read.
 *
 *  A download that fails, is cancelled or is killed with its tab is kept and goes on where it was. A copy from disk is deleted where it fails or is
 *  cancelled; a killed one is listed as incomplete, and replaced when the same model is imported again. */
import { createSHA256 } from 'hash-wasm';
import { type FileStore, partOf } from '../../data/files.ts';
import { byteRanges, readBlob } from '../../data/formats/bytes.ts';
import { downloadFile } from '../../data/hub/download.ts';
import {
  type HubFile,
  type HubRepository,
  hubAddress,
  openRepository,
  originOf,
  repositoryReader,
} from '../../data/hub/repository.ts';
import { type HubAccess, hubAccess } from '../../data/hub/request.ts';
import { chooseModelFiles, insideTopFolder } from '../../data/modelFiles.ts';
import { isComplete, type ModelRecord, ModelStore, type StoredFile, totalBytes } from '../../data/modelStore.ts';
import { onnxBeside } from '../../data/onnxBeside.ts';
import { readThrough } from '../../data/partWriter.ts';
import { isWinnowError, WinnowError } from '../../shared/errors.ts';
import type { FolderReader } from '../environment.ts';
import type { JobSignal } from '../jobs.ts';
import { checkModelConfigs, openModelFolder } from './modelFolder.ts';
import type {
  HubPlan,
  HubRequest,
  ImportRequest,
  Listener,
  PredictionType,
  StorageEvent,
  StoredModel,
} from '../types.ts';

type Signal = Pick<JobSignal, 'check' | 'aborted'>;

interface Options {
  files: FileStore;
  /** Ids that are taken by other models. */
  taken: readonly string[];
  now(): Date;
  /** Folder of the models' folders; `models` if left out. */
  root?: string;
  /** What they are; models if left out. */
  contents?: StorageContents;
  access?: HubAccess;
}

/** What lies in a storage's folders: which files of it are needed, and whether they are any good. */
export interface StorageContents {
  /** In messages: `model`. */
  what: string;
  /** Rejects where there is nothing to choose. @param what the folder or repository, in messages @param source disk: a copy */
  choose<F extends { path: string }>(files: readonly F[], what: string, source: 'disk' | 'hub'): F[];
  /** Before a copy. Rejects with what is wrong with it. */
  check(reader: FolderReader): Promise<void>;
  /** Before a download: no more than what is quickly read. */
  checkRemote(reader: FolderReader): Promise<void>;
}

const modelContents: StorageContents = {
  what: 'model',
  choose: (files, what, source) => chooseModelFiles(files, { what, onnx: source === 'disk' }).files,
  check: async (reader) => {
    await openModelFolder('model', { openModel: () => reader, sha256: async () => '' });
  },
  checkRemote: async (reader) => {
    await checkModelConfigs(reader);
  },
};

const neverCancelled: Signal = { check: () => {}, aborted: new AbortController().signal };

export class ModelStorage {
  readonly store: ModelStore;
  private readonly options: Options;
  private readonly access: HubAccess;
  private readonly contents: StorageContents;
  /** Ids that are being written. */
  private readonly busy = new Set<string>();

  constructor(options: Options) {
    this.options = options;
    this.store = new ModelStore(options.files, options.root);
    this.access = options.access ?? hubAccess;
    this.contents = options.contents ?? modelContents;
  }

  list(): Promise<StoredModel[]> {
    return this.store.list();
  }

  /** Ids of models that are here in full. */
  async complete(): Promise<string[]> {
    return [...(await this.store.records())]
      .filter(([, record]) => record.files.length > 0 && isComplete(record))
      .map(([id]) => id)
      .sort();
  }

  async delete(id: string): Promise<void> {
    if (this.busy.has(id))
      throw new WinnowError(
        'BadArguments',
        `This ${this.contents.what} is just being brought in.`,
        'Cancel that first.',
      );
    await this.store.remove(id);
  }

  async setPredictionType(id: string, type: PredictionType | null): Promise<void> {
    return this.exclusively(id, async () => {
      const { predictionType: _, ...record } = await this.store.load(id);
      await this.store.save(id, type === null ? record : { ...record, predictionType: type });
    });
  }

  /** Whether `importModel` would begin to copy. */
  async takes(request: ImportRequest): Promise<boolean> {
    return this.checked(request).then(
      () => true,
      () => false,
    );
  }

  /** The files that are needed. Rejects with what is wrong with them. */
  private async checked({ name, files }: ImportRequest): Promise<ImportRequest['files']> {
    const all = insideTopFolder(files);
    const chosen = await this.chosen(all, name, 'disk', blobReader(all), (reader) => this.contents.check(reader));
    await this.contents.check(blobReader(chosen));
    return chosen;
  }

  /** Resolves with the new model's id. */
  async importModel(signal: Signal, request: ImportRequest, listener: Listener<StorageEvent>): Promise<string> {
    const { name } = request;
    const chosen = await this.checked(request);
    const sizes = chosen.map(({ path, file }) => ({ path, size: file.size }));
    await this.checkRoom(totalBytes(sizes));
    const id =
      (await this.unfinished((record) => record.source === 'disk' && record.title === titleOf(name))) ??
      (await this.store.freeId(name, this.options.taken));
    return this.exclusively(id, async () => {
      await this.store.remove(id);
      const record: ModelRecord = {
        version: 1,
        title: titleOf(name),
        source: 'disk',
        files: sizes,
        addedAt: this.options.now().toISOString(),
      };
      try {
        await this.store.save(id, record);
        await this.copy(signal, id, record, chosen, listener);
      } catch (error) {
        await this.store.remove(id).catch(() => undefined);
        throw error;
      }
      return id;
    });
  }

  /** @param id of the model that it becomes; found if left out. */
  async planDownload(request: HubRequest, id?: string): Promise<HubPlan> {
    const { repository, files } = await this.choose(neverCancelled, request);
    const known = await this.knownDownload(repository, id);
    return {
      id: repository.id,
      host: repository.host,
      revision: repository.commit,
      files: files.map(({ path, size }) => ({ path, size })),
      totalBytes: totalBytes(files),
      presentBytes: known ? await this.store.presentBytes(known.id, reusable(known.record, files)) : 0,
      availableBytes: await this.options.files.available(),
    };
  }

  /** Resolves with the model's id. */
  async downloadModel(
    signal: Signal,
    request: HubRequest,
    listener: Listener<StorageEvent>,
    as?: string,
  ): Promise<string> {
    const { repository, files } = await this.choose(signal, request);
    const known = await this.knownDownload(repository, as);
    const id = known?.id ?? as ?? (await this.store.freeId(repository.id, this.options.taken));
    return this.exclusively(id, async () => {
      await this.fetchInto(signal, id, repository, files, known?.record, listener);
      return id;
    });
  }

  /** Downloads into a folder of its own. Files of an earlier try that are still those of the repository are kept. */
  private async fetchInto(
    signal: Signal,
    id: string,
    repository: HubRepository,
    files: readonly HubFile[],
    earlier: ModelRecord | undefined,
    listener: Listener<StorageEvent>,
  ): Promise<void> {
    const kept = earlier ? reusable(earlier, files) : [];
    const record: ModelRecord = {
      version: 1,
      title: titleOf(repository.id),
      source: 'hub',
      origin: originOf(repository),
      ...(earlier?.predictionType && { predictionType: earlier.predictionType }),
      files: files.map(
        ({ path, size, expected }) => kept.find((file) => file.path === path) ?? { path, size, expected },
      ),
      addedAt: earlier?.addedAt ?? this.options.now().toISOString(),
    };
    // Parts of what the repository has changed since, or no longer has.
    for (const { path } of earlier?.files ?? []) {
      if (!kept.some((file) => file.path === path))
        for (const old of [this.store.place(id, path), partOf(this.store.place(id, path))])
          await this.options.files.remove(old);
    }
    const total = totalBytes(files);
    await this.checkRoom(total - (await this.store.presentBytes(id, record.files)));
    await this.store.save(id, record);
    let before = 0;
    let reported = -1;
    const report = (file: string, doneBytes: number): void => {
      if (doneBytes !== reported) listener({ type: 'progress', file, doneBytes, totalBytes: total });
      reported = doneBytes;
    };
    for (const [i, file] of files.entries()) {
      const stored = record.files[i]!;
      if (stored.sha256 === undefined) {
        const start = before;
        stored.sha256 = await downloadFile(this.access, signal, repository, file, {
          files: this.options.files,
          place: this.store.place(id, file.path),
          etag: stored.etag,
          onEtag: async (etag) => {
            if (etag === undefined) delete stored.etag;
            else stored.etag = etag;
            await this.store.save(id, record);
          },
          onProgress: (bytes) => report(file.path, start + bytes),
          onRetry: (reason, attempt) => listener({ type: 'retry', file: file.path, reason, attempt }),
        });
        await this.store.save(id, record);
      }
      before += file.size;
      report(file.path, before);
    }
  }

  private async choose(signal: Signal, request: HubRequest): Promise<{ repository: HubRepository; files: HubFile[] }> {
    hubAddress(request);
    const repository = await openRepository(this.access, signal, request);
    const readerOf = (files: HubFile[]): FolderReader =>
      repositoryReader(this.access, signal, { ...repository, files });
    const files = await this.chosen(repository.files, repository.id, 'hub', readerOf(repository.files), (reader) =>
      this.contents.checkRemote(reader),
    );
    await this.contents.checkRemote(readerOf(files));
    return { repository, files };
  }

  /** With what the chosen ones name beside them. Where nothing can be chosen, what is wrong with all that is there says more than that: pickles are
   *  refused by name.
   *  @param all reads any of the files */
  private async chosen<F extends { path: string }>(
    files: readonly F[],
    what: string,
    source: 'disk' | 'hub',
    all: FolderReader,
    check: (reader: FolderReader) => Promise<void>,
  ): Promise<F[]> {
    let chosen: F[];
    try {
      chosen = this.contents.choose(files, what, source);
    } catch (error) {
      if (this.contents !== modelContents && isWinnowError(error, 'NotFound')) await check(all);
      throw error;
    }
    const paths = chosen.map(({ path }) => path);
    const beside = (await onnxBeside(paths, (path) => all.open(path))).filter((path) => !paths.includes(path));
    return [...chosen, ...files.filter(({ path }) => beside.includes(path))];
  }

  /** A download of the same model: the unfinished one, or the finished one of the same commit. */
  private async knownDownload(
    repository: HubRepository,
    as?: string,
  ): Promise<{ id: string; record: ModelRecord } | undefined> {
    const model = originOf({ ...repository, commit: '' });
    if (as !== undefined) {
      const record = await this.store.load(as).catch(() => undefined);
      if (record?.origin?.startsWith(model)) return { id: as, record };
      if (record || (await this.options.files.list(this.store.folder(as))).length > 0)
        throw new WinnowError(
          'BadArguments',
          `${this.store.folder(as)} has other files in it.`,
          'Choose a new folder.',
        );
      return undefined;
    }
    for (const [id, record] of await this.store.records()) {
      if (record.origin?.startsWith(model) && (!isComplete(record) || record.origin === originOf(repository)))
        return { id, record };
    }
    return undefined;
  }

  private async unfinished(which: (record: ModelRecord) => boolean): Promise<string | undefined> {
    for (const [id, record] of await this.store.records())
      if (!isComplete(record) && !this.busy.has(id) && which(record)) return id;
    return undefined;
  }

  private async copy(
    signal: Signal,
    id: string,
    record: ModelRecord,
    chosen: readonly { path: string; file: Blob }[],
    listener: Listener<StorageEvent>,
  ): Promise<void> {
    const { files } = this.options;
    const total = totalBytes(record.files);
    let done = 0;
    for (const [i, { path, file }] of chosen.entries()) {
      const place = this.store.place(id, path);
      const hash = await createSHA256();
      // An empty file has a part, too.
      await files.append(partOf(place), new Uint8Array());
      await readThrough(byteRanges(file), async (bytes) => {
        signal.check();
        hash.update(bytes);
        await files.append(partOf(place), bytes);
        done += bytes.length;
        listener({ type: 'progress', file: path, doneBytes: done, totalBytes: total });
      });
      await files.commit(place);
      record.files[i]!.sha256 = hash.digest('hex');
    }
    await this.store.save(id, record);
  }

  private async exclusively<T>(id: string, work: () => Promise<T>): Promise<T> {
    if (this.busy.has(id))
      throw new WinnowError(
        'BadArguments',
        `This ${this.contents.what} is already being brought in.`,
        'Wait for that, or cancel it.',
      );
    this.busy.add(id);
    try {
      return await work();
    } finally {
      this.busy.delete(id);
    }
  }

  private async checkRoom(bytes: number): Promise<void> {
    const available = await this.options.files.available();
    if (available === null || bytes <= available) return;
    throw new WinnowError(
      'NoDiskSpace',
      `This ${this.contents.what} takes ${gigabytes(bytes)} more, and there is room for ${gigabytes(available)}.`,
      'Delete models or runs that you no longer need, or free some disk space.',
    );
  }
}

const gigabytes = (bytes: number): string =>
  bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;

/** `owner/name` → name. */
const titleOf = (name: string): string => (name.split('/').findLast(Boolean) ?? name).replace(/\.safetensors$/i, '');

/** Files of an earlier download whose bytes are still the ones that the repository has. */
function reusable(record: ModelRecord, files: readonly HubFile[]): StoredFile[] {
  return record.files.filter((stored) =>
    files.some(
      ({ path, size, expected }) =>
        path === stored.path && size === stored.size && JSON.stringify(expected) === JSON.stringify(stored.expected),
    ),
  );
}

/** Files where they lie: nothing is hashed. */
function blobReader(files: readonly { path: string; file: Blob }[]): FolderReader {
  const find = (path: string): Blob => {
    const found = files.find((file) => file.path === path);
    if (!found)
      throw new WinnowError(
        'NotFound',
        `The model folder has no ${path}.`,
        'Choose a whole diffusers folder with safetensors weights.',
      );
    return found.file;
  };
  return {
    read: async (path) => readBlob(find(path)),
    open: async (path) => byteRanges(find(path)),
    list: async () => files.map(({ path }) => path),
    sha256: async () => '',
  };
}
