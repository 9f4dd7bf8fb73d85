/** What judges made of pictures, kept from one session to the next: `settings/embeddings/<embedder>/<when>.safetensors`, a tensor a picture under
 *  its key: embeddings by CLIPs and ImageRewards, and of ONNX judges the score of a picture and a prompt. What they depend on (Judge.embedder: weights by
 *  content, config, preprocessing; and the arithmetic) names their folder, so that none is ever of another judge. Files are written whole and never changed:
 *  what a killed tab leaves is there, or is not.
 *
 *  The scorers that come with a model are not in it: one takes 8 ms a picture, 2.4 of them to decode it, and what it says of prompts hangs on the
 *  model's text encoder, whose hash a web site does not know. To look one up takes 0.4 ms (2 CPU cores, Node).
 *
 *  It is only a memory: where it cannot be read a picture is seen again, and where it cannot be written nothing is kept. */
import { openSafetensors, type SafetensorsFile, writeSafetensors } from '../../data/formats/safetensors.ts';
import type { PictureMemory } from '../../judges/judge.ts';
import type { Environment } from '../environment.ts';

const ROOT = 'settings/embeddings';

/** Of all that is kept: 650 pictures by ImageReward, 130,000 by a CLIP. The oldest goes first. */
const MOST_BYTES = 512 * 2 ** 20;
/** Of what the disk has room for, so that pictures and models come first. */
const MOST_SHARE = 0.1;
/** A batch is written as soon as it is so large. */
const BATCH_BYTES = 8 * 2 ** 20;
/** Of a tensor: a SHA-256 in hex. */
const MOST_NAME = 64;
/** So many files of less than this are put together when their judge is opened. */
const SMALL_FILES = 64;
const SMALL_BYTES = 2 ** 20;

type StoreEnvironment = Pick<Environment, 'files' | 'sha256' | 'now' | 'newId'>;

export class EmbeddingStore {
  private readonly env: StoreEnvironment;
  private readonly most: number;
  private readonly memories = new Map<string, Promise<Memory>>();
  /** Bytes of what lies there, the oldest first; read once. */
  private sizes: Promise<Map<string, number>> | undefined;
  private written = 0;

  constructor(env: StoreEnvironment, most = MOST_BYTES) {
    this.env = env;
    this.most = most;
  }

  /** What is known of pictures by one embedder. */
  async of(embedder: string): Promise<PictureMemory> {
    const folder = await this.folderOf(embedder);
    let memory = this.memories.get(folder);
    if (!memory) this.memories.set(folder, (memory = Memory.open(this.env.files, folder, this)));
    return memory;
  }

  /** Removes all that is known by one embedder, and takes no more of it from whoever is still at work. */
  async forget(embedder: string): Promise<void> {
    const folder = await this.folderOf(embedder);
    const memory = await this.memories.get(folder);
    this.memories.delete(folder);
    await memory?.end();
    await this.env.files.remove(folder);
    for (const path of (await this.sizes)?.keys() ?? [])
      if (path.startsWith(`${folder}/`)) (await this.sizes)!.delete(path);
  }

  /** Writes a file of embeddings into a folder, once there is room for it. @returns its path, or undefined where there is none.
   *  @param when in its name: of those that it replaces. */
  async write(folder: string, bytes: Uint8Array, when?: string): Promise<string | undefined> {
    const { files, now, newId } = this.env;
    const sizes = await (this.sizes ??= this.read());
    const used = [...sizes.values()].reduce((sum, size) => sum + size, 0);
    const free = await files.available();
    const most = Math.min(this.most, free === null ? Infinity : MOST_SHARE * (free + used));
    if (bytes.length > most) return undefined;
    let left = used + bytes.length;
    for (const [path, size] of [...sizes].sort(([a], [b]) => (nameOf(a) < nameOf(b) ? -1 : 1))) {
      if (left <= most) break;
      await this.remove(path);
      left -= size;
    }
    const name = when ?? `${now().getTime()}`.padStart(15, '0');
    const path = `${folder}/${name}-${`${this.written++}`.padStart(6, '0')}-${newId()}.safetensors`;
    await files.write(path, bytes);
    sizes.set(path, bytes.length);
    return path;
  }

