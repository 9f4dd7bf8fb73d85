/** From comparisons to what is kept: pictures by their content, pair records, label events. Everything has a name that follows from its content, so
 *  that an import that was cut off goes on without making anything twice. */
import { createSHA256 } from 'hash-wasm';
import type { ForeignImage } from '../../records/foreignImages.ts';
import type { LabelEvent } from '../../records/labels.ts';
import type { PairRecord } from '../../records/pairs.ts';
import { isWinnowError } from '../../shared/errors.ts';
import type { Label } from '../labels.ts';
import { decodePicture } from '../formats/picture.ts';
import { type PictureInfo, pictureTypes } from '../formats/pictureInfo.ts';
import { type Comparison, type Picture, Refused, type Vote } from './preference.ts';

export interface LookedAt {
  bytes: Uint8Array;
  info: PictureInfo;
}

/** Rejects with Refused where it is no picture that can train: all of it is decoded, as a header says nothing of damage behind it. */
export async function lookAt(picture: Picture, what: string): Promise<LookedAt> {
  const bytes = await picture.read();
  try {
    const { info } = await decodePicture(bytes);
    return { bytes, info };
  } catch (error) {
    if (!isWinnowError(error)) throw error;
    const [sentence] = error.message.split(/\. /, 1);
    throw new Refused(
      `${what}: ${sentence!.replace(/^The (picture|image) cannot be (used|read): /, '').replace(/\.$/, '')}`,
    );
  }
}

export interface Hasher {
  /** SHA-256, hexadecimal. */
  of(data: Uint8Array | string): string;
}

export async function makeHasher(): Promise<Hasher> {
  const hash = await createSHA256();
  return { of: (data) => hash.init().update(data).digest('hex') };
}

export interface Stored {
  /** Of the pair. */
  id: string;
  /** Undefined for labels of one that is there. */
  pair?: PairRecord;
  events: LabelEvent[];
  /** Path in the file store → bytes. */
  files: Map<string, Uint8Array>;
}

export interface Origin {
  format: string;
  file: string;
  row: number;
  /** ISO 8601: when the import began. */
  at: string;
}

const ID = 32;

/** A comparison as records. The two pictures keep the order of the row. */
export async function storedOf(
  comparison: Comparison,
  origin: Origin,
  hasher: Hasher,
  by: (rater: string | undefined) => string,
): Promise<Stored> {
  const files = new Map<string, Uint8Array>();
  const image = async (i: 0 | 1): Promise<ForeignImage> => {
    const { bytes, info } = await lookAt(comparison.pictures[i], `picture ${i}`);
    const id = hasher.of(bytes);
    const file = `pictures/${id}.${pictureTypes[info.type].extension}`;
    files.set(file, bytes);
    const madeWith = comparison.madeWith?.[i];
    return {
      foreign: true,
      id,
      file,
      width: info.width,
      height: info.height,
      ...(madeWith && { madeWith }),
      createdAt: origin.at,
    };
  };
  const images: [ForeignImage, ForeignImage] = [await image(0), await image(1)];
  const pair: PairRecord = {
    id: hasher.of(['pair', comparison.prompt, ...images.map(({ id }) => id).toSorted()].join('\0')).slice(0, ID),
    prompt: comparison.prompt,
    images,
    origin: 'imported',
    source: { format: origin.format, file: origin.file, row: origin.row, fields: comparison.fields },
    createdAt: origin.at,
  };
  const events = comparison.votes.map((vote, i) => labelOf(vote, i, pair.id, origin, hasher, by));
  return { id: pair.id, pair, events, files };
}

/** Labels alone, of a pair that is there. */
export const labelsOf = (
  id: string,
  votes: readonly Vote[],
  origin: Origin,
  hasher: Hasher,
  by: (rater: string | undefined) => string,
): Stored => ({ id, events: votes.map((vote, i) => labelOf(vote, i, id, origin, hasher, by)), files: new Map() });

function labelOf(
  vote: Vote,
  index: number,
  pair: string,
  { file, row, at }: Origin,
  hasher: Hasher,
  by: (rater: string | undefined) => string,
): Label {
  const signed = by(vote.rater);
  return {
    type: 'label',
    id: hasher.of(['label', pair, signed, file, row, index, vote.answer].join('\0')).slice(0, ID),
    pair,
    answer: vote.answer,
    shownLeft: vote.shownLeft ?? 0,
    clearly: vote.clearly ?? false,
    elapsedMs: vote.elapsedMs ?? 0,
    at: vote.at ?? at,
    by: signed,
  };
}

/** `import:RATER`; ids of others become letters that a `by` can hold. */
export const signedBy = (rater: string | undefined): string =>
  rater === undefined ? 'import' : `import:${rater.replace(/\s+/g, ' ').trim().slice(0, 200)}`;

export const isLabel = (event: LabelEvent): event is Label => event.type === 'label';
