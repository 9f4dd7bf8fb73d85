/** The judges that are a CLIP: CLIPScore, PickScore, HPS v2 and v2.1, LAION's aesthetic predictors. They differ in how they see a picture, and in
 *  what they make of the two embeddings. */
import '../../shared/disposable.ts';
import { WinnowError } from '../../shared/errors.ts';
import { checkFinite } from '../../shared/finite.ts';
import type { Judge, JudgeFolder, JudgeKind, JudgeRunner, Score, Scorer } from '../judge.ts';
import { openHead } from './aestheticHead.ts';
import { type ClipFiles, openClipFiles, type Recipe } from './folder.ts';
import { ClipTowers } from './towers.ts';

/** What a recipe makes of a picture's embedding and, where it reads prompts, of the prompt's. */
type Rule = (image: Float32Array, text: Float32Array | undefined) => number;

interface ClipRecipe extends Omit<JudgeKind, 'read'> {
  /** Reads what else it needs of the judge's files, once. */
  rule(files: ClipFiles): Promise<Rule>;
}

const norm = (x: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i]! ** 2;
  // torch.nn.functional.normalize does not let it fall below.
  return Math.max(Math.sqrt(sum), 1e-12);
};

/** Of two vectors of any length. */
export function cosine(image: Float32Array, text: Float32Array | undefined): number {
  let dot = 0;
  for (let i = 0; i < image.length; i++) dot += image[i]! * text![i]!;
  return dot / (norm(image) * norm(text!));
}

/** exp(logit_scale), about 100. */
async function readScale({ weights, file }: ClipFiles): Promise<number> {
  if (!weights.shape('logit_scale'))
    throw new WinnowError('MissingTensor', `${file} has no logit_scale.`, 'Take the whole model.');
  return Math.exp((await weights.read('logit_scale'))[0]!);
}

const both = ['image', 'prompt'] as const;

export const clipRecipes: Readonly<Record<Recipe, ClipRecipe>> = {
  aesthetic: {
    takes: 'a CLIP vision tower (config.json, model.safetensors) and an aesthetic head (mlp.safetensors)',
    scales: [{ name: 'appeal', title: 'Appeal', needs: ['image'] }],
    about: {
      purpose: 'How much people liked pictures like this one, from 1 to 10 (LAION aesthetic). The prompt is not read.',
      weakness:
        'Says nothing of the prompt, is about as good as chance at telling which of two pictures people prefer, and likes glossy ones: report it, do not select by it.',
    },
    async rule({ head, config, file }) {
      if (!head)
        throw new WinnowError(
          'MissingTensor',
          `${file} comes without an aesthetic head.`,
          'Put mlp.safetensors of vivym/improved-aesthetic-predictor beside it.',
        );
      const score = await openHead(head, config.vision.projection_dim);
      return (image) => {
        const length = norm(image);
        return score(Float64Array.from(image, (x) => x / length));
      };
    },
  },
  pickscore: {
    takes: 'a CLIP whose name has PickScore in it',
    scales: [{ name: 'preference', title: 'Preference', needs: both, logit: 1 }],
    about: {
      purpose: 'Which of two pictures of one prompt people prefer (PickScore): the judge to begin with.',
      weakness:
        'Sees 224 pixels of the middle, and 77 tokens of a prompt; misses broken hands; compares pictures of one prompt alone.',
    },
    async rule(files) {
      const scale = await readScale(files);
      return (image, text) => scale * cosine(image, text);
    },
  },
  hps: {
    takes: 'a CLIP whose name has HPS in it',
    scales: [{ name: 'preference', title: 'Preference', needs: both, logit: 100 }],
    about: {
      purpose: 'Which of two pictures of one prompt people prefer (Human Preference Score v2 or v2.1).',
      weakness:
        'Optimised against, it gives glossy, over-detailed pictures; sees 224 pixels; v2 and v2.1 are different scales, and either means something within one prompt alone.',
    },
    rule: async () => cosine,
  },
  clip: {
    takes: 'a CLIP with both towers (config.json or open_clip_config.json, and model.safetensors)',
    scales: [{ name: 'alignment', title: 'Prompt alignment', needs: both, logit: 1 }],
    about: {
      purpose: 'How well a picture shows its prompt (100 times the cosine of CLIP’s embeddings).',
      weakness: 'Knows little of what people find good, of counts and of who does what; reads 77 tokens of a prompt.',
    },
    rule: async () => (image, text) => 100 * cosine(image, text),
  },
};

