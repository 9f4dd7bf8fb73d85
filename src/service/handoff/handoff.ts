/** A run as `accelerate launch` goes on with it (tools/hand-off/continue.py): its pairs' latents without loss, what lies under it, and what its
 *  arithmetic needs to be told. Everything is checked against what the run began with. */
import { heldOutOf } from '../../data/heldOut.ts';
import type { FileStore } from '../../data/files.ts';
import { loraParts, writeLora } from '../../data/formats/lora.ts';
import { column, parquetBytes, type ParquetRow } from '../../data/formats/parquet.ts';
import { writeSafetensors } from '../../data/formats/safetensors.ts';
import { writeInParts } from '../../data/partWriter.ts';
import type { RunStore } from '../../data/runStore.ts';
import type { PictureTold } from '../../models/conditioning.ts';
import { losses } from '../../losses/table.ts';
import { preferenceOf } from '../../losses/preference.ts';
import { isWinnowError, WinnowError } from '../../shared/errors.ts';
import type { Shape } from '../../shared/shape.ts';
import type { Environment } from '../environment.ts';
import { exportModel } from '../export/exporting.ts';
import { loraSites } from '../model/loraFile.ts';
import { activeChanges, type ModelPool, type ResolvedModel } from '../model/modelPool.ts';
import { stepSpecOf } from '../planning/stepSpec.ts';
import { latentSizeOf } from '../sampling/latentSize.ts';
import type { Size } from '../training/buckets.ts';
import { encodedPosterior, toldOf } from '../training/encodePictures.ts';
import { compareSources, type PairSource, type PictureSource, readSources, type Sources } from '../training/sources.ts';
import type { RunRecord } from '../types.ts';

/** handoff.json, but for the hashes of files and what Winnow ran ahead. */
export interface Handoff {
  schema: 1;
  run: string;
  /** Steps done. */
  step: number;
  base: {
    id: string;
    title: string;
    family: string;
    /** Of the model inside the folder, where it lies there. */
    folder: string | null;
    /** Paths in the model's folder of what must be the same. */
    files: readonly string[];
  };
  below: { file: string; strength: number }[];
  prediction: string;
  textStates: string;
  /** What a dropped prompt is: the empty one encoded, or zeros. */
  emptyText: 'encoded' | 'zeros';
  tokens: number;
  /** Of the first pair's latents, [C, h, w]. */
  latentShape: Shape;
  /** Of the pictures of its bucket, in pixels. */
  size: Size;
  /** The VAE's. */
  scalingFactor: number;
  /** Whether the network is told a picture's size. */
  timeIds: boolean;
  /** Trained tensors, in the optimiser's order. */
  entries: { name: string; shape: Shape }[];
  /** What continue.py must know to go on with this run; it refuses what it does not know. */
  needs: readonly string[];
}

export interface HandoffContext {
  env: Pick<Environment, 'files' | 'sha256'>;
  pool: ModelPool;
  runs: RunStore;
}

export interface HandoffResult {
  handoff: Handoff;
  record: RunRecord;
  autoencoder: string;
}

/** Where the model goes, if it goes along. */
const MODEL = 'model';

/** Writes pairs.parquet, below/ and, if asked for or needed, model/ into a folder of the file store.
 *  @throws SourceChanged where pairs or model are not what the run began with, NotFound. */
export async function handOff(
  { env, pool, runs }: HandoffContext,
  run: string,
  folder: string,
  { withModel, preparing }: { withModel: boolean; preparing(what: string, done: number, total: number): void },
): Promise<HandoffResult> {
  const record = await runs.load(run);
  const model = await pool.resolveRecorded(record.model, record.modelHash);
  const sources = await readSources(env, model, record.pairs, record.config, { check: () => {}, preparing });
  compareSources(record, record.pairs, sources, model);
  await writeInParts(env.files, `${folder}/pairs.parquet`, async (add) => {
    for await (const bytes of parquetBytes(pairColumns, pairRows(env.files, record, model, sources))) await add(bytes);
  });
  const changes = activeChanges(model.changes);
  const whole =
    withModel ||
    // Neither can be named by files that diffusers opens.
    model.folder.info.source === 'embedded' ||
    model.folder.reader.component !== undefined ||
    changes.some(({ kind }) => kind === 'full');
  const { info, unet, tokens, pipeline } = model.folder;
  const size = sources.sizes[0]!;
  const { height, width } = latentSizeOf(size, info.sizeMultiple);
  const spec = stepSpecOf(model, record.config, { height, width }, 'input', Number.MAX_SAFE_INTEGER);
  return {
    record,
    autoencoder: model.folder.vae.config.kind,
    handoff: {
      schema: 1,
      run: record.name,
      step: record.step,
      base: {
        id: record.model.base,
        title: info.title,
        family: info.family,
        folder: whole ? MODEL : null,
        files: whole ? await writeModel(env.files, folder, model, preparing) : model.folder.weightFiles,
      },
      below: whole ? [] : await writeBelow(env.files, folder, model),
      prediction: info.predictionType,
      textStates: unet.model.textStates,
      emptyText: pipeline.zeroForNoNegative ? 'zeros' : 'encoded',
      tokens,
      latentShape: [unet.model.latentChannels, height, width],
      size,
      scalingFactor: model.folder.vae.config.scaling_factor,
      timeIds: unet.model.pooledWidth > 0,
      entries: spec.layout.entries.map(({ name, shape }) => ({ name, shape })),
      needs: [
        ...(record.config.ema > 0 ? ['an average of its weights'] : []),
        ...(record.config.solvedMargin > 0 ? ['its solved pairs left out'] : []),
      ],
    },
  };
}

