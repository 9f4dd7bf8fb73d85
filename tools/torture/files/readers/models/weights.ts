/** Weights of a part: of one file, or of shards by an index. */
import { openSafetensors, writeSafetensors } from '../../../../../src/data/formats/safetensors.ts';
import { openSharded } from '../../../../../src/data/formats/shardedSafetensors.ts';
import { openComponentWeights } from '../../../../../src/service/model/weightFiles.ts';
import { bytesOf, type Files } from '../../mutate.ts';
import { WinnowError } from '../../../../../src/shared/errors.ts';
import { sizeOf } from '../../../../../src/shared/shape.ts';
import { check, json, type Reader } from '../reader.ts';
import { folder } from './folder.ts';

const weights = (...names: string[]): Uint8Array =>
  writeSafetensors(
    Object.fromEntries(
      names.map((name, i) => [
        name,
        { shape: [2, 2], data: new Float32Array(4).fill(i), dtype: i % 2 ? 'F16' : 'F32' },
      ]),
    ),
  );

async function readWeights(files: Files): Promise<void> {
  const reader = folder(Object.fromEntries(Object.entries(files).map(([name, bytes]) => [`unet/${name}`, bytes])));
  const opened = await openComponentWeights(reader, 'unet', 'diffusion_pytorch_model');
  for (const name of opened.names) {
    const data = await opened.read(name);
    check(data.every(Number.isFinite), `${name} has numbers that are none`);
    if (opened.half?.(name)) await opened.readHalf!(name);
  }
  check(
    opened.files.every((path) => Object.hasOwn(files, path.slice('unet/'.length))),
    `${opened.files.join(' ')} lie elsewhere`,
  );
}

export const weightsReader: Reader = {
  name: 'weights',
  sources: ['service/model/weightFiles'],
  words: [
    'weight_map',
    'metadata',
    'a.weight',
    'b.weight',
    'diffusion_pytorch_model-00001-of-00002.safetensors',
    '../x.safetensors',
    '..',
  ],
  seeds: (): Files[] => [
    {
      'diffusion_pytorch_model.safetensors.index.json': json({
        metadata: { total_size: 1 },
        weight_map: {
          'a.weight': 'diffusion_pytorch_model-00001-of-00002.safetensors',
          'b.weight': 'diffusion_pytorch_model-00002-of-00002.safetensors',
        },
      }),
      'diffusion_pytorch_model-00001-of-00002.safetensors': weights('a.weight'),
      'diffusion_pytorch_model-00002-of-00002.safetensors': weights('b.weight', 'c.weight'),
    },
    { 'diffusion_pytorch_model.fp16.safetensors': weights('a.weight', 'b.weight') },
    { 'diffusion_pytorch_model.bin': bytesOf('PK\x03\x04') },
    { 'config.json': json({}) },
  ],
  read: readWeights,
};

const index = 'model.safetensors.index.json';
const shards = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'] as const;

/** A judge's, by its index. */
async function readShards(files: Files): Promise<void> {
  const bytes = (file: string): Uint8Array => {
    if (Object.hasOwn(files, file)) return files[file]!;
    throw new WinnowError('NotFound', `There is no file ${file}.`, 'Take the whole folder again.');
  };
  const opened = await openSharded(bytes(index), index, async (file) => openSafetensors(bytes(file), file));
  for (const name of opened.names) {
    const { length } = await opened.read(name);
    check(length === sizeOf(opened.shape(name)!), `${name} has ${length} numbers`);
    if (opened.half(name)) await opened.readHalf(name);
  }
}

export const shardsReader: Reader = {
  name: 'shards',
  sources: ['data/formats/shardedSafetensors'],
  words: ['weight_map', 'metadata', 'a.weight', 'b.weight', ...shards, '../x.safetensors', '..', '__proto__'],
  seeds: (): Files[] => [
    {
      [index]: json({ weight_map: { 'a.weight': shards[0], 'b.weight': shards[1], 'c.weight': shards[1] } }),
      [shards[0]]: weights('a.weight'),
      [shards[1]]: weights('b.weight', 'c.weight'),
    },
    { [index]: json({ weight_map: { 'a.weight': shards[0] } }), [shards[0]]: weights('a.weight', 'b.weight') },
  ],
  read: readShards,
};
