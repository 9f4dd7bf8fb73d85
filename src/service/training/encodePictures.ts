/** Pictures from elsewhere become latents: the model's VAE encodes each once, in the size that it trains in, and what it says, mean and deviation of
 *  a posterior, is kept as a file under the VAE's hash and the picture's, beside the folder of the pictures. A run that begins again, another run,
 *  another labelling of the pairs, find it there. */
import type { FileStore } from '../../data/files.ts';
import { decodePicture } from '../../data/formats/picture.ts';
import { openSafetensors, writeSafetensors } from '../../data/formats/safetensors.ts';
import { deviation, drawPosterior, type Posterior, posteriorNoise } from '../../diffusion/posterior.ts';
import type { PictureTold } from '../../models/conditioning.ts';
import { distinctBy } from '../../shared/arrays.ts';
import { WinnowError } from '../../shared/errors.ts';
import { checkFinite } from '../../shared/finite.ts';
import { type Fit, fitPicture, fitted } from '../../shared/fit.ts';
import { planarFromRgba } from '../../shared/planar.ts';
import { sizeOf } from '../../shared/shape.ts';
import type { TrainConfig } from '../../training/config.ts';
import type { Latents } from '../../training/runStep.ts';
import type { JobSignal } from '../jobs.ts';
import type { ResolvedModel } from '../model/modelPool.ts';
import { latentSizeOf } from '../sampling/latentSize.ts';
import type { Size } from './buckets.ts';
import type { TrainContext } from './openRun.ts';
import { type ForeignSource, namedFor, type PictureSource, type Sources } from './sources.ts';

/** Where what the VAE says of a picture is kept. */
function encodedFile(
  { file, hash }: ForeignSource,
  { folder }: ResolvedModel,
  { width, height }: Size,
  fit: Fit,
): string {
  const beside = file.replace(/[^\\/]*$/, '').replace(/(^|[\\/])pictures[\\/]$/, '$1');
  return `${beside}encoded/${folder.parts['vae']!.slice(0, 16)}/${hash}-${width}x${height}-${fit}.safetensors`;
}

/** [1, C, h, w] */
function latentShape({ folder: { vae, info } }: ResolvedModel, size: Size): readonly [number, number, number, number] {
  const { height, width } = latentSizeOf(size, info.sizeMultiple);
  return [1, vae.config.latent_channels, height, width];
}

/** Encodes what is not there yet, a few in each turn: other jobs draw in between.
 *  @param check called between pictures; throws where the run is not to go on: what was encoded stays.
 *  @throws BadFile for a picture that does not decode, NoDiskSpace, NotFinite */
export async function encodePictures(
  context: Pick<TrainContext, 'env' | 'frozenParts'>,
  model: ResolvedModel,
  sources: Sources,
  { check, preparing }: { check(): void; preparing(what: string, done: number, total: number): void },
  signal: Pick<JobSignal, 'turn' | 'lastly'>,
): Promise<void> {
  const { files } = context.env;
  const wanted = sources.pairs.flatMap(({ winner, loser, bucket, fit }) => {
    const size = sources.sizes[bucket]!;
    return [winner, loser].flatMap((source) =>
      'latents' in source ? [] : [{ source, size, fit, file: encodedFile(source, model, size, fit) }],
    );
  });
  const open: typeof wanted = [];
  for (const one of distinctBy(wanted, ({ file }) => file)) if (!(await files.exists(one.file))) open.push(one);
  if (open.length === 0) return;
  await checkRoom(
    files,
    open.reduce((sum, { size }) => sum + 2 * 4 * sizeOf(latentShape(model, size)), 0),
  );
  const parts = context.frozenParts(model);
  try {
    const encode = async ({ source, size, fit, file }: (typeof open)[number]): Promise<void> => {
      const picture = await decodePicture(await files.read(source.file)).catch(namedFor(source.file));
      const { data, width, height } = fitPicture(picture, size, fit);
      const { mean, logvar } = await parts.posterior(planarFromRgba(data, width, height), height, width);
      const shape = latentShape(model, size);
      const tensors = { mean: { shape, data: mean }, ...(logvar && { std: { shape, data: deviation(logvar) } }) };
      for (const tensor of Object.values(tensors))
        checkFinite(
          tensor.data,
          `What the VAE makes of ${source.file}`,
          'Take its pair out, or take another copy of the VAE: a weight of it may be too large for f16.',
        );
      await files.write(file, writeSafetensors(tensors, { picture: source.hash }));
    };
    for (let start = 0; start < open.length; start += IN_A_TURN)
      await signal.turn(async () => {
        for (const [i, one] of open.slice(start, start + IN_A_TURN).entries()) {
          check();
          preparing('Encoding the pictures', start + i, open.length);
          await encode(one);
        }
      });
  } finally {
    await signal.lastly(() => parts.releaseStreamed('all'));
  }
}

