/** The folder of a judge that is a CLIP: its config, weights and tokenizer in the layouts that people publish. Small files and the header of its
 *  weights are read, no more. */
import { openSafetensors, type SafetensorsFile } from '../../data/formats/safetensors.ts';
import { isTowerHead } from '../../data/judgeNames.ts';
import { openSharded } from '../../data/formats/shardedSafetensors.ts';
import {
  type ClipConfig,
  clipConfigOfShapes,
  clipTensors,
  parseClipConfig,
  parseOpenClipConfig,
} from '../../models/clip/clip.ts';
import { ClipTokenizer } from '../../models/clip/tokenizer.ts';
import { CLIP_VOCAB_SIZE, clipTokenizerFile } from '../../models/clip/vocabulary/vocabulary.ts';
import { finiteTensors, type TensorSource } from '../../models/weights.ts';
import { isWinnowError, WinnowError } from '../../shared/errors.ts';
import { isRecord, parseJsonObject, shown } from '../../shared/json.ts';
import { nameOf } from '../../shared/paths.ts';
import type { JudgeFolder } from '../judge.ts';
import { clipPreprocess, hpsPreprocess, type Preprocess, readPreprocessor } from '../preprocess.ts';
import { headTensors } from './aestheticHead.ts';
import { readTokenizer } from '../tokenizer.ts';
import { isPickle, pickleRefused } from './pickles.ts';

/** clip: 100 cos; pickscore: exp(logit_scale) cos; hps: cos of whole pictures; aesthetic: a head on the image embedding. */
export const recipes = ['clip', 'pickscore', 'hps', 'aesthetic'] as const;
export type Recipe = (typeof recipes)[number];

export interface ClipFiles {
  recipe: Recipe;
  /** As its parts say: folder, weights, config. */
  title: string;
  config: ClipConfig;
  /** Under Hugging Face's names. */
  weights: TensorSource;
  /** In messages. */
  file: string;
  /** Of all its weights, where the place knows it. */
  hash?(): Promise<string>;
  /** Of an aesthetic judge. */
  head?: TensorSource;
  preprocess: Preprocess;
  /** The judge's own; CLIP's, where it brings none. */
  tokenizer(): Promise<ClipTokenizer>;
}

const remedy = 'Take another copy of the judge.';

async function present<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (isWinnowError(error, 'NotFound')) return undefined;
    throw error;
  }
}

/** What its config says of a folder that is a CLIP's. */
function isClipConfig(config: Record<string, unknown>): boolean {
  const { model_type: type, architectures } = config;
  return (
    type === 'clip' ||
    type === 'clip_vision_model' ||
    (Array.isArray(architectures) && architectures.some((name) => /^CLIP|Aesthetics?Predictor/.test(String(name)))) ||
    isRecord(config['vision_config'])
  );
}

/** Undefined for a folder that has nothing of CLIP's in it. Rejects as JudgeKind.read. */
export async function openClipFiles(
  folder: JudgeFolder,
  config: Record<string, unknown> | undefined,
): Promise<ClipFiles | undefined> {
  const json = async (name: string): Promise<Record<string, unknown> | undefined> => {
    const bytes = await present(folder.read(name));
    return bytes && parseJsonObject(bytes, { file: `${folder.path}${name}`, remedy });
  };
  const openClip = await json('open_clip_config.json');
  const isOurs = openClip !== undefined || (config !== undefined && isClipConfig(config));
  const listed = (await folder.list?.()) ?? [];
  const found = await findWeights(folder, listed, isOurs);
  if (!found) return undefined;
  const { name, tensors } = found;
  const file = `${folder.path}${name}`;
  if (
    !isOurs &&
    !tensors.names.some((key) => /(^|\.)(visual\.conv1|vision_model\.embeddings\.patch_embedding)\.weight$/.test(key))
  )
    return undefined;
  const head = (await findHead(folder, listed)) ?? headTensors(tensors);
  const said = await json('judge.json');
  const recipe = recipeOf(said, head !== undefined, [
    name,
    nameOf(folder.path),
    config?.['_name_or_path'],
    said?.['name'],
  ]);
  const weights = clipTensors(
    finiteTensors(tensors, () => file),
    file,
  );
  const parsed = forJudges(() => {
    if (config && isClipConfig(config)) return parseClipConfig(config);
    if (openClip) return parseOpenClipConfig(isRecord(openClip['model_cfg']) ? openClip['model_cfg'] : {});
    // An aesthetic head without a config beside it belongs to OpenAI's ViT-L/14.
    return clipConfigOfShapes(weights, recipe === 'aesthetic' ? 'quick_gelu' : undefined);
  });
  return {
    recipe,
    title: titleOf(recipe, `${name} ${nameOf(folder.path)}`, parsed, head),
    config: parsed,
    weights,
    file,
    ...(folder.sha256 && { hash: () => hashOf(folder, name) }),
    ...(head && { head }),
    preprocess: preprocessOf(recipe, parsed, await json('preprocessor_config.json'), openClip),
    tokenizer: () => tokenizerOf(folder, parsed),
  };
}

