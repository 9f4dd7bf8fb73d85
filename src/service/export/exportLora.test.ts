/** What is taken away of a model with adapters, text encoders among what they change: opened again, it is the same model. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { folderReader } from '../../cli/files.ts';
import { openSafetensors } from '../../data/formats/safetensors.ts';
import type { TensorSource } from '../../models/weights.ts';
import { WinnowError } from '../../shared/errors.ts';
import type { FolderReader } from '../environment.ts';
import { MemoryFileStore } from '../memoryFiles.ts';
import { ModelPool, type ResolvedModel } from '../model/modelPool.ts';
import { testEnvironment } from '../testEnvironment.ts';
import { RunStore } from '../../data/runStore.ts';
import { exportModel } from './exporting.ts';

const reference = join(import.meta.dirname, '../../../tools/reference');

/** A base with LoRA files of the reference on it, each at its strength. */
async function tuned(base: string, loras: Record<string, number>): Promise<{ model: ResolvedModel; pool: ModelPool }> {
  const files = new MemoryFileStore();
  const openModel = (id: string): FolderReader =>
    id === 'out'
      ? {
          read: (path) => files.read(`out/${path}`),
          open: (path) => files.open(`out/${path}`),
          list: async () => (await files.list('out')).map((path) => path.slice('out/'.length)),
        }
      : folderReader(id);
  const env = testEnvironment({ files, openModel });
  const pool = new ModelPool(env, new RunStore(files));
  for (const name of Object.keys(loras))
    await files.write(
      `${name}.safetensors`,
      readFileSync(join(reference, 'lora-files', name, 'pytorch_lora_weights.safetensors')),
    );
  const adapters = Object.entries(loras).map(([name, strength]) => ({
    kind: 'file' as const,
    file: `${name}.safetensors`,
    strength,
  }));
  const model = await pool.resolve({ base: join(reference, 'cases', base, 'pipeline'), adapters });
  filesOf.set(pool, files);
  return { model, pool };
}
const filesOf = new WeakMap<ModelPool, MemoryFileStore>();

const nets = ({ weights, texts }: ResolvedModel): TensorSource[] => [
  weights,
  ...texts.encoders.map((text) => text.weights),
];

async function expectSame(found: ResolvedModel, wanted: ResolvedModel, digits: number): Promise<void> {
  for (const [i, net] of nets(found).entries()) {
    for (const name of net.names) {
      const [a, b] = [await net.read(name), await nets(wanted)[i]!.read(name)];
      const off = a.reduce((most, x, at) => Math.max(most, Math.abs(x - b[at]!)), 0);
      expect([name, off < 10 ** -digits]).toEqual([name, true]);
    }
  }
}

const models: [string, string, Record<string, number>][] = [
  ['a LoRA with a text encoder', 'pipeline-text-to-image', { 'kohya-sd1': 1 }],
  [
    'several, of other ranks, alphas and nets',
    'pipeline-text-to-image',
    { 'kohya-sd1-without-alpha-mixed-ranks': 0.5, 'peft-metadata-rslora': 0.7, 'kohya-locon': -0.25 },
  ],
  ['one of two text encoders', 'pipeline-xl', { 'kohya-xl': 0.8 }],
  ['several of two text encoders', 'pipeline-xl', { 'kohya-xl': 0.8, 'peft-xl': 0.3, 'diffusion-model-xl': 1.7 }],
];

describe.each(models)('%s', (_, base, loras) => {
  it.each(['kohya', 'peft'] as const)('as %s, which diffusers reads at the same strength', async (kind) => {
    const { model, pool } = await tuned(base, loras);
    const files = filesOf.get(pool)!;
    const [made] = await exportModel(model, kind, { files, folder: 'out', name: 'mine' });
    const again = await pool.resolve({
      base: model.folder.info.id,
      adapters: [{ kind: 'file', file: made!.file, strength: 1 }],
    });
    await expectSame(again, model, 5);
    // diffusers reads one alpha for all attention layers of a file, and one rank for a text encoder with a projection.
    const file = await openSafetensors(await files.read(made!.file));
    const inSecond = file.names.filter((name) => /^(lora_te2_|text_encoder_2\.).*(lora_down|lora_A)/.test(name));
    expect(new Set(inSecond.map((name) => file.shape(name)![0])).size).toBe(base === 'pipeline-xl' ? 1 : 0);
    const alphas = file.names.filter((name) => name.endsWith('.alpha'));
    expect(new Set(await Promise.all(alphas.map(async (name) => (await file.read(name))[0]))).size).toBe(
      kind === 'kohya' ? 1 : 0,
    );
  });

  it.each(['diffusers', 'single-file'] as const)('as %s, merged into every net that it changes', async (kind) => {
    const { model, pool } = await tuned(base, loras);
    const files = filesOf.get(pool)!;
    await exportModel(model, kind, { files, folder: 'out', name: 'mine' }, { precision: 'f32' });
    const again = await pool.resolve({ base: 'out', adapters: [] });
    expect(again.texts.key).toBe('');
    await expectSame(again, model, 9);
  });
});

it('writes a text encoder that is changed in f32, as the UNet, and leaves others in their width', async () => {
  const { model, pool } = await tuned('pipeline-text-to-image', { 'kohya-sd1': 1 });
  const files = filesOf.get(pool)!;
  await exportModel(model, 'diffusers', { files, folder: 'half', name: 'mine' }, { precision: 'f16' });
  const env = testEnvironment({
    files,
    openModel: () => ({ read: (path) => files.read(`half/${path}`), open: (path) => files.open(`half/${path}`) }),
  });
  const again = new ModelPool(env, new RunStore(files));
  const widths = async (lora: string, folder: string): Promise<(string | undefined)[]> => {
    await files.write(
      'x/lora.safetensors',
      readFileSync(join(reference, 'lora-files', lora, 'pytorch_lora_weights.safetensors')),
    );
    const on = await again.resolve({
      base: 'half',
      adapters: [{ kind: 'file', file: 'x/lora.safetensors', strength: 1 }],
    });
    await exportModel(on, 'diffusers', { files, folder, name: 'mine' });
    const file = await openSafetensors(await files.read(`${folder}/text_encoder/model.safetensors`));
    return [...new Set(file.names.map((name) => file.half(name)))];
  };
  expect(await widths('kohya-sd1', 'one')).toEqual([undefined]);
  expect(await widths('kohya-locon', 'two')).toEqual(['f16']);
});

it('a LoRA of a text encoder alone is one', async () => {
  const { model, pool } = await tuned('pipeline-text-to-image', {});
  const files = filesOf.get(pool)!;
  const folder = join(reference, 'lora-files/peft-folder-text-encoder');
  await files.write('t/adapter_model.safetensors', readFileSync(join(folder, 'adapter_model.safetensors')));
  await files.write('t/adapter_config.json', readFileSync(join(folder, 'adapter_config.json')));
  const on = await pool.resolve({
    base: model.folder.info.id,
    adapters: [{ kind: 'file', file: 't/adapter_model.safetensors', strength: 1 }],
  });
  const [made] = await exportModel(on, 'kohya', { files, folder: 'out', name: 'mine' });
  const names = (await openSafetensors(await files.read(made!.file))).names;
  expect(names.every((name) => name.startsWith('lora_te_text_model_'))).toBe(true);
  await expect(exportModel(model, 'kohya', { files, folder: 'out', name: 'mine' })).rejects.toBeInstanceOf(WinnowError);
});
