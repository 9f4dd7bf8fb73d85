/** What an import is made of: a format's record, and the comparisons that it reads from rows. Adding a format is a file of this folder and a line
 *  of table.ts: guessing, mapping, preview, import, help and docs/formats.md follow. */
import type { Answer } from '../../records/labels.ts';
import type { ByteRanges } from '../formats/bytes.ts';
import type { Cells, Table } from '../formats/rows.ts';
import type { LabelEvent } from '../../records/labels.ts';
import type { PairRecord } from '../../records/pairs.ts';
import type { Place } from './places.ts';

export type FormatName =
  'pickapic' | 'pairs' | 'chosen' | 'hpd' | 'imagereward' | 'folders' | 'metadata' | 'label-studio' | 'winnow';

/** One of ours: what a row must or may say, and under which names others say it. */
export interface Field {
  ours: string;
  /** In lists, as what is looked for. */
  what: string;
  /** Columns, in order: the first that is there is taken. */
  theirs: readonly string[];
  /** Prompt, pictures and labels become the pair's own; more than that goes out again as it came in, too. */
  is: 'prompt' | 'picture' | 'label' | 'more';
  /** Without it there is no pair; unless one of these fields stands for it. */
  needed?: boolean | readonly string[];
}

/** A picture where it lies. */
export interface Picture {
  /** Rejects with a Refused. */
  read(): Promise<Uint8Array>;
}

export interface Vote {
  answer: Answer;
  /** Whose, as the data name them. */
  rater?: string | undefined;
  /** ISO 8601. */
  at?: string | undefined;
  clearly?: boolean | undefined;
  elapsedMs?: number | undefined;
  /** Of the pictures, which stood on the left; the answer reads with it. 0 if left out. */
  shownLeft?: 0 | 1 | undefined;
}

/** Two pictures of one prompt and who preferred which, before anything is stored. */
export interface Comparison {
  prompt: string;
  pictures: readonly [Picture, Picture];
  madeWith?: readonly [string | undefined, string | undefined] | undefined;
  votes: readonly Vote[];
  /** What else the row says, as it goes out again. */
  fields: Record<string, string | number | boolean | null>;
  /** Id of the pair that it was made of, where that is one of ours: its labels go to that. */
  ofPair?: string | undefined;
  /** Of our own data: the record as it was, its files, and what was said of it. */
  own?: OwnData | undefined;
}

export interface OwnData {
  pair: PairRecord;
  events: readonly LabelEvent[];
  /** Undefined if there is no such file. */
  open(path: string): Promise<ByteRanges | undefined>;
}

/** Why a row gives no pair: a clause, as `its prompt is empty`. */
export class Refused extends Error {}

/** A row with what it needs to be read. */
export interface Row {
  row: number;
  cells: Cells;
  /** A field's cell, by the mapping; null where the row, or the table, has none. */
  cell(ours: string): unknown;
  /** The column that a field is read from. */
  column(ours: string): string | undefined;
  /** A picture of a cell: bytes, a struct {bytes, path}, base64, or a path beside the file. */
  picture(cell: unknown, what: string): Picture;
  /** Light cells that no field was read from, of the row's own columns. */
  rest(): Comparison['fields'];
}

export interface PreferenceFormat {
  name: FormatName;
  /** In lists of what is taken. */
  title: string;
  /** For docs/formats.md and help. */
  what: string;
  fields: readonly Field[];
  /** Whether a table with such columns, and such first rows, is one. */
  recognise(columns: ReadonlySet<string>, first: readonly Cells[]): boolean;
  /** Of folders that are no table themselves: theirs, or undefined if it is no such folder. */
  tables?(place: Place): Promise<{ table: Table; file: string }[] | undefined>;
  /** The column that holds the fields, where they are not columns themselves. */
  inside?: string;
  /** Where a row may give several pairs, or a pair take several rows. */
  rankings?: boolean;
  /** Where rows stand for pictures and not for groups or pairs: which belong together, and how many they are. */
  groupOf?(row: Row): { key: string; size?: number | undefined } | undefined;
  /** Comparisons of one row, or of the rows of one group. Rejects with Refused. */
  read(rows: readonly Row[], options: ReadOptions): Promise<Comparison[]> | Comparison[];
}

export interface ReadOptions {
  /** Pairs that one ranking gives at most; as many as it has pictures if left out. */
  perGroup?: number | undefined;
}