/** What a config lacks, said to somebody who has brought a judge. */
export function forJudges<T>(
  read: () => T,
  remedy = 'Choose a judge whose config is a CLIPModel’s or open_clip’s.',
): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof WinnowError && error.name === 'UnsupportedArchitecture' && /config: /.test(error.what))
      throw new WinnowError(error.name, error.what, remedy);
    throw error;
  }
}

async function findWeights(
  folder: JudgeFolder,
  listed: readonly string[],
  isOurs: boolean,
): Promise<{ name: string; tensors: SafetensorsFile } | undefined> {
  const known = ['model.safetensors', 'open_clip_model.safetensors'];
  const others = listed.filter((name) => name.endsWith('.safetensors') && !known.includes(name) && !isHead(name));
  const { file } = folder;
  const asked = file !== undefined && /\.safetensors$/i.test(file) && !isHead(file) ? file : undefined;
  const opened = async (name: string): Promise<SafetensorsFile | undefined> => {
    const bytes = await present(folder.open(name));
    return bytes && openSafetensors(bytes, `${folder.path}${name}`);
  };
  for (const name of asked === undefined ? known : [asked]) {
    const tensors = await opened(name);
    if (tensors) return { name, tensors };
  }
  const index = asked === undefined ? await present(folder.read(INDEX)) : undefined;
  if (index) {
    const open = async (name: string): Promise<SafetensorsFile> =>
      openSafetensors(await folder.open(name), `${folder.path}${name}`);
    return { name: INDEX, tensors: await openSharded(index, `${folder.path}${INDEX}`, open) };
  }
  for (const name of asked === undefined ? others : []) {
    const tensors = await opened(name);
    if (tensors) return { name, tensors };
  }
  // A repository has its model as ONNX beside the pickle, or an ONNX model its weights in a file that is called as one.
  for (const name of [...listed.filter(isOnnx), 'onnx/model.onnx'])
    if (await present(folder.open(name))) return undefined;
  const pickles = ['pytorch_model.bin', 'open_clip_pytorch_model.bin', ...listed.filter(isPickle)];
  for (const name of pickles)
    if (isOurs || listed.includes(name)) if (await present(folder.open(name))) throw pickleRefused(name, folder.path);
  const head = listed.find(isHead);
  if (head)
    throw new WinnowError(
      'MissingTensor',
      `${folder.path} has an aesthetic head (${head}), and no vision tower for it.`,
      'Put config.json and model.safetensors of openai/clip-vit-large-patch14 beside it.',
    );
  if (!isOurs) return undefined;
  throw new WinnowError('NotFound', `${folder.path} has no weights (model.safetensors).`, 'Take the whole folder.');
}

const isOnnx = (name: string): boolean => /\.onnx$/i.test(name);

/** Of weights in several files. */
const INDEX = 'model.safetensors.index.json';

/** Of a file, or of those that an index names. */
async function hashOf(folder: JudgeFolder, name: string): Promise<string> {
  if (name !== INDEX) return folder.sha256!(name);
  const { weight_map: map } = parseJsonObject(await folder.read(INDEX), { file: `${folder.path}${INDEX}`, remedy });
  const shards = new Set(isRecord(map) ? Object.values(map).map(String) : []);
  return (await Promise.all([...shards].toSorted().map((shard) => folder.sha256!(shard)))).join(' ');
}

const isHead = (name: string): boolean => name.endsWith('.safetensors') && isTowerHead(name);

async function findHead(folder: JudgeFolder, listed: readonly string[]): Promise<TensorSource | undefined> {
  for (const name of new Set(['head.safetensors', 'mlp.safetensors', ...listed.filter(isHead)])) {
    const bytes = await present(folder.open(name));
    const file = `${folder.path}${name}`;
    if (!bytes) continue;
    const head = headTensors(
      finiteTensors(await openSafetensors(bytes, file), () => file),
      true,
    );
    if (head) return head;
    throw new WinnowError('MissingTensor', `${file} has no layers of an aesthetic head.`, remedy);
  }
  // Left aside, the tower would be taken for a CLIPScore.
  const pickled = listed.find((name) => isPickle(name) && isTowerHead(name));
  if (pickled !== undefined) throw pickleRefused(pickled, folder.path);
  return undefined;
}