/** The model that the run started from, adapters merged: UNet in f32, as the run has it. Gives the weight files. */
async function writeModel(
  files: FileStore,
  folder: string,
  model: ResolvedModel,
  preparing: (what: string, done: number, total: number) => void,
): Promise<string[]> {
  const written = await exportModel(model, 'diffusers', {
    files,
    folder: `${folder}/${MODEL}`,
    name: MODEL,
    listener: ({ file, doneBytes, totalBytes }) => preparing(file, doneBytes, totalBytes),
  });
  return written
    .map(({ name }) => name)
    .filter((name) => /^(unet|text_encoder(_2)?)\/.*\.safetensors$/.test(name))
    .toSorted();
}

/** The adapters under the run, in order. */
async function writeBelow(
  files: FileStore,
  folder: string,
  { changes, folder: base }: ResolvedModel,
): Promise<Handoff['below']> {
  const written: Handoff['below'] = [];
  for (const change of activeChanges(changes)) {
    if (change.kind !== 'lora') throw new Error('a full fine-tune lies under the run, and no model was written');
    const file = `below/${written.length}.safetensors`;
    const modules = Object.fromEntries(
      loraParts
        .slice(0, 1 + base.textEncoders.length)
        .map((part, i) => [part, i === 0 ? change.modules : change.texts[i - 1]!]),
    );
    await files.write(`${folder}/${file}`, writeSafetensors(writeLora(modules, loraSites(base), 'kohya')));
    written.push({ file, strength: change.strength });
  }
  return written;
}

const sides = ['w', 'l'] as const;

/** Row i is the run's pair i: the draws are indices into that order. Of winner (w) and loser (l) latents as the model has them, or what the VAE said
 *  of a picture from elsewhere, unscaled; and what the network is told of its size. */
const pairColumns = [
  column.string('pair'),
  column.string('caption'),
  ...sides.flatMap((side) => [
    ...['latents', 'mean', 'std'].map((name) => column.binary(`${name}_${side}`)),
    column.int32List(`time_ids_${side}`),
  ]),
  column.int32List('latent_shape'),
  column.int64('bucket'),
  column.int64('repeats'),
  column.float('preference'),
  column.string('by'),
];

async function* pairRows(
  files: FileStore,
  { config, pairs: all }: RunRecord,
  model: ResolvedModel,
  { pairs, sizes }: Sources,
): AsyncGenerator<ParquetRow> {
  const { info, unet } = model.folder;
  const { readsPreference } = losses[config.loss];
  // Held-out pairs stay here: what goes on elsewhere must not train on them either.
  const { pairs: heldOut } = heldOutOf(all, config);
  for (const [i, pair] of pairs.entries()) {
    if (heldOut.has(i)) continue;
    const size = sizes[pair.bucket]!;
    const { height, width } = latentSizeOf(size, info.sizeMultiple);
    const { pair: id, prompt, strength, by, repeats = 1 } = pair.pair;
    yield {
      pair: id,
      caption: prompt,
      ...(await side(files, model, pair.winner, pair, size, 'w')),
      ...(await side(files, model, pair.loser, pair, size, 'l')),
      latent_shape: [unet.model.latentChannels, height, width],
      bucket: BigInt(pair.bucket),
      repeats: BigInt(repeats),
      preference: readsPreference ? preferenceOf(config, strength) : null,
      by,
    };
  }
}

async function side(
  files: FileStore,
  model: ResolvedModel,
  source: PictureSource,
  { fit, pair }: PairSource,
  size: Size,
  which: (typeof sides)[number],
): Promise<ParquetRow> {
  const told = { [`time_ids_${which}`]: timeIds(toldOf(source, size, fit)) };
  if ('latents' in source) return { ...told, [`latents_${which}`]: bytesOf(source.latents) };
  try {
    const { mean, std } = await encodedPosterior(files, model, source, { size, fit });
    return { ...told, [`mean_${which}`]: bytesOf(mean), [`std_${which}`]: std ? bytesOf(std) : null };
  } catch (error) {
    if (!isWinnowError(error, 'NotFound')) throw error;
    throw new WinnowError(
      'NotFound',
      `What the VAE said of ${source.file} (pair ${pair.pair}) is not there any more.`,
      'Resume the run here for a step: it encodes its pictures again.',
    );
  }
}

/** As models/sd/conditioning.ts has them. */
const timeIds = ({ width, height, original = { width, height, left: 0, top: 0 } }: PictureTold): number[] => [
  original.height,
  original.width,
  original.top,
  original.left,
  height,
  width,
];

const bytesOf = (values: Float32Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
