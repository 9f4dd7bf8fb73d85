/** The pairs of a run as its steps see them: latents at each use, and what the model is told. */
import { preferenceOf } from '../../losses/preference.ts';
import type { Conditioning, PromptEncoding } from '../../models/conditioning.ts';
import type { TrainConfig } from '../../training/config.ts';
import type { LoopData, PreparedPair } from '../../training/runStep.ts';
import type { ResolvedModel } from '../model/modelPool.ts';
import { EncodedTexts } from './encodedTexts.ts';
import { encodedLatents, toldOf } from './encodePictures.ts';
import type { TrainContext } from './openRun.ts';
import type { PictureSource, Sources } from './sources.ts';

/** Every prompt of the run, encoded: those that train and those that samples are drawn from, so that the text encoders need not come back
 *  while the step holds the GPU. */
export async function preparePairs(
  context: Pick<TrainContext, 'env' | 'frozenParts'>,
  config: TrainConfig,
  model: ResolvedModel,
  sources: Sources,
  { check, preparing }: { check(): void; preparing(what: string, done: number, total: number): void },
): Promise<Pick<LoopData, 'pairs' | 'unconditional'>> {
  const parts = context.frozenParts(model);
  const latents = encodedLatents(context.env.files, model, config);
  const texts = new EncodedTexts(context.env, model);
  const encode = (prompt: string | null): Promise<PromptEncoding> => {
    check();
    return parts.encodeText(prompt, model.texts);
  };
  try {
    const nothing = await encode(null);
    const pairs: PreparedPair[] = [];
    for (const [i, { pair, winner, loser, bucket, fit }] of sources.pairs.entries()) {
      if (i % 8 === 0) preparing('Encoding the prompts', i, sources.pairs.length);
      const size = sources.sizes[bucket]!;
      const text = await texts.of(pair.prompt, encode);
      const told = (source: PictureSource, prompt: PromptEncoding): Conditioning =>
        model.folder.unet.model.conditioning(prompt, toldOf(source, size, fit));
      pairs.push({
        id: pair.pair,
        winner: latents(winner, { size, fit, side: 'winner' }),
        loser: latents(loser, { size, fit, side: 'loser' }),
        conditioning: typeof text === 'function' ? async () => told(winner, await text()) : told(winner, text),
        loserConditioning: typeof text === 'function' ? async () => told(loser, await text()) : told(loser, text),
        unconditional: [told(winner, nothing), told(loser, nothing)],
        preference: preferenceOf(config, pair.strength),
        bucket,
        ...(pair.repeats !== undefined && { repeats: pair.repeats }),
      });
    }
    if (config.sampleEvery > 0) for (const prompt of config.samplePrompts) await encode(prompt);
    return { pairs, unconditional: model.folder.unet.model.conditioning(nothing, sources.sizes[0]!) };
  } finally {
    await parts.releaseStreamed('all');
  }
}
