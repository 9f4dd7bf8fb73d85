/** LoRAs as they are dropped: files together, folders, and what only looks like one. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeSafetensors } from '../../data/formats/safetensors.ts';
import { fileSource, importFrom } from '../../data/importers/table.ts';
import { loraOfFolder, loraSummary, withConfigs } from './loraFiles.ts';
import { closeStudio, modelInfo, openStudio, studio } from './testStudio.ts';

const reference = join(import.meta.dirname, '../../../tools/reference');
const real = (path: string): File => new File([readFileSync(join(reference, path))], path.split('/').at(-1)!);
const isLora = async (file: File): Promise<boolean> => (await importFrom(fileSource(file), ['weights'])).value.adapter;
const tensors = (name: string, ...keys: string[]): File =>
  new File(
    [
      writeSafetensors(
        Object.fromEntries(keys.map((key) => [key, { shape: [1, 1], data: new Float32Array(1) }])),
      ) as Uint8Array<ArrayBuffer>,
    ],
    name,
  );
const json = (name = 'adapter_config.json'): File => new File(['{}'], name);

describe('a dropped file is a LoRA by the keys of every tool', () => {
  it.each([
    'lora_unet_conv_in.lora_down.weight',
    'unet.conv_in.lora_A.weight',
    'base_model.model.conv_in.lora_A.weight',
    'unet.a.attn1.processor.to_k_lora.down.weight',
    'a.attn1.processor.to_k_lora.down.weight',
    'unet.conv_in.lora.down.weight',
    'text_encoder.a.q_proj.lora_linear_layer.down.weight',
    'diffusion_model.input_blocks.0.0.lora_down.weight',
    'lora_unet_conv_in.hada_w1_a',
    'lora_unet_conv_in.dora_scale',
    'emb_params',
    '<my-token>',
  ])('%s', async (key) => {
    expect(await isLora(tensors('x.safetensors', key))).toBe(true);
  });

  it.each(['model.diffusion_model.out.2.weight', 'conv_in.weight', 'first_stage_model.decoder.conv_in.bias'])(
    'and %s is none',
    async (key) => {
      expect(await isLora(tensors('x.safetensors', key))).toBe(false);
    },
  );

  it('and a checkpoint is none', async () => {
    expect(await isLora(real('single-file/sd1.safetensors'))).toBe(false);
  });
});

describe("PEFT's config goes with its LoRA", () => {
  const [lora, other, image, config] = [
    tensors('adapter_model.safetensors', 'x'),
    tensors('other.safetensors', 'x'),
    new File([], 'a.png'),
    json(),
  ];
  it('among other files', () => {
    expect(withConfigs([image, config, lora])).toEqual([{ file: image }, { file: lora, config }]);
    expect(withConfigs([other, config, lora])).toEqual([{ file: other }, { file: lora, config }]);
    expect(withConfigs([config, other])).toEqual([{ file: other, config }]);
    expect(withConfigs([image, json('train.json')]).length).toBe(2);
  });

  it('and is refused where it is not clear with which', () => {
    expect(() => withConfigs([config])).toThrow(/adapter_config\.json says how strong one LoRA is\. Bring it together/);
    expect(() => withConfigs([config, other, tensors('third.safetensors', 'x')])).toThrow(/which of these/);
    expect(() => withConfigs([config, lora, json()])).toThrow(/adapter_config\.json/);
  });
});

describe('a dropped folder', () => {
  const folder = (...files: [string, File][]) => ({
    name: 'folder',
    files: files.map(([path, file]) => ({ path, file })),
  });
  const lora = real('lora-files/peft-folder/adapter_model.safetensors');
  const config = json();

  it('is a LoRA with its config', async () => {
    expect(
      await loraOfFolder(
        folder(
          ['README.md', new File([], 'README.md')],
          ['adapter_model.safetensors', lora],
          ['adapter_config.json', config],
        ),
      ),
    ).toEqual({ file: lora, config });
    expect(
      await loraOfFolder(folder(['unet/adapter_model.safetensors', lora], ['adapter_config.json', config])),
    ).toEqual({
      file: lora,
    });
    const alone = tensors('mine.safetensors', 'unet.conv_in.lora_A.weight');
    expect(await loraOfFolder(folder(['mine.safetensors', alone]))).toEqual({ file: alone });
  });

  it('is a model where it says so, or holds one', async () => {
    expect(await loraOfFolder(folder(['model_index.json', json()], ['adapter_model.safetensors', lora]))).toBeNull();
    expect(await loraOfFolder(folder(['sd1.safetensors', real('single-file/sd1.safetensors')]))).toBeNull();
    expect(await loraOfFolder(folder(['a.txt', new File([], 'a.txt')]))).toBeNull();
  });

  it('is refused where it holds several', async () => {
    await expect(
      loraOfFolder(folder(['unet/adapter_model.safetensors', lora], ['text_encoder/adapter_model.safetensors', lora])),
    ).rejects.toThrow(/several files: unet\/adapter_model\.safetensors, text_encoder/);
  });
});

it('says what a LoRA holds', () => {
  expect(loraSummary({ rank: 16, parts: { unet: 1, text_encoder: 72 } })).toBe(
    'Rank 16 · UNet, 1 layer · text encoder, 72 layers',
  );
  expect(loraSummary({ rank: 4, parts: { unet: 9, text_encoder: 2, text_encoder_2: 3 } })).toBe(
    'Rank 4 · UNet, 9 layers · first text encoder, 2 layers · second text encoder, 3 layers',
  );
  expect(loraSummary({ rank: 4 })).toBe('Rank 4');
});

describe('added LoRAs', () => {
  const asked: unknown[][] = [];
  beforeEach(async () => {
    asked.length = 0;
    await openStudio({
      engine: {
        models: () => [modelInfo('one'), modelInfo('two')],
        importLora: (...args: unknown[]) => {
          asked.push(args);
          return { file: 'loras/hash/lora.safetensors', rank: 2, modules: 1, format: 'peft', parts: { unet: 1 } };
        },
      },
    });
  });
  afterEach(closeStudio);

  it('come to the engine with their config, and one file serves every model it was added to', async () => {
    const file = tensors('mine.safetensors', 'unet.conv_in.lora_A.weight');
    for (const base of ['one', 'two', 'two']) {
      studio().setPreference('baseModel', base);
      await studio().addLora({ file, config: json() });
    }
    expect(asked[0]).toEqual(['mine.safetensors', expect.any(Uint8Array), 'one', new TextEncoder().encode('{}')]);
    expect(studio().preferences.loras.map(({ base, parts }) => [base, parts])).toEqual([
      ['two', { unet: 1 }],
      ['one', { unet: 1 }],
    ]);
  });
});
