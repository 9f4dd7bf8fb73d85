/** What a run trains on: its pairs' latents and its model, read once and named by content, so that a run that is resumed can tell whether
 *  they are still what it began with. */
import { openSafetensors } from '../../data/formats/safetensors.ts';
import { WinnowError } from '../../shared/errors.ts';
import { checkFinite } from '../../shared/finite.ts';
import type { Environment } from '../environment.ts';
import { partHashes, partNames } from '../model/identity.ts';
import { isRecordedAs, type ResolvedModel } from '../model/modelPool.ts';
import type { RunRecord, RunSources, TrainPair } from '../types.ts';

export interface PairLatents {
  pair: TrainPair;
  /** [C * h * w], as the model has them. */
  winner: Float32Array;
  loser: Float32Array;
}

export interface Sources {
  pairs: PairLatents[];
  /** Of every picture, in latents. */
  latentSize: { height: number; width: number };
  hashes: RunSources;
  /** RunRecord.dataHash. */
  dataHash: string;
}

/** Reads the pairs and hashes them and the model.
 *  @param check called between files; throws where the run is not to go on.
 *  @throws MissingTensor, BadArguments for pairs of different sizes or of another model, NotFound for files that are gone. */
export async function readSources(
  env: Pick<Environment, 'files' | 'sha256'>,
  model: ResolvedModel,
  pairs: readonly TrainPair[],
  { check, preparing }: { check(): void; preparing(what: string, done: number, total: number): void },
): Promise<Sources> {
  const read: PairLatents[] = [];
  const hashes: RunSources['pairs'] = [];
  let latentSize = { height: 0, width: 0 };
  for (const [i, pair] of pairs.entries()) {
    check();
    if (i % 8 === 0) preparing('Reading the pairs', i, pairs.length);
    const winner = await readLatents(env, pair.winnerLatents, model);
    const loser = await readLatents(env, pair.loserLatents, model);
    if (i === 0) latentSize = { height: winner.height, width: winner.width };
    for (const { height, width } of [winner, loser])
      if (height !== latentSize.height || width !== latentSize.width)
        throw new WinnowError(
          'BadArguments',
          `Pair ${pair.pair} is of another size than the first.`,
          'Train on pairs of one size.',
        );
    read.push({ pair, winner: winner.data, loser: loser.data });
    hashes.push({ winner: winner.hash, loser: loser.hash });
  }
  check();
  preparing('Checking the model', 0, 1);
  const parts = await partHashes(model, env);
  check();
  const data = pairs.map((pair, i) => ({ ...pair, winnerLatents: hashes[i]!.winner, loserLatents: hashes[i]!.loser }));
  return {
    pairs: read,
    latentSize,
    hashes: { model: parts, pairs: hashes },
    dataHash: await env.sha256(new TextEncoder().encode(JSON.stringify(data))),
  };
}

async function readLatents(
  { files, sha256 }: Pick<Environment, 'files' | 'sha256'>,
  file: string,
  { folder: { unet, info } }: ResolvedModel,
): Promise<{ data: Float32Array; height: number; width: number; hash: string }> {
  const opened = await openSafetensors(await files.read(file), file);
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
  return { data, height: shape[2]!, width: shape[3]!, hash };
}

/** Refuses what is not what the run began with, by name. Gives what could not be compared, in a sentence: records of before hashes were kept.
 *  @param pairs those that the sources were read from.
 *  @throws SourceChanged */
export function compareSources(
  record: RunRecord,
  pairs: readonly TrainPair[],
  { hashes }: Sources,
  model: ResolvedModel,
): string | null {
  const changes = [...pairChanges(record, pairs, hashes), ...modelChanges(record, model, hashes)];
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

function pairChanges(record: RunRecord, pairs: readonly TrainPair[], { pairs: hashes }: RunSources): string[] {
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
      : [`the latents of pair ${now.pair} have changed`];
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
