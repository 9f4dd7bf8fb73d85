/** What a UNet is told beside latents and time, as arrays over its batch: text, and where the family has them pooled text, sizes and the
 *  embedded guidance scale. */
import type { DenoiserModel } from '../../models/families.ts';
import { concatFloats } from '../../shared/arrays.ts';

export interface Conditioning {
  /** [B, T, D] */
  encoderHiddenStates: Float32Array;
  /** [B, P] */
  textEmbeds?: Float32Array;
  /** [B, 6]: original height and width, crop top and left, target height and width, in pixels. */
  timeIds?: Float32Array;
  /** [B, timestepCondWidth] */
  timestepCond?: Float32Array;
}

/** One sample's, from its text and the size of the picture: not cropped, and of the size it is made in, as SDXL's pipelines have it. */
export function conditioningOf(
  model: DenoiserModel,
  text: { context: Float32Array; pooled: Float32Array },
  size: { width: number; height: number },
): Conditioning {
  const { width, height } = size;
  return {
    encoderHiddenStates: text.context,
    ...(model.pooledWidth > 0 && {
      textEmbeds: text.pooled,
      timeIds: Float32Array.of(height, width, 0, 0, height, width),
    }),
  };
}

/** Samples one behind another. */
export function batched(samples: readonly Conditioning[]): Conditioning {
  const join = (field: keyof Conditioning): Float32Array | undefined => {
    const parts = samples.flatMap((sample) => sample[field] ?? []);
    return parts.length > 0 ? concatFloats(parts) : undefined;
  };
  const [textEmbeds, timeIds, timestepCond] = [join('textEmbeds'), join('timeIds'), join('timestepCond')];
  return {
    encoderHiddenStates: join('encoderHiddenStates')!,
    ...(textEmbeds && { textEmbeds }),
    ...(timeIds && { timeIds }),
    ...(timestepCond && { timestepCond }),
  };
}
