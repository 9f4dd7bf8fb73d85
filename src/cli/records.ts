/** Folders that verbs pass to one another: images.jsonl, pairs.jsonl, labels.jsonl. Paths in them are relative to the folder. */
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { formatJsonl, isJson, readRecordBytes } from '../data/formats/jsonl.ts';
import { isUtf16, MAX_TEXT_BYTES } from '../data/formats/text.ts';
import { foldLabels, type LabelState } from '../data/labels.ts';
import { isForeign, type PairImage } from '../records/foreignImages.ts';
import type { ImageRecord } from '../records/images.ts';
import { imageKind, labelKind, pairKind, type RecordKind } from '../records/kinds.ts';
import type { LabelEvent } from '../records/labels.ts';
import type { PairRecord } from '../records/pairs.ts';
import { distinctBy } from '../shared/arrays.ts';
import { WinnowError } from '../shared/errors.ts';
import { absolute } from './arguments.ts';
import { makeFolders, withFiles } from './fileErrors.ts';
import { badArguments } from './verb.ts';

/** What a person is told on the way. */
type Say = (text: string) => void;

const LINE_FEED = 0x0a;

/** [] if there is no such file. A last line that a killed process left unfinished does not count. Throws BadFile, with the line, at anything
 *  that is no record of the kind. */
export function readRecords<T>(file: string, kind: RecordKind<T>, say: Say = () => {}): T[] {
  if (!existsSync(file)) return [];
  const bytes = withFiles(file, () => {
    if (statSync(file).size > MAX_TEXT_BYTES)
      throw new WinnowError('BadFile', `${file} is too large to be read.`, 'Split it into several folders.');
    return readFileSync(file);
  });
  const { records, cut } = readRecordBytes(bytes, kind, file);
  if (cut !== undefined) say(`${file} ends in a record that is not whole; it does not count.`);
  return records;
}

/** On the disk as soon as it returns, with the file's name. A last line without a line feed is kept and ended where it is whole, else set
 *  aside in `FILE.cut`. */
export function appendRecords(file: string, records: readonly unknown[], say: Say = () => {}): void {
  withFiles(file, () => {
    const made = makeFolders(dirname(file));
    const isNew = !existsSync(file);
    const handle = openSync(file, 'a+');
    try {
      const text = `${endLastLine(file, handle, say)}${formatJsonl(records)}`;
      const { size } = fstatSync(handle);
      try {
        writeWhole(handle, Buffer.from(text));
        fsyncSync(handle);
      } catch (error) {
        // What fitted before the disk was full goes, too. A device cannot be shortened.
        if (fstatSync(handle).isFile()) ftruncateSync(handle, size);
        throw error;
      }
    } finally {
      closeSync(handle);
    }
    if (isNew) syncFolder(dirname(file));
    for (const folder of made.toReversed()) syncFolder(dirname(folder));
  });
}

function writeWhole(handle: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) done += writeSync(handle, bytes, done);
}

/** A folder's entries, where the system can be asked for that (Windows cannot, and does it by itself). */
function syncFolder(folder: string): void {
  if (process.platform === 'win32') return;
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** What must stand before the next record: a line feed behind a last line that lacks it, else nothing. */
function endLastLine(file: string, handle: number, say: Say): string {
  const { size } = fstatSync(handle);
  const read = (start: number, end: number): Uint8Array => {
    const bytes = new Uint8Array(end - start);
    for (let done = 0; done < bytes.length;) {
      const count = readSync(handle, bytes, done, bytes.length - done, start + done);
      if (count === 0) break;
      done += count;
    }
    return bytes;
  };
  if (size === 0) return '';
  if (isUtf16(read(0, Math.min(size, 4096))))
    throw new WinnowError('BadFile', `${file} is UTF-16 text; records are appended in UTF-8.`, 'Save it as UTF-8.');
  if (read(size - 1, size)[0] === LINE_FEED) return '';
  let start = size;
  let at = -1;
  while (start > 0 && at < 0) {
    const begin = Math.max(0, start - 65_536);
    at = read(begin, start).lastIndexOf(LINE_FEED);
    if (at >= 0) at += begin;
    start = begin;
  }
  const last = read(at + 1, size);
  if (isWhole(last)) return '\n';
  setAside(`${file}.cut`, last);
  ftruncateSync(handle, at + 1);
  say(`${file} ended in a record that is not whole; it was set aside in ${file}.cut.`);
  return '';
}

function isWhole(line: Uint8Array): boolean {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(line);
    return text.trim() === '' || isJson(text);
  } catch {
    return false;
  }
}

