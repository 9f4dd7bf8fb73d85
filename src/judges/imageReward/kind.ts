/** ImageReward: BLIP's text encoder reads a prompt beside a picture, and a head gives the score of what it read. arXiv 2304.05977 */
import '../../shared/disposable.ts';
import { checkFinite } from '../../shared/finite.ts';
import type { JudgeKind, JudgeRunner, Planned, Scorer } from '../judge.ts';
import { type ImageRewardFiles, openImageReward } from './folder.ts';
import { ImageRewardTowers } from './towers.ts';

export const IMAGE_REWARD_TITLE = 'ImageReward';

/** By which its makers bring the head's numbers to a mean of 0 and a deviation of 1. */
const MEAN = 0.16717362830052426;
const DEVIATION = 1.0333394966054072;

/** Features [D] → score. Rejects as openHead. */
export async function rewardOf(files: ImageRewardFiles): Promise<(features: Float32Array) => number> {
  const head = await files.head();
  return (features) => (head(features) - MEAN) / DEVIATION;
}

const scale = {
  name: 'preference',
  title: 'Preference',
  needs: ['image', 'prompt'],
  // It was trained on differences of the head's own numbers.
  logit: DEVIATION,
} as const;

export const imageReward: JudgeKind = {
  takes: 'an ImageReward (model.safetensors with blip and mlp)',
  scales: [scale],
  about: {
    purpose:
      'Which of two pictures of one prompt people prefer (ImageReward), from about -2 to 2: reads the prompt beside the picture.',
    weakness:
      'Reads 35 tokens of a prompt, fewer than other judges, and sees 224 pixels of the middle; agrees with people less often than PickScore and HPS do (on Pick-a-Pic 61 to 63 % of pairs; PickScore 72 to 80 %).',
  },
  async read(folder) {
    const files = await openImageReward(folder);
    return (
      files && {
        title: IMAGE_REWARD_TITLE,
        imageSize: null,
        embedder: () => embedderOf(files),
        plan: (runner) => planImageReward(files, runner),
        lost: async (prompts) => prompts.map((prompt) => files.tokenizer.lost(prompt, files.tokens)),
      }
    );
  },
};

/** Whoever changes what is computed of a picture counts on. */
const TOKENS_VERSION = 1;

async function embedderOf({ hash, vision, preprocess }: ImageRewardFiles): Promise<string | undefined> {
  return hash && JSON.stringify(['image-reward', TOKENS_VERSION, await hash(), vision, preprocess]);
}

async function planImageReward(files: ImageRewardFiles, runner: JudgeRunner): Promise<Planned<Scorer>> {
  const reward = await rewardOf(files);
  const { bytes, onDevice } = new ImageRewardTowers(files, runner);
  return {
    bytes,
    onDevice,
    async make() {
      const towers = new ImageRewardTowers(files, runner, runner.pictures);
      return {
        [Symbol.asyncDispose]: () => towers[Symbol.asyncDispose](),
        async *score(items) {
          try {
            for (const item of items) {
              const score = reward(await towers.read(item.prompt, await towers.encodePicture(item)));
              checkFinite(
                [score],
                `Scores of ${files.file}`,
                'Its weights are too large for what it computes: take another copy.',
              );
              yield { [scale.name]: score };
            }
          } finally {
            await runner.pictures?.flush();
          }
        },
      };
    },
  };
}
