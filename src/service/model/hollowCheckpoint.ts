/** Checkpoints of published models by their keys and shapes, for tests: files of their true size whose tensors are zeros that nobody keeps. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ByteRanges } from '../../data/formats/bytes.ts';
import type { Value } from '../../graph/graph.ts';
import { parseTextEncoderConfig, textEncoderParameters } from '../../models/clip/textEncoder.ts';
import type { Config } from '../../models/config.ts';
import { parseUNetConfig } from '../../models/sd/config.ts';
import {
  clipPlaces,
  openClipPlaces,
  type Places,
  storedShape,
  unetPlaces,
  vaePlaces,
} from '../../models/sd/singleFileKeys.ts';
import { unetParameters } from '../../models/sd/unet.ts';
import { parseVaeConfig, vaeParameters } from '../../models/sd/vae.ts';
import { type Shape, sizeOf } from '../../shared/shape.ts';
import type { FolderReader } from '../environment.ts';
import { type ModelFolder, openModelFolder } from './modelFolder.ts';

const reference = join(import.meta.dirname, '../../../tools/reference');

export const readerOf = (ranges: ByteRanges, path = 'model.safetensors'): FolderReader => ({
  read: async () => new Uint8Array(),
  open: async () => ranges,
  list: async () => [path],
  sha256: async () => 'hash',
});

export const openReader = (reader: FolderReader): Promise<ModelFolder> =>
  openModelFolder('somewhere/model.safetensors', { openModel: () => reader, sha256: async () => '' });

/** A file with this header whose tensors are zeros, however large it would be; counts the bytes that are asked for. */
export function hollow(
  shapes: ReadonlyMap<string, Shape>,
  metadata: Record<string, string> = {},
  dtype = 'F16',
): ByteRanges & { asked: number[] } {
  let end = 0;
  const header = JSON.stringify({
    __metadata__: metadata,
    ...Object.fromEntries(
      [...shapes].map(([name, shape]) => [name, { dtype, shape, data_offsets: [end, (end += 2 * sizeOf(shape))] }]),
    ),
  });
  const text = new TextEncoder().encode(header);
  const head = new Uint8Array(8 + text.length);
  new DataView(head.buffer).setBigUint64(0, BigInt(text.length), true);
  head.set(text, 8);
  const asked: number[] = [];
  return {
    size: head.length + end,
    asked,
    async read(from, to) {
      asked.push(to - from);
      const out = new Uint8Array(to - from);
      out.set(head.subarray(from, to));
      return out;
    },
  };
}

/** A row of tools/reference/single-file/layouts.json. */
export interface Layout {
  folder: string;
  unet: Record<string, unknown>;
  tensors: number;
  sha256: string;
}
export const layouts = Object.entries(
  JSON.parse(readFileSync(join(reference, 'single-file/layouts.json'), 'utf8')) as Record<string, Layout>,
);

export const publishedConfig = ({ folder, unet }: Layout, path: string): Config => ({
  ...(JSON.parse(readFileSync(join(reference, 'configs', folder, path), 'utf8')) as Config),
  ...(path === 'unet/config.json' && unet),
});

/** Keys and shapes of a published model's checkpoint, as our places have them. */
function shapesOf(layout: Layout): Map<string, Shape> {
  const shapes = new Map<string, Shape>();
  const add = (parameters: readonly Value[], places: Places): void => {
    for (const { name, shape } of parameters) {
      const place = places(name)!;
      shapes.set(place.key, storedShape(place, shape));
    }
  };
  const config = (path: string): Config => publishedConfig(layout, path);
  const unet = parseUNetConfig(config('unet/config.json'));
  add(unetParameters(unet), unetPlaces(unet));
  const vae = parseVaeConfig(config('vae/config.json'));
  add(vaeParameters(vae), vaePlaces(vae));
  const textParameters = (folder: string): Value[] =>
    textEncoderParameters(parseTextEncoderConfig(config(`${folder}/config.json`)));
  const xl = /xl|ssd/.test(layout.folder);
  const first = textParameters('text_encoder');
  add(
    first,
    xl
      ? clipPlaces('conditioner.embedders.0.transformer.text_model.')
      : config('text_encoder/config.json')['hidden_act'] === 'gelu'
        ? openClipPlaces('cond_stage_model.model.')
        : clipPlaces('cond_stage_model.transformer.text_model.'),
  );
  if (xl) add(textParameters('text_encoder_2'), openClipPlaces('conditioner.embedders.1.model.'));
  return shapes;
}

export const shapesByName = new Map(layouts.map(([name, layout]) => [name, shapesOf(layout)]));
