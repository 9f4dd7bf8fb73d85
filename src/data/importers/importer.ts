/** What an importer is: a record of one format of files that a person brings. Adding one touches this folder alone: its file, and a line of
 *  table.ts. What the window takes when something is dropped, what the studio's file inputs offer, the command line's help, the message for a
 *  file that nobody reads, and docs/formats.md read the record. */
import { WinnowError } from '../../shared/errors.ts';
import type { ImageRecord } from '../../records/images.ts';
import type { LabelEvent } from '../../records/labels.ts';
import type { TrainConfig } from '../../training/config.ts';
import type { ByteRanges } from '../formats/bytes.ts';
import type { ListedPrompt } from '../formats/promptSets.ts';

/** What files bring, by what is done with it. Several formats may bring the same. */
export interface Brought {
  /** A picture, with the settings that are written in it. */
  image: {
    bytes: Uint8Array<ArrayBuffer>;
    parameters: Partial<ImageRecord> | null;
    /** What is written in it and is not among the parameters, in words. */
    notTaken: string[];
  };
  /** A model, or what changes one; never read whole. */
  weights: { adapter: boolean };
  trainSettings: TrainConfig;
  prompts: ListedPrompt[];
  /** In order. notes: what of the file does not count, in sentences. */
  labels: { events: LabelEvent[]; notes: string[] };
}

export type Brings = keyof Brought;

/** A file by range, wherever it lies. */
export interface Source extends ByteRanges {
  /** As the person knows it: a file's name, or its path. */
  name: string;
}

export interface Importer<B extends Brings = Brings> {
  brings: B;
  /** In lists of what is taken: `prompt lists`. */
  title: string;
  /** For docs/formats.md, and for help. */
  what: string;
  /** With the point, in lower case. */
  extensions: readonly string[];
  /** For file inputs, which go by them too. */
  mediaTypes: readonly string[];
  /** Whether a file of another name begins like one: `head` is its first bytes, at most 16. */
  recognise?(head: Uint8Array): boolean;
  /** Rejects with BadFile, or what is wrong with it. */
  read(source: Source): Promise<Brought[B]>;
}

/** For the table, which keeps its importers by what they bring. */
export const importer = <B extends Brings>(record: Importer<B>): Importer<B> => record;

/** Of a picture or a text: more is no such thing. */
const MAX_BYTES = 256 * 2 ** 20;

export async function whole(source: Source): Promise<Uint8Array<ArrayBuffer>> {
  if (source.size > MAX_BYTES)
    throw new WinnowError(
      'BadFile',
      `${source.name} has ${(source.size / 2 ** 20).toFixed(0)} MiB.`,
      `Choose a picture or a text of at most ${MAX_BYTES / 2 ** 20} MiB.`,
    );
  return new Uint8Array(await source.read(0, source.size));
}
