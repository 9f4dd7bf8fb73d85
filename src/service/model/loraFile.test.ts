/** LoRA files in every layout that is read, merged: the weights are those that diffusers (or PEFT) makes of them. Written by
 *  tools/reference/write_lora_files.py. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { folderReader, NodeFileStore } from '../../cli/files.ts';
import { openSafetensors } from '../../data/formats/safetensors.ts';
import type { TensorSource } from '../../models/weights.ts';
import { MemoryFileStore } from '../memoryFiles.ts';
import { FrozenParts } from '../sampling/frozenParts.ts';
import { onnxRunner } from '../sampling/partRunner.ts';
import { testEnvironment } from '../testEnvironment.ts';
import { RunStore } from '../../data/runStore.ts';
import { ModelCache } from './modelCache.ts';
import { ModelPool, type ResolvedModel } from './modelPool.ts';

const reference = join(import.meta.dirname, '../../../tools/reference');
const cases = join(reference, 'lora-files');
const files = new NodeFileStore('/nowhere');
const pool = new ModelPool(testEnvironment({ files, openModel: folderReader }), new RunStore(files));

function resolve(name: string): Promise<ResolvedModel> {
  const folder = join(cases, name);
  const base = JSON.parse(readFileSync(join(folder, 'base.json'), 'utf8')) as string;
  const file = readdirSync(folder).find((one) => /^(pytorch_lora_weights|adapter_model)\.safetensors$/.test(one))!;
  return pool.resolve({
    base: join(reference, 'cases', base, 'pipeline'),
    adapters: [{ kind: 'file', file: join(folder, file), strength: 1 }],
  });
}

const sources = ({ weights, texts }: ResolvedModel): Record<string, TensorSource> =>
  Object.fromEntries([
    ['unet', weights],
    ...texts.encoders.map((text, i) => [i === 0 ? 'text_encoder' : `text_encoder_${i + 1}`, text.weights]),
  ]);

const farthest = (a: Float32Array, b: Float32Array): number =>
  a.length === b.length ? a.reduce((most, x, i) => Math.max(most, Math.abs(x - b[i]!)), 0) : Infinity;

describe("merged weights are diffusers'", () => {
  it.each(readdirSync(cases))('%s', async (name) => {
    const model = await resolve(name);
    const expected = await openSafetensors(readFileSync(join(cases, name, 'merged.safetensors')));
    const before = sources(await pool.resolve({ base: model.folder.info.id, adapters: [] }));
    for (const [part, source] of Object.entries(sources(model))) {
      for (const tensor of source.names) {
        const merged = await source.read(tensor);
        const key = `${part}/${tensor}`;
        if (!expected.shape(key)) {
          expect([key, merged]).toEqual([key, await before[part]!.read(tensor)]);
          continue;
        }
        const wanted = await expected.read(key);
        const largest = wanted.reduce((most, x) => Math.max(most, Math.abs(x)), 1);
        expect([key, farthest(merged, wanted) < 1e-6 * largest]).toEqual([key, true]);
      }
    }
    const known = Object.entries(sources(model)).flatMap(([part, { names }]) => names.map((one) => `${part}/${one}`));
    expect(expected.names.filter((key) => !known.includes(key))).toEqual([]);
  });
});

it.each(['kohya-sd1', 'kohya-xl'])(
  "a prompt is encoded as by diffusers' pipeline with the adapter: %s",
  async (name) => {
    const model = await resolve(name);
    const prompt = 'a Photo of a small red house';
    const expected = await openSafetensors(readFileSync(join(cases, name, 'prompt.safetensors')));
    await using cache = new ModelCache();
    const parts = new FrozenParts(model.folder, onnxRunner({ provider: 'wasm' }), async () => undefined, cache);
    const plain = await parts.encodeText(prompt);
    const { context, pooled } = await parts.encodeText(prompt, model.texts);
    expect(farthest(context, await expected.read('prompt_embeds'))).toBeLessThan(1e-4);
    expect(farthest(context, plain.context)).toBeGreaterThan(0.05);
    if (expected.shape('pooled_prompt_embeds'))
      expect(farthest(pooled, await expected.read('pooled_prompt_embeds'))).toBeLessThan(1e-4);
    // And without it again.
    expect(await parts.encodeText(prompt)).toBe(plain);
    expect((await parts.encodeText('another', model.texts)).context).not.toEqual(
      (await parts.encodeText('another')).context,
    );
  },
);

describe('a model is known by all that its adapters are', () => {
  it('by the config beside a file, and by what of the file is applied', async () => {
    const hashes = ['peft-folder-patterns', 'kohya-sd1', 'kohya-locon'].map(async (name) => (await resolve(name)).hash);
    expect(new Set(await Promise.all(hashes)).size).toBe(3);
    const memory = new MemoryFileStore();
    const copied = new ModelPool(testEnvironment({ files: memory, openModel: folderReader }), new RunStore(memory));
    const lora = readFileSync(join(cases, 'peft-folder/adapter_model.safetensors'));
    const config = JSON.parse(readFileSync(join(cases, 'peft-folder/adapter_config.json'), 'utf8')) as object;
    const hashOf = async (folder: string, change: object): Promise<string> => {
      await memory.write(`${folder}/a.safetensors`, lora);
      await memory.write(`${folder}/adapter_config.json`, Buffer.from(JSON.stringify({ ...config, ...change })));
      const base = join(reference, 'cases/pipeline-text-to-image/pipeline');
      return (
        await copied.resolve({ base, adapters: [{ kind: 'file', file: `${folder}/a.safetensors`, strength: 1 }] })
      ).hash;
    };
    expect(await hashOf('one', {})).toBe(await hashOf('two', {}));
    expect(await hashOf('one', {})).not.toBe(await hashOf('three', { lora_alpha: 9 }));
  });

  it('and a file of PEFT is refused without the config that says how strong it is', async () => {
    const memory = new MemoryFileStore();
    const alone = new ModelPool(testEnvironment({ files: memory, openModel: folderReader }), new RunStore(memory));
    await memory.write('x/a.safetensors', readFileSync(join(cases, 'peft-folder/adapter_model.safetensors')));
    const base = join(reference, 'cases/pipeline-text-to-image/pipeline');
    await expect(
      alone.resolve({ base, adapters: [{ kind: 'file', file: 'x/a.safetensors', strength: 1 }] }),
    ).rejects.toThrow(/adapter_config\.json.*not beside it/);
  });
});
