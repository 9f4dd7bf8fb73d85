/** The kohya file is golden case `unet_lora-every-layer`, whose effect on the UNet is checked in service/verify.test.ts. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseUNetConfig } from '../../models/sd/config.ts';
import { loraTargets } from '../../models/sd/unet.ts';
import type { LoraModule } from '../../shared/lora.ts';
import { type LoraSite, readLora, sumLora, writeLora } from './lora.ts';
import { openSafetensors, type TensorToWrite, writeSafetensors } from './safetensors.ts';

const golden = join(import.meta.dirname, '../../../tools/reference/cases/unet_lora-every-layer');
const config = parseUNetConfig(
  JSON.parse(readFileSync(join(golden, 'config.json'), 'utf8')) as Record<string, unknown>,
);
const sites: LoraSite[] = loraTargets(config, 'all');
let modules: Map<string, LoraModule>;

const reopen = (tensors: Record<string, TensorToWrite>, metadata?: Record<string, string>) =>
  openSafetensors(writeSafetensors(tensors, metadata));

/** up down of a module in f64, times alpha / rank. */
function delta({ down, up, rank, alpha }: LoraModule): Float64Array {
  const [out, width] = [up.length / rank, down.length / rank];
  return Float64Array.from({ length: out * width }, (_, k) => {
    const [o, i] = [Math.floor(k / width), k % width];
    let sum = 0;
    for (let r = 0; r < rank; r++) sum += up[o * rank + r]! * down[r * width + i]!;
    return (sum * alpha) / rank;
  });
}

beforeAll(async () => {
  const file = await readLora(await openSafetensors(readFileSync(join(golden, 'lora.safetensors'))), sites);
  expect(file.format).toBe('kohya');
  modules = file.modules;
});

describe('round trips', () => {
  it('kohya, every tensor as it was', async () => {
    expect(modules.size).toBe(sites.length);
    const original = await openSafetensors(readFileSync(join(golden, 'lora.safetensors')));
    const written = await reopen(writeLora(modules, sites, 'kohya'));
    expect([...written.names].sort()).toEqual([...original.names].sort());
    for (const name of written.names) {
      expect(written.shape(name)).toEqual(original.shape(name));
      expect(await written.read(name)).toEqual(await original.read(name));
    }
  });

  it('PEFT, alpha folded into up', async () => {
    const file = await readLora(await reopen(writeLora(modules, sites, 'peft')), sites);
    expect(file.format).toBe('peft');
    for (const [path, module] of modules) {
      expect(file.modules.get(path)!.alpha).toBe(module.rank);
      const [a, b] = [delta(file.modules.get(path)!), delta(module)];
      // alpha / rank is 2 here: nothing is rounded.
      expect(a).toEqual(b);
    }
  });
});

describe('other spellings', () => {
  const path = 'down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_out.0';
  const site = sites.find((s) => s.path === path)!;
  const [out, width] = site.weightShape as [number, number];
  const down = { shape: [2, width], data: new Float32Array(2 * width).fill(0.5) };
  const up = { shape: [out, 2], data: new Float32Array(2 * out).fill(0.25) };
  const attn = path.replace('.to_out.0', '');

  it.each<[string, Record<string, TensorToWrite>, Record<string, string> | undefined, number]>([
    ['diffusers', { [`unet.${path}.lora.down.weight`]: down, [`unet.${path}.lora.up.weight`]: up }, undefined, 2],
    [
      'old processors',
      {
        [`unet.${attn}.processor.to_out_lora.down.weight`]: down,
        [`unet.${attn}.processor.to_out_lora.up.weight`]: up,
      },
      undefined,
      2,
    ],
    [
      'bare PEFT',
      {
        [`base_model.model.${path}.lora_A.default.weight`]: down,
        [`base_model.model.${path}.lora_B.default.weight`]: up,
      },
      undefined,
      2,
    ],
    [
      'metadata',
      { [`unet.${path}.lora_A.weight`]: down, [`unet.${path}.lora_B.weight`]: up },
      { lora_adapter_metadata: '{"unet.lora_alpha": 8}' },
      8,
    ],
    [
      'metadata by module',
      { [`unet.${path}.lora_A.weight`]: down, [`unet.${path}.lora_B.weight`]: up },
      { lora_adapter_metadata: '{"unet.lora_alpha": 8, "unet.alpha_pattern": {"attn1.to_out.0": 3}}' },
      3,
    ],
  ])('%s', async (_, tensors, metadata, alpha) => {
    const { modules } = await readLora(await reopen(tensors, metadata), sites);
    expect(modules.get(path)).toEqual({ down: down.data, up: up.data, rank: 2, alpha });
  });

  it('says which keys are for text encoders', async () => {
    const { textEncoderKeys } = await readLora(
      await reopen({
        [`unet.${path}.lora_A.weight`]: down,
        [`unet.${path}.lora_B.weight`]: up,
        'lora_te_text_model_encoder_layers_0_mlp_fc1.alpha': { shape: [], data: Float32Array.of(1) },
      }),
      sites,
    );
    expect(textEncoderKeys).toEqual(['lora_te_text_model_encoder_layers_0_mlp_fc1.alpha']);
  });

  it.each<[string, string, Record<string, TensorToWrite>, RegExp]>([
    [
      'a layer of another model',
      'BadFile',
      { 'unet.down_blocks.9.conv.lora_A.weight': down },
      /down_blocks\.9\.conv\.lora_A/,
    ],
    ['another method', 'BadFile', { 'lora_unet_conv_in.hada_w1_a': down }, /hada_w1_a/],
    ['half an adapter', 'BadFile', { [`unet.${path}.lora_A.weight`]: down }, /without its up half/],
    ['nothing', 'BadFile', {}, /no LoRA/],
    [
      'another width',
      'WrongShape',
      {
        [`unet.${path}.lora_A.weight`]: { shape: [2, 1], data: new Float32Array(2) },
        [`unet.${path}.lora_B.weight`]: up,
      },
      /\[2, 1\].*\[2, \d+\]/,
    ],
    [
      'two ranks',
      'WrongShape',
      {
        [`unet.${path}.lora_A.weight`]: down,
        [`unet.${path}.lora_B.weight`]: { shape: [out, 1], data: new Float32Array(out) },
      },
      /lora_B/,
    ],
  ])('refuses %s', async (_, name, tensors, message) => {
    const reading = readLora(await reopen(tensors), sites);
    await expect(reading).rejects.toThrow(message);
    await expect(reading).rejects.toMatchObject({ name });
  });
});

describe('sums', () => {
  it.each([
    ['of one scale', 1, 1],
    ['of two strengths', 0.75, -0.5],
    ['with one switched off', 1, 0],
  ])('%s', (_, a, b) => {
    const other = new Map(
      [...modules]
        .slice(0, 5)
        .map(([path, { down, up, rank }]) => [
          path,
          { down: down.map((x) => x + 0.1), up: up.map((x) => 0.3 - x), rank, alpha: 1 },
        ]),
    );
    const sum = sumLora([
      { modules, strength: a },
      { modules: other, strength: b },
    ]);
    expect(sum.size).toBe(modules.size);
    for (const [path, module] of sum) {
      const second = other.get(path);
      const [one, two] = [delta(modules.get(path)!), second && delta(second)];
      delta(module).forEach((x, i) => expect(x).toBeCloseTo(a * one[i]! + b * (two?.[i] ?? 0), 6));
    }
  });
});
