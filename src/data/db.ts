/** Records in IndexedDB: label events, pairs, images, blind tests. Big things (pictures, latents, checkpoints) are files: opfs.ts. */
import { type DBSchema, type IDBPDatabase, openDB } from 'idb';
import type { BlindTestRecord } from '../records/blindTests.ts';
import type { ImageRecord } from '../records/images.ts';
import { blindTestKind, imageKind, labelKind, pairKind, problemsOf, type RecordKind } from '../records/kinds.ts';
import type { LabelEvent } from '../records/labels.ts';
import type { PairRecord } from '../records/pairs.ts';
import { WinnowError } from '../shared/errors.ts';

export interface WinnowSchema extends DBSchema {
  /** Append-only; the key is the order of arrival. */
  labels: { key: number; value: LabelEvent };
  pairs: { key: string; value: PairRecord };
  images: { key: string; value: ImageRecord };
  blindTests: { key: string; value: BlindTestRecord };
}

export type Database = IDBPDatabase<WinnowSchema>;

const storeNames = ['labels', 'pairs', 'images', 'blindTests'] as const;
export type StoreName = (typeof storeNames)[number];

/** What is kept as records: how each finds its place, and the check that it passes when it is read. A change of form raises the version and
 *  says in `upgrade` what becomes of records of before. */
const version = 1;
const stores: {
  [Name in StoreName]: { kind: RecordKind<WinnowSchema[Name]['value']>; options: IDBObjectStoreParameters };
} = {
  labels: { kind: labelKind, options: { autoIncrement: true } },
  pairs: { kind: pairKind, options: { keyPath: 'id' } },
  images: { kind: imageKind, options: { keyPath: 'id' } },
  blindTests: { kind: blindTestKind, options: { keyPath: 'id' } },
};

/** @param onClosed the connection was closed from outside: open another one.
 *  Rejects with UnsupportedConfig where the browser has no database, or refuses it, as in private browsing. */
export async function openDatabase(name = 'winnow', onClosed: () => void = () => {}): Promise<Database> {
  try {
    return await openDB<WinnowSchema>(name, version, {
      upgrade(db) {
        for (const [store, { options }] of Object.entries(stores)) db.createObjectStore(store as StoreName, options);
      },
      // A newer version in another tab must not wait for this one.
      blocking(_current, _blocked, event) {
        (event.target as IDBDatabase).close();
        onClosed();
      },
      terminated: onClosed,
    });
  } catch (error) {
    if (error instanceof Error && error.name === 'VersionError')
      throw new WinnowError(
        'UnsupportedConfig',
        'A newer version of Winnow has been at work in this browser.',
        'Reload the page to get it.',
      );
    throw new WinnowError(
      'UnsupportedConfig',
      'This browser keeps no records for this page.',
      'Use a current Chrome, Edge, Firefox or Safari, not in private browsing.',
    );
  }
}

/** All records of a store that are whole. One that is not stays in the database and is left out; `onDamaged` is told which and why. */
export async function readStore<Name extends StoreName>(
  db: Database,
  store: Name,
  onDamaged: (what: string) => void = () => {},
): Promise<WinnowSchema[Name]['value'][]> {
  const { kind } = stores[store];
  const [keys, values] = await Promise.all([db.getAllKeys(store), db.getAll(store)]);
  return values.filter((value, i) => {
    const problems = problemsOf(kind, value);
    if (problems !== null) onDamaged(`${kind.name} ${String(keys[i])} (${problems})`);
    return problems === null;
  });
}

/** Resolves only after the browser has flushed the records to disk, and with them all that was written before. */
export const putDurably = <Name extends StoreName>(
  db: Database,
  store: Name,
  values: readonly WinnowSchema[Name]['value'][],
): Promise<void> => put(db, store, values, 'strict');

/** Resolves when the records are committed; the disk may follow a moment later. */
export const putRecords = <Name extends StoreName>(
  db: Database,
  store: Name,
  values: readonly WinnowSchema[Name]['value'][],
): Promise<void> => put(db, store, values, 'relaxed');

/** Forgets records: all of them or none. */
export async function deleteRecords(db: Database, store: StoreName, keys: readonly string[]): Promise<void> {
  const transaction = db.transaction(store, 'readwrite');
  await committed(transaction, async () => {
    for (const key of keys) await transaction.store.delete(key);
  });
}

/** Several kinds of records: all of them or none, flushed to disk. */
export async function putTogether(
  db: Database,
  records: { [Name in StoreName]: readonly WinnowSchema[Name]['value'][] },
): Promise<void> {
  const transaction = db.transaction(storeNames, 'readwrite', { durability: 'strict' });
  await committed(transaction, async () => {
    for (const name of storeNames) for (const value of records[name]) await transaction.objectStore(name).put(value);
  });
}

async function put<Name extends StoreName>(
  db: Database,
  store: Name,
  values: readonly WinnowSchema[Name]['value'][],
  durability: 'strict' | 'relaxed',
): Promise<void> {
  const transaction = db.transaction(store, 'readwrite', { durability });
  await committed(transaction, async () => {
    for (const value of values) await transaction.store.put(value);
  });
}

/** Rejects with NoDiskSpace; nothing is written then. */
async function committed(
  transaction: { done: Promise<void>; abort(): void },
  write: () => Promise<void>,
): Promise<void> {
  try {
    await write();
    await transaction.done;
  } catch (error) {
    // A refused request ends the others by itself, one that never was made does not.
    const over = transaction.done.catch(() => undefined);
    try {
      transaction.abort();
    } catch {
      // It has ended.
    }
    await over;
    if (error instanceof Error && error.name === 'QuotaExceededError') {
      throw new WinnowError(
        'NoDiskSpace',
        'There is no room left on the disk for this browser.',
        'Delete runs or images you no longer need in the library, or free some disk space, then try again.',
      );
    }
    throw error;
  }
}
