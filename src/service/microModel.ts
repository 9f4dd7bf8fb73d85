/** A Stable Diffusion folder with very few tensors, in memory, for tests that run a verb hundreds of times on an executor that is told to fail:
 *  the golden case `tiny-v` with a UNet of one level, its weights drawn from their names. */
import { readFileSync } from 'node:fs';
import { writeSafetensors } from '../data/formats/safetensors.ts';
import { byteRanges } from '../data/formats/bytes.ts';
import { generator } from '../graph/caseData.ts';
import { Graph } from '../graph/graph.ts';
import { openDenoiser } from '../models/families.ts';
import { parametersOf } from '../models/weights.ts';
import { WinnowError } from '../shared/errors.ts';
import { sizeOf } from '../shared/shape.ts';
import type { FolderReader } from './environment.ts';

const base = 'tools/reference/cases/pipeline-tiny-v/pipeline';

const onDisk = (path: string): Uint8Array<ArrayBuffer> => new Uint8Array(readFileSync(`${base}/${path}`));

const unetConfig = {
  ...(JSON.parse(new TextDecoder().decode(onDisk('unet/config.json'))) as Record<string, unknown>),
  block_out_channels: [4],
  down_block_types: ['CrossAttnDownBlock2D'],
  up_block_types: ['UpBlock2D'],
  attention_head_dim: 2,
};

function unetWeights(): Uint8Array {
  const model = openDenoiser(unetConfig);
  const graph = new Graph();
  model.build(graph, model.inputs(graph, { batch: 1, height: 4, width: 4, tokens: 4 }));
  return writeSafetensors(
    Object.fromEntries(
      parametersOf(graph).map(({ name, shape }) => {
        const draw = generator(name);
        return [name, { shape, data: Float32Array.from({ length: sizeOf(shape) }, () => 0.4 * (draw() - 0.5)) }];
      }),
    ),
  );
}

/** Pixels of a latent. */
export const MICRO_FACTOR = 4;

/** @param more files beside those of the folder, or instead of them. */
export function microModel(more: Readonly<Record<string, Uint8Array>> = {}): FolderReader & { reads: string[] } {
  const files: Record<string, Uint8Array> = {
    'unet/config.json': new TextEncoder().encode(JSON.stringify(unetConfig)),
    'unet/diffusion_pytorch_model.safetensors': unetWeights(),
    ...more,
  };
  const reads: string[] = [];
  const read = async (path: string): Promise<Uint8Array<ArrayBuffer>> => {
    if (files[path]) return new Uint8Array(files[path]);
    try {
      return onDisk(path);
    } catch {
      throw new WinnowError('NotFound', `There is no file ${path}.`, 'This was a test.');
    }
  };
  return {
    /** Paths of files and of ranges of them, as they were read. */
    reads,
    read: async (path) => (reads.push(path), read(path)),
    open: async (path) => {
      const ranges = byteRanges(await read(path));
      return { size: ranges.size, read: (start, end) => (reads.push(path), ranges.read(start, end)) };
    },
  };
}
