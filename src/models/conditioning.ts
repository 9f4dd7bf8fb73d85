/** What a denoiser is told beside its sample and the timestep. */
import { Graph } from '../graph/graph.ts';
import type { Numbers, Tensor } from '../graph/feed.ts';
import { assert } from '../shared/assert.ts';
import { sameShape, sizeOf } from '../shared/shape.ts';
import type { DenoiserModel, DenoiserSize } from './denoiser.ts';

/** A tensor for each further input of the denoiser's graph, under that input's name; the first axis is the batch. The family makes it
 *  (DenoiserModel.conditioning) and reads it in its graph; whoever is in between passes it on. */
export type Conditioning = Readonly<Record<string, Tensor>>;

/** A prompt as a model's text encoders have it. */
export interface PromptEncoding {
  /** [T, D]: the states of all encoders side by side. */
  context: Float32Array;
  /** [P]: the last encoder's state at the end token (projected, where the encoder has a projection). */
  pooled: Float32Array;
}

/** Of a picture, as a family may be told of it. */
export interface PictureTold {
  /** In pixels. */
  width: number;
  height: number;
  /** Of a picture from elsewhere: its size before it was brought to this one, and where this one begins in it, once resized; if left out it is whole,
   *  and of its own size. In pixels. */
  original?: { width: number; height: number; left: number; top: number };
  /** Left out where the guidance scale is no input: in training, or where it guides two passes. */
  guidanceScale?: number;
}

/** One batch of several, one behind another: of one sample each, or more. */
export function stacked(batches: readonly Conditioning[]): Conditioning {
  const [first] = batches;
  assert(first, 'there is nothing to stack');
  return Object.fromEntries(
    Object.entries(first).map(
      ([
        name,
        {
          shape: [, ...rest],
        },
      ]) => {
        const tensors = batches.map((batch) => {
          const tensor = batch[name];
          assert(
            tensor && sameShape(tensor.shape.slice(1), rest) && Object.keys(batch).length === Object.keys(first).length,
            `${name} is not told of every sample alike`,
          );
          return tensor;
        });
        const rows = tensors.reduce((sum, { shape }) => sum + shape[0]!, 0);
        return [name, { shape: [rows, ...rest], data: joined(tensors.map(({ data }) => data)) }];
      },
    ),
  );
}

function joined(parts: readonly Numbers[]): Numbers {
  const elements = parts.reduce((sum, { length }) => sum + length, 0);
  const all = parts[0] instanceof Int32Array ? new Int32Array(elements) : new Float32Array(elements);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Made-up numbers for all that a denoiser is told at a size: for measuring, which does not care what is drawn. */
export function madeUpConditioning(
  model: Pick<DenoiserModel, 'inputs'>,
  size: DenoiserSize,
  numbers: (elements: number) => Float32Array,
): Conditioning {
  const { sample: _, timestep: __, ...told } = model.inputs(new Graph(), size);
  return Object.fromEntries(
    Object.entries(told).map(([name, { shape, dtype }]) => {
      const data = numbers(sizeOf(shape));
      return [name, { shape, data: dtype === 'i32' ? Int32Array.from(data) : data }];
    }),
  );
}
