/** The studio's database and file store as what an import goes to. */
import { type Database, putDurably } from '../db.ts';
import type { FileStore } from '../files.ts';
import { readLabels } from '../labels.ts';
import { readPairs } from '../pairs.ts';
import type { PreferenceSink } from './importing.ts';

/** @param name of the import (`importName`): the same goes on where it stopped. */
export function databaseSink(db: Database, files: FileStore, name: string): PreferenceSink {
  const state = `imports/${name}.json`;
  return {
    async file(path, bytes) {
      if ((await files.size(path)) !== bytes.length) await files.write(path, bytes);
    },
    async add(pairs, events) {
      await putDurably(db, 'pairs', pairs);
      await putDurably(db, 'labels', events);
    },
    async *kept(at) {
      for (const pair of await readPairs(db)) yield { pair, ofOthers: pair.importedAt !== at };
      for (const event of await readLabels(db)) yield { event };
    },
    readState: async () => ((await files.exists(state)) ? files.read(state) : undefined),
    writeState: (text) => files.write(state, new TextEncoder().encode(text)),
  };
}
