/** What the store's verbs work with beside the engine: the database, the file store, the place the site is served from. Opened once. */
import { type Database, openDatabase } from '../../data/db.ts';
import type { FileStore } from '../../data/files.ts';
import { openOpfsStore } from '../../data/opfs.ts';

export const siteBase: string = import.meta.env.BASE_URL;

let database: Promise<Database> | undefined;
let fileStore: Promise<FileStore> | undefined;

export const db = (): Promise<Database> => (database ??= openDatabase());

export const files = (): Promise<FileStore> => (fileStore ??= openOpfsStore());