/** judge.json says it outright (`recipe`); else what lies there, and what it is called. */
function recipeOf(said: Record<string, unknown> | undefined, hasHead: boolean, names: readonly unknown[]): Recipe {
  const own = recipes.find((recipe) => recipe === said?.['recipe']);
  if (own) return own;
  if (said?.['recipe'] !== undefined)
    throw new WinnowError(
      'BadFile',
      `judge.json: recipe is ${shown(said['recipe'])}.`,
      `Write one of ${recipes.join(', ')}.`,
    );
  if (hasHead) return 'aesthetic';
  const called = names.filter((name) => typeof name === 'string').join(' ');
  if (/pick[-_ ]?score/i.test(called)) return 'pickscore';
  return /hps[-_ ]?v?2|(^|[^a-z])hps([^a-z]|$)/i.test(called) ? 'hps' : 'clip';
}

function titleOf(
  recipe: Recipe,
  called: string,
  { vision: { hidden_size: width, patch_size: patch } }: ClipConfig,
  head: TensorSource | undefined,
): string {
  const size = { 768: 'B', 1024: 'L', 1280: 'H', 1664: 'bigG' }[width];
  switch (recipe) {
    case 'clip':
      return size ? `CLIPScore (ViT-${size}/${patch})` : 'CLIPScore';
    case 'pickscore':
      return 'PickScore';
    case 'hps':
      return /v?2[._]?1/i.test(called) ? 'HPS v2.1' : 'HPS v2';
    case 'aesthetic':
      if (head?.shape('11.weight')) return 'LAION aesthetic v2 (ReLU)';
      return head?.shape('7.weight') ? 'LAION aesthetic v2' : 'LAION aesthetic v1';
    default:
      throw new Error(`no title for ${recipe satisfies never}`);
  }
}

export function preprocessOf(
  recipe: Recipe,
  { vision: { image_size: side } }: ClipConfig,
  config: Record<string, unknown> | undefined,
  openClip?: Record<string, unknown>,
): Preprocess {
  // Published copies of HPS bring the plain CLIP processor, which crops: its own code does not.
  const plain = recipe === 'hps' ? hpsPreprocess(side) : clipPreprocess(side);
  if (config && recipe !== 'hps') return sees(readPreprocessor(config, plain), side);
  const own = openClip?.['preprocess_cfg'];
  if (!isRecord(own)) return plain;
  const { image_mean: mean, image_std: deviation } = { image_mean: own['mean'], image_std: own['std'] };
  return readPreprocessor({ image_mean: mean, image_std: deviation }, plain, 'open_clip_config.json');
}

/** A processor must make what the tower takes. */
function sees(preprocess: Preprocess, side: number): Preprocess {
  const { crop, resize } = preprocess;
  const [width, height] = crop
    ? [crop.width, crop.height]
    : resize && 'width' in resize
      ? [resize.width, resize.height]
      : [0, 0];
  if (width !== side || height !== side)
    throw new WinnowError(
      'BadFile',
      `preprocessor_config.json makes pictures of ${width} by ${height} pixels, and the vision tower sees ${side} by ${side}.`,
      remedy,
    );
  return preprocess;
}

/** Rejects with BadFile for one that does not fit the text tower. */
export async function tokenizerOf(folder: JudgeFolder, { text }: ClipConfig): Promise<ClipTokenizer> {
  const tokenizer = await readTokenizer(folder);
  if (!tokenizer) {
    if (text?.vocab_size !== CLIP_VOCAB_SIZE)
      throw new WinnowError(
        'NotFound',
        `${folder.path} has no tokenizer, and its text tower reads ${text?.vocab_size} tokens, which is not CLIP's vocabulary.`,
        'Put tokenizer.json, or vocab.json and merges.txt, beside its weights.',
      );
    return ownTokenizer();
  }
  if (!text) return tokenizer;
  // Configs of before 2023 say 2, whatever the tokenizer has.
  const { eos_token_id: end, vocab_size: size } = text;
  if (tokenizer.largestId >= size || (end !== 2 && end < size && end !== tokenizer.eosId))
    throw new WinnowError(
      'BadFile',
      `The tokenizer of ${folder.path} is another model's: it has ${tokenizer.largestId + 1} tokens and ends prompts with ${tokenizer.eosId}; the text tower reads ${size} and looks for ${end === 2 ? size - 1 : end}.`,
      'Put the tokenizer that belongs to these weights beside them.',
    );
  return tokenizer;
}

/** CLIP's own vocabulary, which every published judge of this kind uses. */
async function ownTokenizer(): Promise<ClipTokenizer> {
  const merges = (await import('../../models/clip/vocabulary/merges.txt?raw')).default;
  const file = (name: string): string => clipTokenizerFile(merges, '<|endoftext|>', name)!;
  return new ClipTokenizer({
    'vocab.json': JSON.parse(file('vocab.json')),
    'merges.txt': merges,
    'tokenizer_config.json': JSON.parse(file('tokenizer_config.json')),
  });
}
