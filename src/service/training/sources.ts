/** What a run trains on: its pairs' latents, or pictures from elsewhere that become latents, and its model, read once and named by content, so
 *  that a run that is resumed can tell whether they are still what it began with. */
import { pictureTypeOf, readPictureInfo } from '../../data/formats/pictureInfo.ts';
import { openSafetensors } from '../../data/formats/safetensors.ts';
import { heldOutOf } from '../../data/heldOut.ts';
import { isWinnowError, WinnowError } from '../../shared/errors.ts';
import { checkFinite } from '../../shared/finite.ts';
import type { Fit } from '../../shared/fit.ts';
import type { Environment } from '../environment.ts';
import { partHashes, partNames } from '../model/identity.ts';
import { isRecordedAs, type ResolvedModel } from '../model/modelPool.ts';
import { isLost, lostPicture } from '../sampling/lostPictures.ts';
import { latentSizeOf } from '../sampling/latentSize.ts';
import type { LostPicture, RunRecord, RunSources, TrainConfig, TrainPair } from '../types.ts';
import { bucketOf, sameSize, type Size } from './buckets.ts';

/** [C * h * w], as the model has them; or a picture from elsewhere, to be encoded. */
export type PictureSource = { latents: Float32Array } | ForeignSource;

export interface ForeignSource {
  file: string;
  /** SHA-256 of the file. */
  hash: string;
  /** As it is shown, in pixels. */
  picture: Size;
}

export interface PairSource {
  pair: TrainPair;
  winner: PictureSource;
  loser: PictureSource;
  /** Of `sizes`. */
  bucket: number;
  fit: Fit;
}

export interface Sources {
  pairs: PairSource[];
  /** In pixels, in which pairs train, in order of their first pair; then those that held-out pairs alone have. */
  sizes: Size[];
  hashes: RunSources;
  /** RunRecord.dataHash. */
  dataHash: string;
}

/** Reads the pairs and hashes them and the model.
 *  @param check called between files; throws where the run is not to go on.
 *  @param lost told of each picture that is gone or damaged, whose pair is then left out; without it such a picture is refused.
 *  @throws MissingTensor, BadFile for pictures that cannot train, BadArguments for latents of another model, NotFound for files that are gone. */
export async function readSources(
  env: Pick<Environment, 'files' | 'sha256'>,
  model: ResolvedModel,
  pairs: readonly TrainPair[],
  config: TrainConfig,
  {
    check,
    preparing,
    lost,
  }: {
    check(): void;
    preparing(what: string, done: number, total: number): void;
    lost?(picture: LostPicture): void;
  },
): Promise<Sources> {
  const readable = (file: string): Promise<ReadPicture | null> =>
    readPicture(env, file, model).catch((error: unknown) => {
      if (!lost || !isLost(error)) throw error;
      lost(lostPicture(file, error));
      return null;
    });
  const read: PairSource[] = [];
  const hashes: RunSources['pairs'] = [];
  const sizes: Size[] = [];
  const own: Size[] = [];
  for (const [i, pair] of pairs.entries()) {
    check();
    if (i % 8 === 0) preparing('Reading the pairs', i, pairs.length);
    const winner = await readable(pair.winnerLatents);
    const loser = await readable(pair.loserLatents);
    if (!winner || !loser) continue;
    read.push({
      pair,
      winner: winner.source,
      loser: loser.source,
      bucket: 0,
      fit: pair.sizing?.fit ?? config.fit,
    });
    own.push(sizeOfPair(pair, [winner, loser], model, config));
    hashes.push({ winner: winner.hash, loser: loser.hash });
  }
  const kept = read.map(({ pair }) => pair);
  const { pairs: heldOut } = heldOutOf(kept, config);
  const bucketOfSize = (size: Size): number => {
    const known = sizes.findIndex((other) => sameSize(other, size));
    return known < 0 ? sizes.push(size) - 1 : known;
  };
  for (const last of [false, true])
    for (const [i, source] of read.entries()) if (heldOut.has(i) === last) source.bucket = bucketOfSize(own[i]!);
  check();
  preparing('Checking the model', 0, 1);
  const parts = await partHashes(model, env);
  check();
  const data = kept.map((pair, i) => ({ ...pair, winnerLatents: hashes[i]!.winner, loserLatents: hashes[i]!.loser }));
  return {
    pairs: read,
    sizes,
    hashes: { model: parts, pairs: hashes },
    dataHash: await env.sha256(new TextEncoder().encode(JSON.stringify(data))),
  };
}

interface ReadPicture {
  source: PictureSource;
  /** Of latents: in pixels, what they are. */
  size?: Size;
  hash: string;
}

/** The size that a pair trains in: that of its latents, which cannot have another; else that of the pictures' bucket. */
function sizeOfPair(
  { pair, sizing }: TrainPair,
  pictures: readonly ReadPicture[],
  { folder: { info } }: ResolvedModel,
  config: TrainConfig,
): Size {
  const [first, ...others] = pictures.flatMap(({ size }) => (size ? [size] : []));
  if (!first) {
    const foreign = pictures.flatMap(({ source }) => ('latents' in source ? [] : [source.picture]));
    const size = bucketOf(foreign, info, sizing, config.size);
    latentSizeOf(size, info.sizeMultiple);
    return size;
  }
  if (!others.every((other) => sameSize(first, other)))
    throw new WinnowError(
      'BadArguments',
      `The two pictures of pair ${pair} were made in different sizes.`,
      'Take the pair out: latents cannot be brought to another size.',
    );
  return first;
}