/** A judge of these files at work. Rejects before anything of its weights is on a device. */
export async function planClipJudge(
  files: ClipFiles,
  runner: JudgeRunner,
): Promise<{ bytes: number; onDevice: boolean; make(): Promise<Scorer> }> {
  const { scales, rule } = clipRecipes[files.recipe];
  const scale = scales[0]!;
  const readsText = scale.needs.includes('prompt');
  const decide = await rule(files);
  const tokenizer = readsText ? await files.tokenizer() : undefined;
  const { bytes, onDevice } = new ClipTowers(files, runner, readsText);
  return {
    bytes,
    onDevice,
    async make() {
      const towers = new ClipTowers(files, runner, readsText, runner.pictures);
      return {
        [Symbol.asyncDispose]: () => towers[Symbol.asyncDispose](),
        async *score(items) {
          const texts =
            tokenizer &&
            (await towers.encodePrompts(
              items.map(({ prompt }) => prompt),
              tokenizer,
            ));
          try {
            for (const [i, item] of items.entries()) {
              const score = decide(await towers.encodePicture(item), texts?.[i]);
              checkFinite(
                [score],
                `Scores of ${files.file}`,
                'Its weights are too large for what it computes: take another copy.',
              );
              yield { [scale.name]: score } satisfies Score;
            }
          } finally {
            await runner.pictures?.flush();
          }
        },
        async *embed(items) {
          try {
            for (const item of items) {
              const embedding = await towers.encodePicture(item);
              checkFinite(
                embedding,
                `Embeddings of ${files.file}`,
                'Its weights are too large for what it computes: take another copy.',
              );
              yield embedding;
            }
          } finally {
            await runner.pictures?.flush();
          }
        },
      };
    },
  };
}

/** Opened once, whichever kinds ask. */
const opened = new WeakMap<JudgeFolder, Promise<ClipFiles | undefined>>();

const kind = (recipe: Recipe): JudgeKind => ({
  ...clipRecipes[recipe],
  async read(folder, config) {
    let opening = opened.get(folder);
    if (!opening) opened.set(folder, (opening = openClipFiles(folder, config)));
    const files = await opening;
    if (files?.recipe !== recipe) return undefined;
    return {
      title: files.title,
      imageSize: null,
      embeds: true,
      embedder: () => embedderOf(files),
      plan: (runner) => planClipJudge(files, runner),
      ...(clipRecipes[recipe].scales[0]!.needs.includes('prompt') && { lost: lostBy(files) }),
    };
  },
});

/** Whoever changes what is computed of a picture counts on. */
const EMBEDDING_VERSION = 1;

/** What a head or a prompt is held against depends on nothing else: a CLIPScore and an aesthetic judge of one tower share it. */
async function embedderOf({ hash, config, preprocess }: ClipFiles): Promise<string | undefined> {
  return hash && JSON.stringify(['clip', EMBEDDING_VERSION, await hash(), config.vision, preprocess]);
}

const lostBy =
  (files: ClipFiles): NonNullable<Judge['lost']> =>
  async (prompts) => {
    const tokenizer = await files.tokenizer();
    const length = Math.min(tokenizer.maxLength, files.config.text?.max_position_embeddings ?? Infinity);
    return prompts.map((prompt) => tokenizer.lost(prompt, length));
  };

export const aesthetic = kind('aesthetic');
export const pickscore = kind('pickscore');
export const hps = kind('hps');
export const clip = kind('clip');
