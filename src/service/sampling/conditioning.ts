/** From prompts to what the predictor of a picture is told. */
import { usesGuidance } from '../../diffusion/guidance.ts';
import { type Conditioning, type PromptEncoding, stacked } from '../../models/conditioning.ts';
import type { DenoiserModel } from '../../models/denoiser.ts';

export interface PictureConditioning {
  /** 2: [unconditional, conditional], for classifier-free guidance (do_classifier_free_guidance). */
  batch: 1 | 2;
  conditioning: Conditioning;
}

/** @param encode null stands for no negative prompt. */
export async function conditioningOf(
  model: Pick<DenoiserModel, 'guidanceInput' | 'conditioning'>,
  encode: (prompt: string | null) => Promise<PromptEncoding>,
  picture: { prompt: string; negativePrompt: string | null; guidanceScale: number; width: number; height: number },
): Promise<PictureConditioning> {
  const { prompt, negativePrompt, width, height, guidanceScale } = picture;
  const of = async (text: string | null): Promise<Conditioning> =>
    model.conditioning(await encode(text), { width, height, ...(model.guidanceInput && { guidanceScale }) });
  const conditional = await of(prompt);
  if (model.guidanceInput || !usesGuidance(guidanceScale)) return { batch: 1, conditioning: conditional };
  return { batch: 2, conditioning: stacked([await of(negativePrompt), conditional]) };
}
