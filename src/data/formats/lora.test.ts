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
const unet: LoraSite[] = loraTargets(config, 'all');
const sites = { unet };
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
  modules = file.modules.unet;
});

describe('round trips', () => {
  it('kohya, every tensor as it was', async () => {
    expect(modules.size).toBe(unet.length);
    const original = await openSafetensors(readFileSync(join(golden, 'lora.safetensors')));
    const written = await reopen(writeLora({ unet: modules }, sites, 'kohya'));
    expect([...written.names].sort()).toEqual([...original.names].sort());
    for (const name of written.names) {
      expect(written.shape(name)).toEqual(original.shape(name));
      expect(await written.read(name)).toEqual(await original.read(name));
    }
  });

  it('PEFT, alpha folded into up', async () => {
    const file = await readLora(await reopen(writeLora({ unet: modules }, sites, 'peft')), sites);
    expect(file.format).toBe('peft');
    for (const [path, module] of modules) {
      expect(file.modules.unet.get(path)!.alpha).toBe(module.rank);
      const [a, b] = [delta(file.modules.unet.get(path)!), delta(module)];
      // alpha / rank is 2 here: nothing is rounded.
      expect(a).toEqual(b);
    }
  });
});

describe('other spellings', () => {
  const path = 'down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_out.0';
  const site = unet.find((s) => s.path === path)!;
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
    [
      'metadata by an expression',
      { [`unet.${path}.lora_A.weight`]: down, [`unet.${path}.lora_B.weight`]: up },
      { lora_adapter_metadata: '{"unet.lora_alpha": 8, "unet.alpha_pattern": {"attn2.*": 5, ".*attn[12].*": 3}}' },
      3,
    ],
  ])('%s', async (_, tensors, metadata, alpha) => {
    const { modules: found } = await readLora(await reopen(tensors, metadata), sites);
    expect(found.unet.get(path)).toEqual({ down: down.data, up: up.data, rank: 2, alpha });
  });

  it("an alpha of its own counts before a config's", async () => {
    const tensors = {
      [`unet.${path}.lora_A.weight`]: down,
      [`unet.${path}.lora_B.weight`]: up,
      [`unet.${path}.alpha`]: { shape: [1], data: Float32Array.of(7) },
    };
    const { modules: found } = await readLora(
      await reopen(tensors, { lora_adapter_metadata: '{"unet.lora_alpha": 8}' }),
      sites,
    );
    expect(found.unet.get(path)!.alpha).toBe(7);
  });

  it('tells where PEFT wrote a file and its config is not there', async () => {
    const tensors = {
      [`base_model.model.${path}.lora_A.weight`]: down,
      [`base_model.model.${path}.lora_B.weight`]: up,
    };
    expect((await readLora(await reopen(tensors), sites)).alphaUnknown).toBe(true);
    const { alphaUnknown, modules: found } = await readLora(await reopen(tensors), sites, '{"lora_alpha": 64, "r": 2}');
    expect([alphaUnknown, found.unet.get(path)!.alpha]).toEqual([false, 64]);
    // PEFT's own default.
    expect((await readLora(await reopen(tensors), sites, '{}')).modules.unet.get(path)!.alpha).toBe(8);
  });
});

describe('kohya keys', () => {
  const mixed = (): Map<string, LoraModule> =>
    new Map(
      [...modules].map(([path, { down, up, rank }], i) => [path, { down, up, rank, alpha: (2 + (i % 3)) * rank }]),
    );

  it('hold one alpha for all modules, whatever their scales', async () => {
    const before = mixed();
    const written = await reopen(writeLora({ unet: before }, sites, 'kohya'));
    const alphas = written.names.filter((name) => name.endsWith('.alpha'));
    expect(alphas.length).toBe(unet.length);
    expect(new Set(await Promise.all(alphas.map(async (name) => (await written.read(name))[0]))).size).toBe(1);
    const after = await readLora(written, sites);
    for (const [path, module] of before) {
      const wanted = delta(module);
      delta(after.modules.unet.get(path)!).forEach((x, i) => expect(x).toBeCloseTo(wanted[i]!, 5));
    }
  });

  it("name SDXL's embedding of sizes as diffusers reads it", () => {
    const module = { down: new Float32Array(4), up: new Float32Array(3), rank: 1, alpha: 1 };
    const own = ['add_embedding.linear_1', 'add_embedding.linear_2'].map((name) => ({
      path: name,
      weightShape: [3, 4],
    }));
    const written = writeLora({ unet: new Map(own.map((site) => [site.path, module])) }, { unet: own }, 'kohya');
    expect(Object.keys(written).filter((key) => key.endsWith('alpha'))).toEqual([
      'lora_unet_label_emb_0_0.alpha',
      'lora_unet_label_emb_0_2.alpha',
    ]);
  });

  it('take a module that is switched off', async () => {
    const before = new Map([...mixed()].map(([path, module], i) => [path, i === 0 ? { ...module, alpha: 0 } : module]));
    const after = await readLora(await reopen(writeLora({ unet: before }, sites, 'kohya')), sites);
    expect(Math.max(...delta(after.modules.unet.get([...before.keys()][0]!)!).map(Math.abs))).toBe(0);
  });

  it.each([
    ['lora_te_', { text_encoder: [{ path: 'text_model.encoder.layers.0.mlp.fc1', weightShape: [3, 4] }] }],
    [
      'lora_te1_',
      {
        text_encoder: [{ path: 'text_model.encoder.layers.0.mlp.fc1', weightShape: [3, 4] }],
        text_encoder_2: [{ path: 'text_projection', weightShape: [3, 4] }],
      },
    ],
  ])('name text encoders %s', async (prefix, texts) => {
    const module = { down: new Float32Array(4).fill(1), up: new Float32Array(3).fill(2), rank: 1, alpha: 1 };
    const parts = Object.fromEntries(
      Object.entries(texts).map(([part, own]) => [part, new Map(own.map((site) => [site.path, module]))]),
    );
    const written = await reopen(writeLora(parts, { ...sites, ...texts }, 'kohya'));
    expect(written.names.filter((name) => name.startsWith(prefix)).length).toBe(3);
    const { modules: found } = await readLora(written, { ...sites, ...texts });
    expect(found.text_encoder).toEqual(parts['text_encoder']);
    expect(found.text_encoder_2).toEqual(parts['text_encoder_2'] ?? new Map());
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
