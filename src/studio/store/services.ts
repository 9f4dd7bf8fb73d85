/** What the store's verbs work with beside the engine: the database, the file store, the place the site is served from. Opened once, and again
 *  where that failed. */
import { type Database, openDatabase } from '../../data/db.ts';
import type { FileStore } from '../../data/files.ts';
import { openOpfsStore } from '../../data/opfs.ts';

export const siteBase: string = import.meta.env.BASE_URL;

let database: Promise<Database> | undefined;
let fileStore: Promise<FileStore> | undefined;

const forgetDatabase = (): void => void (database = undefined);

export function db(): Promise<Database> {
  if (!database) {
    database = openDatabase('winnow', forgetDatabase);
    database.catch(forgetDatabase);
  }
  return database;
}

export function files(): Promise<FileStore> {
  if (!fileStore) {
    fileStore = openOpfsStore();
    fileStore.catch(() => (fileStore = undefined));
  }
  return fileStore;
}

/** A new place for a file that is put together here to be taken away. It stays until the page is opened again: a download may read it for long. The
 *  engine's own are in `exports`, which it clears as it starts. */
export const takenPath = (name: string): string => `${TAKEN}/${crypto.randomUUID()}/${name}`;
export const TAKEN = 'taken';