  /** A picture's key as a tensor's name: with the tokens of a prompt behind it, its hash. */
  async nameOf(key: string): Promise<string> {
    return key.length <= MOST_NAME ? key : this.env.sha256(new TextEncoder().encode(key));
  }

  async remove(path: string): Promise<void> {
    await this.env.files.remove(path);
    (await this.sizes)?.delete(path);
  }

  private async read(): Promise<Map<string, number>> {
    const { files } = this.env;
    const paths = await files.list(ROOT);
    return new Map(await Promise.all(paths.map(async (path) => [path, await files.size(path)] as const)));
  }

  private async folderOf(embedder: string): Promise<string> {
    return `${ROOT}/${(await this.env.sha256(new TextEncoder().encode(embedder))).slice(0, 32)}`;
  }
}

const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

class Memory implements PictureMemory {
  private readonly folder: string;
  private readonly store: EmbeddingStore;
  private readonly files: StoreEnvironment['files'];
  /** Where each picture's embedding is. */
  private readonly places = new Map<string, SafetensorsFile>();
  private added = new Map<string, Float32Array>();
  private bytes = 0;
  private ended = false;
  private writing: Promise<void> = Promise.resolve();

  private constructor(files: StoreEnvironment['files'], folder: string, store: EmbeddingStore) {
    this.files = files;
    this.folder = folder;
    this.store = store;
  }

  static async open(files: StoreEnvironment['files'], folder: string, store: EmbeddingStore): Promise<Memory> {
    const memory = new Memory(files, folder, store);
    const small: string[] = [];
    for (const path of (await files.list(folder).catch(() => [])).toSorted()) {
      // One that is damaged is of no use to anybody.
      if (!(await memory.take(path))) await store.remove(path).catch(() => {});
      else if ((await files.size(path)) < SMALL_BYTES) small.push(path);
    }
    if (small.length >= SMALL_FILES) await memory.join(small.slice(0, SMALL_FILES)).catch(() => {});
    return memory;
  }

  async get(picture: string, length: number): Promise<Float32Array | undefined> {
    const key = await this.store.nameOf(picture);
    const own = this.added.get(key);
    if (own) return own;
    const place = this.places.get(key);
    const found = await place?.read(key).catch(() => undefined);
    if (found?.length === length && found.every(Number.isFinite)) return found;
    this.places.delete(key);
    return undefined;
  }

  async add(picture: string, embedding: Float32Array): Promise<void> {
    if (this.ended || !embedding.every(Number.isFinite)) return;
    this.added.set(await this.store.nameOf(picture), embedding);
    this.bytes += embedding.byteLength;
    if (this.bytes >= BATCH_BYTES) await this.flush();
  }

  async flush(): Promise<void> {
    this.writing = this.writing.then(() => this.write());
    await this.writing;
  }

  /** Nothing is written any more. */
  async end(): Promise<void> {
    this.ended = true;
    await this.writing;
    this.places.clear();
    this.added.clear();
  }

  private async write(): Promise<void> {
    if (this.added.size === 0 || this.ended) return;
    const { added } = this;
    this.added = new Map();
    this.bytes = 0;
    try {
      const path = await this.store.write(this.folder, packed(added));
      if (path !== undefined) await this.take(path);
    } catch {
      // Full, or not to be written: they are computed again.
    }
  }

  /** Knows what a file has. @returns whether it can be read. */
  private async take(path: string): Promise<boolean> {
    try {
      const file = await openSafetensors(await this.files.open(path), path);
      for (const key of file.names) this.places.set(key, file);
      return true;
    } catch {
      return false;
    }
  }

  /** Puts files together, under the time of the last of them. */
  private async join(paths: readonly string[]): Promise<void> {
    const all = new Map<string, Float32Array>();
    for (const path of paths) {
      const file = await openSafetensors(await this.files.open(path), path);
      for (const key of file.names) all.set(key, await file.read(key));
    }
    const whole = await this.store.write(this.folder, packed(all), nameOf(paths.at(-1)!).split('-')[0]!);
    if (whole === undefined || !(await this.take(whole))) return;
    for (const path of paths) await this.store.remove(path);
  }
}

const packed = (embeddings: ReadonlyMap<string, Float32Array>): Uint8Array =>
  writeSafetensors(Object.fromEntries([...embeddings].map(([key, data]) => [key, { shape: [data.length], data }])));
