/** What UNet2DConditionModel is told beside latents and time. */
import type { Conditioning, PictureTold, PromptEncoding } from '../conditioning.ts';
import type { UNetConfig } from './config.ts';

/** Of one sample. SDXL's picture is not cropped, and of the size that it is made in, as its pipelines have it, unless it is from elsewhere. */
export function unetConditioning(
  { cross_attention_dim: width, addition_embed_type: added, time_cond_proj_dim: guidanceWidth }: UNetConfig,
  { context, pooled }: PromptEncoding,
  picture: PictureTold,
): Conditioning {
  const { guidanceScale, original = { ...picture, left: 0, top: 0 } } = picture;
  return {
    encoder_hidden_states: { data: context, shape: [1, context.length / width, width] },
    ...(guidanceWidth > 0 &&
      guidanceScale !== undefined && {
        timestep_cond: { data: guidanceScaleEmbedding(guidanceScale - 1, guidanceWidth), shape: [1, guidanceWidth] },
      }),
    ...(added && {
      text_embeds: { data: pooled, shape: [1, pooled.length] },
      // Original height and width, crop top and left, target height and width, in pixels.
      time_ids: {
        data: Float32Array.of(
          original.height,
          original.width,
          original.top,
          original.left,
          picture.height,
          picture.width,
        ),
        shape: [1, 6],
      },
    }),
  };
}

/** The embedding [width] of a guidance scale that a distilled UNet takes as its input `timestep_cond`: sines, then cosines, of 1000 w at
 *  falling frequencies. w = guidance_scale - 1. diffusers get_guidance_scale_embedding (pipeline_latent_consistency_text2img.py). */
export function guidanceScaleEmbedding(w: number, width: number): Float32Array {
  const f32 = Math.fround;
  const half = Math.floor(width / 2);
  const step = f32(f32(Math.log(10000)) / (half - 1));
  const angles = Float32Array.from({ length: half }, (_, k) => f32(f32(w) * 1000) * f32(Math.exp(f32(k * -step))));
  const out = new Float32Array(width);
  out.set(angles.map(Math.sin));
  out.set(angles.map(Math.cos), half);
  return out;
}