/** Pictures. */
const IN_A_TURN = 8;

async function checkRoom(files: FileStore, bytes: number): Promise<void> {
  const available = await files.available();
  if (available === null || available >= bytes) return;
  throw new WinnowError(
    'NoDiskSpace',
    `What the VAE says of the pictures takes ${(bytes / 2 ** 20).toFixed(0)} MiB, and there is room for ${(available / 2 ** 20).toFixed(0)}.`,
    'Free some space, or train on fewer pairs.',
  );
}

/** Posteriors that are held in memory, together; those beyond are read at each use. */
const HELD_BYTES = 256 * 2 ** 20;

/** Gives the latents of each picture that was encoded, at each use. */
export function encodedLatents(
  files: FileStore,
  model: ResolvedModel,
  { posterior, seed }: Pick<TrainConfig, 'posterior' | 'seed'>,
): (source: PictureSource, how: { size: Size; fit: Fit; side: 'winner' | 'loser' }) => Latents {
  const held = new Map<string, Posterior>();
  let left = HELD_BYTES;
  const read = async (file: string, size: Size): Promise<Posterior> => {
    const known = held.get(file);
    if (known) return known;
    const found = await readPosterior(files, file, latentShape(model, size));
    const bytes = found.mean.byteLength + (found.std?.byteLength ?? 0);
    if (bytes <= left) {
      held.set(file, found);
      left -= bytes;
    }
    return found;
  };
  return (source, { size, fit, side }) => {
    if ('latents' in source) return source.latents;
    const file = encodedFile(source, model, size, fit);
    return async (draw) => {
      const found = await read(file, size);
      const noise =
        posterior === 'sample' && found.std ? posteriorNoise({ seed, draw, side }, found.mean.length) : null;
      return drawPosterior(found, noise, model.folder.vae.config.scaling_factor);
    };
  };
}

/** What the VAE said of a picture that was encoded. Rejects with NotFound where it was not. */
export const encodedPosterior = (
  files: FileStore,
  model: ResolvedModel,
  source: ForeignSource,
  { size, fit }: { size: Size; fit: Fit },
): Promise<Posterior> => readPosterior(files, encodedFile(source, model, size, fit), latentShape(model, size));

async function readPosterior(files: FileStore, file: string, shape: readonly number[]): Promise<Posterior> {
  const opened = await openSafetensors(await files.read(file), file);
  const tensor = async (name: string): Promise<Float32Array | undefined> => {
    if (!opened.shape(name)) return undefined;
    const data = await opened.read(name);
    if (data.length === sizeOf(shape)) return data;
    throw new WinnowError('WrongShape', `${file} has a ${name} of another size.`, 'Delete the file: it is made anew.');
  };
  const mean = await tensor('mean');
  if (!mean) throw new WinnowError('MissingTensor', `${file} has no tensor mean.`, 'Delete the file: it is made anew.');
  return { mean, std: await tensor('std') };
}

/** What a model that reads it is told of a picture that trains in a size. */
export function toldOf(source: PictureSource, size: Size, fit: Fit): PictureTold {
  if ('latents' in source) return size;
  const { left, top } = fitted(source.picture, size, fit);
  return { ...size, original: { ...source.picture, left: Math.max(0, left), top: Math.max(0, top) } };
}
