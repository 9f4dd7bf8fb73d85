/** A pairs folder as what an import goes to: pictures beside pairs.jsonl and labels.jsonl, and the import's state in imports/. */
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { JsonTable } from '../data/formats/jsonRows.ts';
import type { PreferenceSink } from '../data/preferences/importing.ts';
import { labelKind, pairKind, problemsOf, type RecordKind } from '../records/kinds.ts';
import { asFileError } from './fileErrors.ts';
import { NodeFileStore, openRanges } from './files.ts';
import { ownPart, sweepParts } from './parts.ts';
import { appendRecords } from './records.ts';

/** @param name of the import (`importName`). A folder may hold several, and pairs that were made here. */
export function preferenceFolder(folder: string, name: string, say: (text: string) => void): PreferenceSink {
  const state = `imports/${name}.json`;
  const store = new NodeFileStore(folder);
  const pairsFile = join(folder, 'pairs.jsonl');
  const labelsFile = join(folder, 'labels.jsonl');
  const made = new Set<string>();
  return {
    async file(path, bytes) {
      const file = join(folder, path);
      try {
        if ((await stat(file).catch(() => undefined))?.size === bytes.length) return;
        if (!made.has(dirname(file))) {
          await mkdir(dirname(file), { recursive: true });
          await sweepParts(dirname(file));
          made.add(dirname(file));
        }
        const part = ownPart(file);
        try {
          const handle = await open(part, 'w');
          try {
            await handle.writeFile(bytes);
            await handle.sync();
          } finally {
            await handle.close();
          }
          await rename(part, file);
        } catch (error) {
          await rm(part, { force: true });
          throw error;
        }
      } catch (error) {
        throw asFileError(error, file);
      }
    },
    async add(pairs, events) {
      appendRecords(pairsFile, pairs, say);
      appendRecords(labelsFile, events, say);
    },
    async *kept(at) {
      for await (const pair of recordsOf(pairsFile, pairKind)) yield { pair, ofOthers: pair.importedAt !== at };
      for await (const event of recordsOf(labelsFile, labelKind)) yield { event };
    },
    readState: () => readFile(join(folder, state)).catch(() => undefined),
    writeState: (text) => store.write(state, new TextEncoder().encode(text)),
  };
}

/** Read a line at a time: a large import has more than fits into memory. A last line that was cut off is mended by the next append. */
async function* recordsOf<T>(file: string, kind: RecordKind<T>): AsyncGenerator<T> {
  if (((await stat(file).catch(() => undefined))?.size ?? 0) === 0) return;
  const ranges = await openRanges(file);
  const table = await JsonTable.open({ size: ranges.size, read: (start, end) => ranges.read(start, end), name: file });
  for await (const { cells } of table.rows()) if (problemsOf(kind, cells) === null) yield cells as T;
}
