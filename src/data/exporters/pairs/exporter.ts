/** What an exporter of pairs is: a record of one format that a person takes judged pairs away in. It gives files piece by piece, wherever they are
 *  to go (a folder, a zip, one file): whatever the number of pairs, a few pictures are in memory. */
import type { LabelEvent } from '../../../records/labels.ts';
import type { PairRecord } from '../../../records/pairs.ts';
import type { FileStore } from '../../files.ts';
import type { MergedLabel } from '../../labels.ts';
import type { JudgedPair } from './judged.ts';

export interface ExportSource {
  /** For people, in what is written about them. */
  name: string;
  pairs: readonly PairRecord[];
  /** Every answer, in order. */
  events: readonly LabelEvent[];
  /** Pair id → the label that counts. */
  byPair: ReadonlyMap<string, MergedLabel>;
  /** Where the pairs' files lie. */
  files: Pick<FileStore, 'read' | 'size'>;
}

export interface PairsExportOptions {
  /** Of the prompts, 0 to 1: so many go into a split of their own, `validation`. */
  validation: number;
  /** Ties are written with label_0 = 0.5, which diffusers' scripts take for "jpg_0 won". */
  keepTies: boolean;
  /** What draws the sides in Label Studio. */
  seed: number;
  /** What stands before the pictures' paths in Label Studio's tasks. */
  picturesAt: string;
}

export interface ExportEntry {
  /** Below the folder, with `/`. */
  path: string;
  /** To be taken whole before the next entry is asked for. */
  bytes: AsyncIterable<Uint8Array<ArrayBuffer>>;
}

/** What a format writes. */
export interface ToWrite {
  source: ExportSource;
  /** Those that are judged as the format needs it, in the pairs' order. */
  rows: readonly JudgedPair[];
  options: PairsExportOptions;
}

export interface PairsExporter {
  title: string;
  /** In one line, below its button and on the command line. */
  what: string;
  /** It holds every pair, judged or not. */
  all?: true;
  /** It can say that neither was better. */
  ties: boolean;
  splits: boolean;
  entries(given: ToWrite): AsyncIterable<ExportEntry>;
  /** As one file, where the format can be one; with the ending that such a file has. */
  single?: { extension: string; mediaType: string; bytes(given: ToWrite): AsyncIterable<Uint8Array<ArrayBuffer>> };
}
