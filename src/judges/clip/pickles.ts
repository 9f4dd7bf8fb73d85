/** Judges whose originals are pickles, which can run any code when they are opened, and where the same weights lie as safetensors. */
import { WinnowError } from '../../shared/errors.ts';

const copies: readonly [pattern: RegExp, copy: string][] = [
  [
    /hps.?v?2\.?1/i,
    'model.safetensors of RE-N-Y/hpsv21 on Hugging Face, or HPS_v2/HPS_v2.1_compressed.safetensors of DiffSynth-Studio/QualityMetric_reward_pretrained on ModelScope',
  ],
  [/hps/i, 'HPS_v2/HPS_v2_compressed.safetensors of DiffSynth-Studio/QualityMetric_reward_pretrained on ModelScope'],
  [/pick.?score/i, 'model.safetensors of yuvalkirstain/PickScore_v1'],
  [/sa_0_4_vit_l_14/i, 'model.safetensors of shunk031/aesthetics-predictor-v1-vit-large-patch14'],
  [
    /sac.*logos.*ava|ava.*logos|aesthetic/i,
    'mlp.safetensors of vivym/improved-aesthetic-predictor, beside the files of openai/clip-vit-large-patch14',
  ],
  [
    /image.?reward/i,
    'model.safetensors of RE-N-Y/ImageReward on Hugging Face, or ImageReward/ImageReward.safetensors of DiffSynth-Studio/QualityMetric_reward_pretrained on ModelScope',
  ],
  [/clip-vit-base-patch32/i, 'model.safetensors of openai/clip-vit-base-patch32 at the revision refs/pr/15'],
  [/clip-vit-large-patch14/i, 'model.safetensors of openai/clip-vit-large-patch14'],
  [/CLIP-ViT-H-14/i, 'model.safetensors of laion/CLIP-ViT-H-14-laion2B-s32B-b79K'],
];

export const isPickle = (file: string): boolean => /\.(bin|pt|pth|ckpt|pkl)$/i.test(file);

/** @param place where it lies: its folder or repository may say what the file's name does not. */
export function pickleRefused(file: string, place = ''): WinnowError {
  const copy = (copies.find(([pattern]) => pattern.test(file)) ?? copies.find(([pattern]) => pattern.test(place)))?.[1];
  return new WinnowError(
    'PickleRefused',
    `${file} is a pickle, which can run any code when it is opened.`,
    copy
      ? `Take the same weights as safetensors: ${copy}.`
      : 'Convert it to safetensors (safetensors.torch.save_file) and bring that.',
  );
}
