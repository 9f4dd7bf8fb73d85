/** Everything made here: images with their parameters, blind tests. */
import { t } from '@lingui/core/macro';
import { type BlindTestRecord, readBlindTests } from '../../data/blindTests.ts';
import { deleteImages, readImages, readPicture, saveImages } from '../../data/images.ts';
import { readPairs } from '../../data/pairs.ts';
import { writeInParts } from '../../data/partWriter.ts';
import type { ImageRecord } from '../../service/types.ts';
import { isWinnowError } from '../../shared/errors.ts';
import { checkOwner } from './action.ts';
import { forgetPictures } from './pictures.ts';
import { db, files, siteBase, takenPath } from './services.ts';
import type { TakenFile } from './takeAwaySlice.ts';
import type { Slice } from './useStudio.ts';

export interface LibrarySlice {
  /** Newest first. */
  images: ImageRecord[];
  blindTests: BlindTestRecord[];
  /** @param onDamaged is told of every record that cannot be read. */
  readLibrary(onDamaged?: (what: string) => void): Promise<void>;
  removeImages(ids: readonly string[]): Promise<void>;
  starImages(ids: readonly string[], starred: boolean): Promise<void>;
  /** Their PNGs with their settings inside, in one zip, written piece by piece. A picture whose file is gone is left out. */
  zipImages(ids: readonly string[], onProgress: (share: number) => void): Promise<TakenFile>;
}

/** `a red fox-7.png`: what the picture shows and its seed; a name that is taken is counted on. */
export function pictureName({ prompt, seed }: Pick<ImageRecord, 'prompt' | 'seed'>, taken?: Set<string>): string {
  const words = prompt
    .replace(/[^\p{L}\p{N} ,-]+/gu, '_')
    .slice(0, 60)
    .trim();
  const name = `${words || 'image'}-${seed}`;
  let free = name;
  for (let n = 2; taken?.has(free); n += 1) free = `${name}-${n}`;
  taken?.add(free);
  return `${free}.png`;
}

export const librarySlice: Slice<LibrarySlice> = (set, get) => ({
  images: [],
  blindTests: [],

  async readLibrary(onDamaged) {
    const database = await db();
    const [images, blindTests] = await Promise.all([
      readImages(database, onDamaged),
      readBlindTests(database, onDamaged),
    ]);
    const newestFirst = (a: { createdAt: string }, b: { createdAt: string }): number =>
      b.createdAt.localeCompare(a.createdAt);
    set({ images: images.sort(newestFirst), blindTests: blindTests.sort(newestFirst) });
    get().indexImages(images);
  },

  async removeImages(ids) {
    checkOwner(get(), t`Delete it there, or take over here.`);
    const [database, store] = await Promise.all([db(), files()]);
    // An image that stands in a pair stays on disk with the pair; only the gallery forgets it.
    const paired = new Set((await readPairs(database)).flatMap((pair) => pair.images.map((image) => image.id)));
    const asked = new Set(ids);
    const alone = get().images.filter(({ id }) => asked.has(id) && !paired.has(id));
    await deleteImages(database, store, { ids, files: alone.flatMap(({ file, latentsFile }) => [file, latentsFile]) });
    const gone = new Set(alone.map(({ file }) => file));
    forgetPictures((file) => gone.has(file));
    set(({ images }) => ({ images: images.filter(({ id }) => !asked.has(id)), compareCells: {} }));
    get().indexImages(get().images);
    void get().readStorage();
  },

  async starImages(ids, starred) {
    checkOwner(get(), t`Mark it there, or take over here.`);
    const asked = new Set(ids);
    const marked = get().images.flatMap((image) => (asked.has(image.id) ? [{ ...image, starred }] : []));
    await saveImages(await db(), marked);
    set(({ images }) => ({ images: images.map((image) => (asked.has(image.id) ? { ...image, starred } : image)) }));
  },

  async zipImages(ids, onProgress) {
    const asked = new Set(ids);
    const chosen = get().images.filter(({ id }) => asked.has(id));
    const store = await files();
    const path = takenPath('winnow-images.zip');
    async function* entries(): AsyncGenerator<{ name: string; lastModified: Date; input: Uint8Array }> {
      const taken = new Set<string>();
      let read = 0;
      for (const image of chosen) {
        onProgress(read++ / chosen.length);
        const input = await readPicture(store, image.file, siteBase).catch((error: unknown) => {
          if (isWinnowError(error, 'NotFound')) return null;
          throw error;
        });
        if (input) yield { name: pictureName(image, taken), lastModified: new Date(image.createdAt), input };
      }
    }
    const { makeZip } = await import('client-zip');
    await writeInParts(store, path, async (add) => {
      await makeZip(entries()).pipeTo(new WritableStream({ write: (piece: Uint8Array) => add(piece) }));
    });
    const bytes = (await store.open(path)).blob ?? new Blob([await store.read(path)]);
    return { name: 'winnow-images.zip', bytes, type: 'application/zip' };
  },
});
