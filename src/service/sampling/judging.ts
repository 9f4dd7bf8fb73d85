/** The judge that is meant by a name, with what it needs of the model whose pictures it judges. */
import { decodePicture } from '../../data/formats/picture.ts';
import { ofPicture } from '../../data/formats/pictureInfo.ts';
import type { Raster } from '../../shared/resize.ts';
import { smallPicture } from '../../evaluation/diversity.ts';
import {
  isJudgeFile,
  type Judge,
  type Judged,
  type JudgeFolder,
  type JudgeRunner,
  type PictureMemory,
  type Scorer,
} from '../../judges/judge.ts';
import { judgeNamed, readJudge } from '../../judges/table.ts';
import { raterKindOf } from '../../records/raters.ts';
import { createSession } from '../../onnx/session.ts';
import type { Arithmetic } from '../../shared/arithmetic.ts';
import { WinnowError } from '../../shared/errors.ts';
import { nameOf } from '../../shared/paths.ts';
import type { Environment, FolderReader } from '../environment.ts';
import { isLost, lostPicture } from './lostPictures.ts';
import type { Planned } from '../model/modelCache.ts';
import type { ModelFolder } from '../model/modelFolder.ts';
import { judgeDtypes } from '../model/weightWidth.ts';
import type { ReadableScores } from '../types.ts';
import type { FrozenParts } from './frozenParts.ts';
import { onnxRunner, type PartRunner, sizedRunner } from './partRunner.ts';

/** One that came with the model, by its name; one that a person brings along, by the path of its folder, or of a file in it, which has a slash in it.
 *  Rejects with NotFound, or with why it is not read. */
export function judgeOf(
  { reader, info }: Pick<ModelFolder, 'reader' | 'info'>,
  name: string,
  open: (path: string) => FolderReader,
): Promise<Judge> {
  if (!/[\\/]/.test(name)) return judgeNamed(reader, name, info);
  const whole = name.replace(/[\\/]+$/, '');
  const file = isJudgeFile(whole) ? nameOf(whole) : undefined;
  const path = file === undefined ? whole : whole.slice(0, -file.length).replace(/[\\/]+$/, '');
  return readJudge(
    { ...judgeFolderOf(open(path), `${path}/`), file },
    { name: ownName(nameOf(whole)), from: 'folder' },
  );
}

/** Labels go by whose name they bear: of a folder `person` they would be a person's. */
export const ownName = (name: string): string => (raterKindOf(name) === 'judge' ? name : `judge ${name}`);

export const judgeFolderOf = (folder: FolderReader, path: string): JudgeFolder => ({
  path,
  read: (file) => folder.read(file),
  open: (file) => folder.open(file),
  ...(folder.sha256 && { sha256: (file) => folder.sha256!(file) }),
  ...(folder.list && { list: () => folder.list!() }),
});

/** Small judges on onnxruntime's wasm, where they give the same scores on every computer; large ones on our kernels.
 *  @param memoryOf what is known of pictures by this judge, where it lies on the device and where not. */
export async function planJudge(
  judge: Judge,
  large: PartRunner,
  memoryOf: (onDevice: boolean) => Promise<PictureMemory | undefined> = async () => undefined,
): Promise<Planned<Scorer>> {
  const runner: JudgeRunner = {
    dtypes: judgeDtypes,
    ...sizedRunner(onnxRunner({ provider: 'wasm' }), large),
    file: onWasm,
  };
  const { bytes, onDevice, make } = await judge.plan(runner);
  return {
    bytes,
    onDevice,
    async make() {
      runner.pictures = await memoryOf(onDevice);
      return make();
    },
  };
}

/** Under which embeddings of pictures are kept (embeddingStore.ts): by the judge's own word, and by what they were computed in. */
export const embedderIn = (embedder: string, arithmetic: Arithmetic): string =>
  arithmetic === 'f32' ? embedder : `${embedder} ${arithmetic}`;

const onWasm: JudgeRunner['file'] = ({ bytes, read }) => ({
  bytes,
  onDevice: false,
  async make() {
    const { model, beside } = await read();
    return createSession(model, { provider: 'wasm', ...(beside.length > 0 && { externalData: beside }) });
  },
});

/** Rejects with BadFile and the file's name: one of thousands. */
const readPicture = async (files: Environment['files'], file: string): Promise<Raster> =>
  decodePicture(await files.read(file)).catch(ofPicture(file));

/** What a judge keeps of a picture of the store. */
const storedPicture = (
  { files, sha256 }: Pick<Environment, 'files' | 'sha256'>,
  file: string,
): Pick<Judged, 'key' | 'picture'> => ({
  key: async () => sha256(await files.read(file)),
  picture: () => readPicture(files, file),
});

/** Where pictures of the store lie by a judge. Rejects with BadArguments for one that does not say. */
export async function embeddings(
  env: Pick<Environment, 'files' | 'sha256'>,
  scorer: Scorer,
  name: string,
  files: readonly string[],
): Promise<Float32Array[]> {
  const vectors: Float32Array[] = [];
  const found = scorer.embed?.(files.map((file) => storedPicture(env, file)));
  if (!found)
    throw new WinnowError(
      'BadArguments',
      `Judge ${name} has no embedding of pictures.`,
      'Take a CLIP, or compare pictures by their pixels.',
    );
  for await (const vector of found) vectors.push(vector);
  return vectors;
}

/** The same by pixels, [32 * 32 * 3] each. */
export async function smallPictures(
  { files: store }: Pick<Environment, 'files'>,
  files: readonly string[],
): Promise<Float32Array[]> {
  const vectors: Float32Array[] = [];
  for (const file of files) vectors.push(smallPicture(await readPicture(store, file)));
  return vectors;
}

/** A picture of the store. Read anew whenever a judge asks: there may be thousands. */
export const judgedFile = (
  env: Pick<Environment, 'files' | 'sha256'>,
  parts: Pick<FrozenParts, 'encodeText'>,
  { file, prompt }: { file: string; prompt: string },
): Judged & { file: string } => ({
  ...storedPicture(env, file),
  file,
  prompt,
  pooled: async () => (await parts.encodeText(prompt)).pooled,
});

/** Scores of the pictures that can be read. One that is gone or damaged costs the others nothing; whatever else goes wrong rejects. */
export async function readableScores(
  scorer: Pick<Scorer, 'score'>,
  items: readonly (Judged & { file: string })[],
): Promise<ReadableScores> {
  let ofPictures: unknown;
  const noting =
    <T>(read: () => Promise<T>) =>
    (): Promise<T> =>
      read().catch((error: unknown) => {
        if (isLost(error)) ofPictures = error;
        throw error;
      });
  const watched = items.map((item) => ({ ...item, key: noting(item.key), picture: noting(item.picture) }));
  const { scores, lost }: ReadableScores = { scores: [], lost: [] };
  while (scores.length < items.length)
    try {
      for await (const score of scorer.score(watched.slice(scores.length))) scores.push(score);
    } catch (error) {
      if (error !== ofPictures) throw error;
      // They come one by one, in their order.
      lost.push(lostPicture(items[scores.length]!.file, error));
      scores.push(null);
    }
  return { scores, lost };
}
