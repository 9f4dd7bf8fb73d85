/** Blocks that UNets and autoencoders share. */
import type { Value } from '../../graph/graph.ts';
import type { UnaryFn } from '../../graph/ops.ts';
import type { Layers } from '../layers.ts';

interface ResnetOptions {
  out: number;
  groups: number;
  eps: number;
  act: UnaryFn;
  /** Time embedding after its activation [B, E]; autoencoders have none. */
  temb?: Value;
  outputScaleFactor?: number;
}

/** diffusers ResnetBlock2D (resnet.py): norm, act, conv, + projected time, norm, act, conv, + shortcut. x [B, C, H, W] → [B, out, H, W]. */
export function resnetBlock(
  layers: Layers,
  path: string,
  x: Value,
  { out, groups, eps, act, temb, outputScaleFactor = 1 }: ResnetOptions,
): Value {
  let hidden = layers.groupNorm(`${path}.norm1`, x, { groups, eps, act });
  const projected = temb && layers.linear(`${path}.time_emb_proj`, temb, out);
  const ofChannels = projected && layers.reshape(`${path}.temb`, projected, [...projected.shape, 1, 1]);
  hidden = layers.conv(`${path}.conv1`, hidden, out, { residual: ofChannels });
  hidden = layers.groupNorm(`${path}.norm2`, hidden, { groups, eps, act });
  const residual = x.shape[1] === out ? x : layers.conv(`${path}.conv_shortcut`, x, out, { kernel: 1 });
  const y = layers.conv(`${path}.conv2`, hidden, out, { residual });
  return outputScaleFactor === 1
    ? y
    : layers.graph.op('affine', { factor: 1 / outputScaleFactor, shift: 0 }, [y], `${path}.output_scale`);
}