/** Says which picture cannot be used. */
export const namedFor =
  (file: string) =>
  (error: unknown): never => {
    if (!isWinnowError(error, 'BadFile')) throw error;
    throw new WinnowError('BadFile', `${file}: ${error.message}`, 'Take its pair out, or bring it again.');
  };

/** Latents, or a picture, by what is in the file. */
async function readPicture(
  { files, sha256 }: Pick<Environment, 'files' | 'sha256'>,
  file: string,
  { folder: { unet, info } }: ResolvedModel,
): Promise<ReadPicture> {
  const bytes = await files.read(file);
  if (pictureTypeOf(bytes)) {
    const { width, height } = await readPictureInfo(bytes).catch(namedFor(file));
    const hash = await sha256(bytes);
    return { source: { file, hash, picture: { width, height } }, hash };
  }
  const opened = await openSafetensors(bytes, file);
  const shape = opened.shape('latents');
  if (!shape || shape.length !== 4 || shape[0] !== 1)
    throw new WinnowError('MissingTensor', `${file} has no tensor latents [1, C, h, w].`, 'Make the pair again.');
  const channels = unet.model.latentChannels;
  if (shape[1] !== channels)
    throw new WinnowError(
      'BadArguments',
      `${file} has latents of ${shape[1]} channels, and those of ${info.title} have ${channels}.`,
      'Train on pairs that were made with this model.',
    );
  const data = await opened.read('latents');
  checkFinite(data, `The latents of ${file}`, 'Take the pair out, or make it again: its picture was never one.');
  // By its numbers: the header may say more than they.
  const hash = await sha256(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  const size = { height: shape[2]! * info.sizeMultiple, width: shape[3]! * info.sizeMultiple };
  return { source: { latents: data }, size, hash };
}

/** Refuses what is not what the run began with, by name. Gives what could not be compared, in a sentence: records of before hashes were kept.
 *  @param pairs those that the sources were read from.
 *  @throws SourceChanged */
export function compareSources(
  record: RunRecord,
  pairs: readonly TrainPair[],
  sources: Sources,
  model: ResolvedModel,
): string | null {
  const changes = [...pairChanges(record, pairs, sources), ...modelChanges(record, model, sources.hashes)];
  if (changes.length > 0)
    throw new WinnowError(
      'SourceChanged',
      `This run began with something else: ${changes.join('; ')}.`,
      'Bring back what it began with, or start a new run; this one stays as it was.',
    );
  return record.sources
    ? null
    : "This run is from before its data was named by content: its latents, scheduler, text encoder, tokenizer and VAE could not be compared with what it began with; its model's weights are the same.";
}

const MAX_NAMED = 5;

const isSame = (a: TrainPair[keyof TrainPair], b: TrainPair[keyof TrainPair]): boolean =>
  JSON.stringify(a) === JSON.stringify(b);

/** Of a pair, on their own: what else it says comes from its label. */
const compared = new Set<string>(['pair', 'prompt', 'winnerLatents', 'loserLatents'] satisfies (keyof TrainPair)[]);

function pairChanges(
  record: RunRecord,
  pairs: readonly TrainPair[],
  { pairs: read, hashes: { pairs: hashes } }: Sources,
): string[] {
  if (pairs.length !== record.pairs.length)
    return [`it trains on ${record.pairs.length} pairs, and the pairs and labels given make ${pairs.length}`];
  const nameOf = (path: string): string => path.split(/[\\/]/).at(-1)!;
  const changes = record.pairs.flatMap((before, i) => {
    const now = pairs[i]!;
    if (now.pair !== before.pair) return [`pair ${i + 1} was ${before.pair} and is ${now.pair}`];
    if (now.prompt !== before.prompt) return [`the prompt of pair ${now.pair} has changed`];
    // How sure a label was is not in records of before.
    const keys = Object.keys(record.sources ? { ...before, ...now } : before) as (keyof TrainPair)[];
    if (keys.some((key) => !compared.has(key) && !isSame(before[key], now[key])))
      return [`the label of pair ${now.pair} has changed`];
    // Records without hashes: files are known by their names, wherever they lie.
    const was = record.sources?.pairs[i] ?? {
      winner: nameOf(before.winnerLatents),
      loser: nameOf(before.loserLatents),
    };
    const is = record.sources ? hashes[i]! : { winner: nameOf(now.winnerLatents), loser: nameOf(now.loserLatents) };
    if (is.winner === was.winner && is.loser === was.loser) return [];
    return is.winner === was.loser && is.loser === was.winner
      ? [`the label of pair ${now.pair} has changed: its winner was the loser`]
      : [`the ${'latents' in read[i]!.winner ? 'latents' : 'pictures'} of pair ${now.pair} have changed`];
  });
  const rest = changes.length - MAX_NAMED;
  return rest > 1 ? [...changes.slice(0, MAX_NAMED), `and ${rest} more pairs`] : changes;
}

function modelChanges(record: RunRecord, model: ResolvedModel, hashes: RunSources): string[] {
  const { title } = model.folder.info;
  if (record.sources) {
    const { model: before } = record.sources;
    return Object.keys(before)
      .filter((part) => before[part] !== hashes.model[part])
      .map((part) => `the ${partNames[part] ?? part} of ${title} has changed`);
  }
  return isRecordedAs(model, record.modelHash) ? [] : [`the UNet of ${title}, or what is on top of it, has changed`];
}