/** Behind what was set aside before. */
function setAside(file: string, line: Uint8Array): void {
  const handle = openSync(file, 'a');
  try {
    writeWhole(handle, Buffer.concat([line, Buffer.of(LINE_FEED)]));
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  syncFolder(dirname(file));
}

const imagesFile = (folder: string): string => join(folder, 'images.jsonl');
export const pairsFile = (folder: string): string => join(folder, 'pairs.jsonl');

export const readImages = (folder: string, say?: Say): ImageRecord[] => readRecords(imagesFile(folder), imageKind, say);
export const appendImages = (folder: string, images: readonly ImageRecord[], say?: Say): void =>
  appendRecords(imagesFile(folder), images, say);

/** Pairs of a folder as they stand, paths relative to it; [] where it has none yet. */
export const readPairsSoFar = (folder: string, say?: Say): PairRecord[] =>
  readRecords(pairsFile(folder), pairKind, say);

/** Pairs of a folder as they stand: paths relative to it. One that stands there twice counts once, where it stands first. */
export function readPairs(folder: string, say?: Say): PairRecord[] {
  if (!existsSync(pairsFile(folder)))
    throw new WinnowError(
      'NotFound',
      `${folder} is no pairs folder: it has no pairs.jsonl.`,
      'Make pairs first: winnow pairs MODEL --out DIR.',
    );
  const pairs = readPairsSoFar(folder, say);
  const once = distinctBy(pairs, ({ id }) => id);
  if (once.length < pairs.length)
    say?.(`${pairs.length - once.length} of ${pairs.length} pairs of ${folder} stand there twice; each counts once.`);
  return once;
}

/** Pairs whose files are named by absolute paths. */
export function readPairsAbsolute(folder: string, say?: Say): PairRecord[] {
  const inFolder = (file: string): string => absolute(join(folder, file));
  const place = (image: PairImage): PairImage =>
    isForeign(image)
      ? { ...image, file: inFolder(image.file) }
      : { ...image, file: inFolder(image.file), latentsFile: inFolder(image.latentsFile) };
  return readPairs(folder, say).map((pair) => ({ ...pair, images: [place(pair.images[0]), place(pair.images[1])] }));
}

/** Where labels lie: a file, or labels.jsonl of a folder. Throws NotFound. */
export function labelsFile(path: string): string {
  const file = existsSync(path) && statSync(path).isDirectory() ? join(path, 'labels.jsonl') : path;
  if (existsSync(file)) return file;
  throw new WinnowError(
    'NotFound',
    `There is no label file ${file}.`,
    'Label the pairs first: winnow label PAIRS --judge NAME.',
  );
}

/** What stands in one label file, or in several together. */
export function readLabels(paths: string | readonly string[], say?: Say): LabelState & { events: LabelEvent[] } {
  const files = [paths].flat().map(labelsFile);
  const events = files.flatMap((file) => readRecords(file, labelKind, say));
  return { events, ...foldLabels(events) };
}

/** A request of an earlier version, with today's names. */
const asNamedNow = (key: string, value: unknown): unknown => {
  if (key !== 'bestOf' || typeof value !== 'object' || value === null || !('scorer' in value)) return value;
  const { scorer, ...rest } = value;
  return { ...rest, judge: scorer };
};

/** Keeps what a folder was made for beside it; a folder that was made for something else is not mixed with it. One in which nothing came about is free.
 *  @param made files of the records of what did. */
export function claimFolder(folder: string, request: object, made: readonly string[]): void {
  const file = join(folder, 'request.json');
  const text = `${JSON.stringify(request, null, 2)}\n`;
  const same = (kept: string): boolean => {
    try {
      return isDeepStrictEqual(JSON.parse(kept, asNamedNow), JSON.parse(text));
    } catch {
      return false;
    }
  };
  withFiles(file, () => {
    if (!existsSync(file) || made.every((records) => !existsSync(records) || statSync(records).size === 0)) {
      makeFolders(folder);
      writeFileSync(file, text);
    } else if (!same(readFileSync(file, 'utf8'))) {
      throw badArguments(
        `${folder} was made with other settings (${file}).`,
        'Choose another --out, or the same settings to go on.',
      );
    }
  });
}
