/** Folders that verbs pass to one another: images.jsonl, pairs.jsonl, labels.jsonl. Paths in them are relative to the folder. */
import { appendFileSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { formatJsonl, parseJsonl } from '../data/formats/jsonl.ts';
import { foldLabels, type Label } from '../data/labels.ts';
import type { ImageRecord, LabelEvent, PairRecord } from '../service/types.ts';
import { WinnowError } from '../shared/errors.ts';
import { absolute } from './arguments.ts';
import { badArguments } from './verb.ts';

/** [] if there is no such file. A last line that a killed process left unfinished does not count. */
export function readRecords<T>(file: string): T[] {
  return existsSync(file) ? (parseJsonl(readFileSync(file, 'utf8'), { file, allowCut: true }) as T[]) : [];
}

/** Durable as soon as it returns. A cut last line is ended first, so that it stays the only bad one. */
export function appendRecords(file: string, records: readonly unknown[]): void {
  mkdirSync(dirname(file), { recursive: true });
  const whole = existsSync(file) ? readFileSync(file, 'utf8') : '';
  if (whole !== '' && !whole.endsWith('\n')) writeFileSync(file, whole.slice(0, whole.lastIndexOf('\n') + 1));
  appendFileSync(file, formatJsonl(records));
}

export const imagesFile = (folder: string): string => join(folder, 'images.jsonl');
export const pairsFile = (folder: string): string => join(folder, 'pairs.jsonl');

/** Pairs of a folder as they stand: paths relative to it. */
export function readPairs(folder: string): PairRecord[] {
  if (!existsSync(pairsFile(folder)))
    throw new WinnowError(
      'NotFound',
      `${folder} is no pairs folder: it has no pairs.jsonl.`,
      'Make pairs first: winnow pairs MODEL --out DIR.',
    );
  return readRecords<PairRecord>(pairsFile(folder));
}

/** Pairs whose files are named by absolute paths. */
export function readPairsAbsolute(folder: string): PairRecord[] {
  const place = (image: ImageRecord): ImageRecord => ({
    ...image,
    file: absolute(join(folder, image.file)),
    latentsFile: absolute(join(folder, image.latentsFile)),
  });
  return readPairs(folder).map((pair) => ({ ...pair, images: [place(pair.images[0]), place(pair.images[1])] }));
}

/** Where labels lie: a file, or labels.jsonl of a folder. */
export const labelsFile = (path: string): string =>
  existsSync(path) && statSync(path).isDirectory() ? join(path, 'labels.jsonl') : path;

export function readLabels(path: string): { events: LabelEvent[]; byPair: Map<string, Label> } {
  const file = labelsFile(path);
  if (!existsSync(file))
    throw new WinnowError(
      'NotFound',
      `There is no label file ${file}.`,
      'Label the pairs first: winnow label PAIRS --scorer NAME.',
    );
  const events = readRecords<LabelEvent>(file);
  for (const event of events) {
    if (
      event.type !== 'retract' &&
      !(event.type === 'label' && typeof event.pair === 'string' && typeof event.answer === 'string')
    ) {
      throw new WinnowError(
        'BadFile',
        `${file} holds lines that are no label events.`,
        'Give a JSONL file of label events, as winnow label or the studio writes it.',
      );
    }
  }
  return { events, byPair: foldLabels(events).byPair };
}

/** Keeps what a folder was made for beside it; a folder that was made for something else is not mixed with it. */
export function claimFolder(folder: string, request: object): void {
  const file = join(folder, 'request.json');
  const text = `${JSON.stringify(request, null, 2)}\n`;
  if (!existsSync(file)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, text);
  } else if (readFileSync(file, 'utf8') !== text) {
    throw badArguments(
      `${folder} was made with other settings (${file}).`,
      'Choose another --out, or the same settings to go on.',
    );
  }
}
