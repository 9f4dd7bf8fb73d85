/** Images made here: their records in IndexedDB, their PNG files in the file store. */
import type { ImageRecord } from '../records/images.ts';
import type { FileStore } from './files.ts';
import { type Database, deleteRecords, putRecords, readStore } from './db.ts';
import { isBundledFile } from './pairs.ts';
import { WinnowError } from '../shared/errors.ts';

export const readImages = (db: Database, onDamaged?: (what: string) => void): Promise<ImageRecord[]> =>
  readStore(db, 'images', onDamaged);

export const saveImages = (db: Database, images: readonly ImageRecord[]): Promise<void> =>
  putRecords(db, 'images', images);

/** Forgets images, all of them or none, then removes their files; bundled ones stay.
 *  @param files of those whose files go. */
export async function deleteImages(
  db: Database,
  store: FileStore,
  { ids, files }: { ids: readonly string[]; files: readonly string[] },
): Promise<void> {
  await deleteRecords(db, 'images', ids);
  for (const file of files) if (!isBundledFile(file)) await store.remove(file);
}

/** Bytes of a picture: from the file store, or from the site for bundled ones that are not copied yet.
 *  @param store null in a browser that keeps no files.
 *  Rejects with NotFound. */
export async function readPicture(
  store: FileStore | null,
  file: string,
  base: string,
): Promise<Uint8Array<ArrayBuffer>> {
  if (isBundledFile(file) && !(await store?.exists(file))) {
    const response = await fetch(`${base}${file}`);
    if (response.ok) return new Uint8Array(await response.arrayBuffer());
  }
  if (!store)
    throw new WinnowError(
      'NotFound',
      `The file ${file} is not here.`,
      'Open Winnow where it was made, or make it again.',
    );
  return store.read(file);
}
