/** What is dropped on the window, as places that preferences are read from. Nothing is read here but names. */
import { inOrder, type Place, checkCount, filesPlace } from '../../data/preferences/places.ts';
import { byteRanges } from '../../data/formats/bytes.ts';
import { entriesOf, fileOf } from './modelFiles.ts';

/** A folder, with all that lies in it. Rejects with BadFile for one that holds millions of files. */
export async function droppedPlace(folder: FileSystemDirectoryEntry): Promise<Place> {
  const found = new Map<string, FileSystemFileEntry>();
  const waiting: FileSystemDirectoryEntry[] = [folder];
  for (let next = waiting.pop(); next; next = waiting.pop())
    for (const entry of await entriesOf(next)) {
      if (entry.isDirectory) waiting.push(entry as FileSystemDirectoryEntry);
      else found.set(entry.fullPath.slice(folder.fullPath.length + 1), entry as FileSystemFileEntry);
      checkCount(folder.name, found.size);
    }
  return {
    name: folder.name,
    folder: true,
    files: inOrder([...found.keys()]),
    open: async (path) => {
      const entry = found.get(path);
      return entry && byteRanges(await fileOf(entry));
    },
  };
}

const model = /(^|\/)model_index\.json$/;
const weights = /\.(safetensors|onnx)$/i;
const data = /\.(parquet|pq|csv|tsv|jsonl|ndjson)$|^(win|w|chosen|preferred)\//i;

/** Whether a folder holds preferences, and no model, judge or LoRA. */
export const holdsPreferences = ({ files }: Place): boolean =>
  !files.some((path) => model.test(path)) &&
  (files.some((path) => data.test(path)) ||
    (files.some((path) => /\.json$/i.test(path)) && !files.some((path) => weights.test(path))));

const certain = /\.(parquet|pq|csv|tsv|jsonl|ndjson)$/i;
const possible = /\.json$/i;

/** Of files that were dropped together: the place that they are, where they are preferences. JSON may be settings: it is looked into. */
export async function preferencesAmong(files: readonly File[]): Promise<Place | null> {
  if (files.some(({ name }) => certain.test(name))) return filesPlace(files);
  if (!files.some(({ name }) => possible.test(name))) return null;
  const place = filesPlace(files);
  const { openPreferences } = await import('../../data/preferences/open.ts');
  return openPreferences([place]).then(
    () => place,
    () => null,
  );
}

/** A file of our own label events, which has no pairs. */
export const isLabelFile = async (file: File): Promise<boolean> =>
  /\.jsonl$/i.test(file.name) && /^\uFEFF?\s*\{\s*"type"\s*:\s*"(label|retract)"/.test(await file.slice(0, 200).text());
