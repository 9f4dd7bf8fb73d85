/** Everything made here: images with their parameters, blind tests. */
import { type BlindTestRecord, readBlindTests } from '../../data/blindTests.ts';
import { deleteImage, readImages } from '../../data/images.ts';
import { readPairs } from '../../data/pairs.ts';
import type { ImageRecord } from '../../service/types.ts';
import { checkOwner } from './action.ts';
import { forgetPictures } from './pictures.ts';
import { db, files } from './services.ts';
import type { Slice } from './useStudio.ts';

export interface LibrarySlice {
  /** Newest first. */
  images: ImageRecord[];
  blindTests: BlindTestRecord[];
  /** @param onDamaged is told of every record that cannot be read. */
  readLibrary(onDamaged?: (what: string) => void): Promise<void>;
  removeImages(ids: readonly string[]): Promise<void>;
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
    checkOwner(get(), 'Delete it there, or take over here.');
    const [database, store] = await Promise.all([db(), files()]);
    // An image that stands in a pair stays on disk with the pair; only the gallery forgets it.
    const paired = new Set((await readPairs(database)).flatMap((pair) => pair.images.map((image) => image.id)));
    for (const image of get().images.filter((one) => ids.includes(one.id))) {
      if (paired.has(image.id)) await database.delete('images', image.id);
      else {
        await deleteImage(database, store, image);
        forgetPictures((file) => file === image.file);
      }
    }
    set(({ images }) => ({ images: images.filter((image) => !ids.includes(image.id)), compareCells: {} }));
    get().indexImages(get().images);
    void get().readStorage();
  },
});
