/** The folder of an ImageReward: BLIP's two towers and a head in one file, BERT's vocabulary. Small files and the header of its weights are read, no
 *  more. THUDM/ImageReward, ImageReward/ImageReward.py */
import { openSafetensors, type SafetensorsFile } from '../../data/formats/safetensors.ts';
import { vocabularyFiles } from '../../data/judgeNames.ts';
import { WordPieceTokenizer } from '../../models/bert/wordPiece.ts';
import {
  BLIP_TEXT,
  BLIP_WORDS,
  type BlipTextConfig,
  blipTextConfig,
  blipTextGraph,
} from '../../models/blip/textEncoder.ts';
import {
  BLIP_VISION,
  type BlipVisionConfig,
  blipVisionConfig,
  blipVisionGraph,
} from '../../models/blip/visionEncoder.ts';
import { checkParameters, finiteTensors, parametersOf, type TensorSource } from '../../models/weights.ts';
import { WinnowError } from '../../shared/errors.ts';
import { parseJsonObject } from '../../shared/json.ts';
import { type AestheticHead, headTensors, openHead } from '../clip/aestheticHead.ts';
import { forJudges } from '../clip/folder.ts';
import type { JudgeFolder } from '../judge.ts';
import { clipPreprocess, type Preprocess, preprocessedSize } from '../preprocess.ts';
import { optional } from '../tokenizer.ts';

export interface ImageRewardFiles {
  vision: BlipVisionConfig;
  text: BlipTextConfig;
  /** Tokens that a prompt is cut to, and filled up to. */
  tokens: number;
  /** Under the names that ImageReward's own code gives. */
  weights: TensorSource;
  /** In messages. */
  file: string;
  /** Of its weights, where the place knows it. */
  hash?(): Promise<string>;
  preprocess: Preprocess;
  tokenizer: WordPieceTokenizer;
  head(): Promise<AestheticHead>;
}

/** As ImageReward calls its tokenizer. */
const TOKENS = 35;
/** What BLIP adds to BERT's vocabulary. */
const ADDED = ['[DEC]', '[ENC]'];

const whole = 'Take the whole model: model.safetensors of RE-N-Y/ImageReward.';

/** Undefined for a folder that has nothing of ImageReward's in it. Rejects as JudgeKind.read. */
export async function openImageReward(folder: JudgeFolder): Promise<ImageRewardFiles | undefined> {
  const found = await findWeights(folder);
  if (!found) return undefined;
  const { name, tensors, prefix } = found;
  const file = `${folder.path}${name}`;
  const weights = finiteTensors(withoutPrefix(tensors, prefix), () => file);
  for (const [tower, what] of [
    [BLIP_VISION, 'vision tower'],
    [BLIP_TEXT, 'text encoder'],
    ['mlp.layers', 'head'],
  ] as const)
    if (!weights.names.some((name) => name.startsWith(`${tower}.`)))
      throw new WinnowError('MissingTensor', `${file} has no ${what} of ImageReward (${tower}).`, whole);
  const med = await optional(folder.read('med_config.json'));
  const [vision, text] = forJudges(
    () => [
      blipVisionConfig(weights),
      blipTextConfig(weights, med && parseJsonObject(med, { file: `${folder.path}med_config.json`, remedy: whole })),
    ],
    'Choose an ImageReward, with the med_config.json that belongs to it or without one.',
  );
  const tokens = Math.min(TOKENS, text.max_position_embeddings);
  const image = { tokens: (vision.image_size / vision.patch_size) ** 2 + 1, width: vision.hidden_size };
  checkParameters(
    [
      ...parametersOf(blipVisionGraph(vision)),
      { name: BLIP_WORDS, shape: [text.vocab_size, text.hidden_size] },
      ...parametersOf(blipTextGraph(text, { tokens, image })),
    ],
    weights,
    file,
  );
  const side = vision.image_size;
  return {
    vision,
    text,
    tokens,
    weights,
    file,
    ...(folder.sha256 && { hash: () => folder.sha256!(name) }),
    preprocess: preprocessOf(side),
    tokenizer: await tokenizerOf(folder, text),
    head: () =>
      openHead(headTensors(weights)!, text.hidden_size, {
        what: `The head of ${file}`,
        remedy: 'Take the weights again: the head belongs to the text encoder beside it.',
      }),
  };
}

/** The short side by Pillow, the middle as torchvision cuts it. */
const preprocessOf = (side: number): Preprocess => ({
  ...clipPreprocess(side),
  crop: { ...preprocessedSize(clipPreprocess(side))!, offset: 'even' },
});

async function findWeights(
  folder: JudgeFolder,
): Promise<{ name: string; tensors: SafetensorsFile; prefix: string } | undefined> {
  const { file: asked } = folder;
  const listed = (await folder.list?.()) ?? [];
  const names =
    asked !== undefined && /\.safetensors$/i.test(asked)
      ? [asked]
      : new Set([
          'model.safetensors',
          'ImageReward.safetensors',
          ...listed.filter((name) => /\.safetensors$/i.test(name)),
        ]);
  for (const name of names) {
    const bytes = await optional(folder.open(name));
    if (!bytes) continue;
    const tensors = await openSafetensors(bytes, `${folder.path}${name}`);
    const prefix = prefixOf(tensors);
    if (prefix !== undefined) return { name, tensors, prefix };
  }
  return undefined;
}

/** What stands before its keys; undefined for a file of something else. */
function prefixOf({ names }: TensorSource): string | undefined {
  for (const name of names) {
    const at = /^((?:\w+\.)*?)blip\.(?:visual_encoder|text_encoder)\./.exec(name);
    if (at) return at[1];
  }
  return undefined;
}

const withoutPrefix = (source: SafetensorsFile, prefix: string): TensorSource => ({
  names: source.names.flatMap((name) => (name.startsWith(prefix) ? name.slice(prefix.length) : [])),
  shape: (name) => source.shape(prefix + name),
  read: (name) => source.read(prefix + name),
  readRows: (name, begin, end) => source.readRows(prefix + name, begin, end),
  half: (name) => source.half(prefix + name),
  readHalf: (name) => source.readHalf(prefix + name),
});

/** Its own, or BERT's. Rejects with NotFound where the table of the weights is of no vocabulary that is known, BadFile for one of another model. */
async function tokenizerOf(folder: JudgeFolder, { vocab_size: rows }: BlipTextConfig): Promise<WordPieceTokenizer> {
  for (const name of vocabularyFiles) {
    const bytes = await optional(folder.read(name));
    if (!bytes) continue;
    const file = `${folder.path}${name}`;
    const own = new WordPieceTokenizer(new TextDecoder().decode(bytes), ADDED, file);
    if (own.size === rows) return own;
    throw new WinnowError(
      'BadFile',
      `${file} is another model's: with ${ADDED.join(' and ')} it has ${own.size} tokens, and the text encoder reads ${rows}.`,
      'Take vocab.txt of google-bert/bert-base-uncased, or none: Winnow brings it.',
    );
  }
  const bert = new WordPieceTokenizer((await import('../../models/bert/vocabulary/vocab.txt?raw')).default, ADDED);
  if (bert.size === rows) return bert;
  throw new WinnowError(
    'NotFound',
    `${folder.path} has no vocabulary (vocab.txt), and its text encoder reads ${rows} tokens, which are not those of BERT (uncased).`,
    'Put the vocab.txt that belongs to these weights beside them.',
  );
}
