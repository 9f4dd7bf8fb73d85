/** A LoRA that changes the text encoder alone, through the engine's verbs: pictures, a run on top of it, and what that run is taken away as. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openNodeGpu } from '../cli/device.ts';
import { folderReader } from '../cli/files.ts';
import { openSafetensors } from '../data/formats/safetensors.ts';
import { presetNamed } from '../training/presets.ts';
import { Engine } from './engineService.ts';
import { MemoryFileStore } from './memoryFiles.ts';
import { testEnvironment } from './testEnvironment.ts';
import type { ImageRecord, ModelRef, RunRecord } from './types.ts';

const reference = join(import.meta.dirname, '../../tools/reference');
const base = join(reference, 'cases/pipeline-text-to-image/pipeline');
const lora = join(reference, 'lora-files/peft-folder-text-encoder');
const files = new MemoryFileStore();
let engine: Engine;
let plain: ModelRef;
let tuned: ModelRef;

const draw = async (model: ModelRef): Promise<ImageRecord[]> =>
  engine.generate(
    'images',
    {
      model,
      negativePrompt: '',
      steps: 2,
      guidanceScale: 2,
      width: 16,
      height: 16,
      scheduler: 'DDIMScheduler',
      sampler: 'engine',
      items: [0, 1].map((seed) => ({ prompt: 'a boat', seed })),
    },
    () => {},
  );
const latents = async ({ latentsFile }: ImageRecord): Promise<Float32Array> =>
  (await openSafetensors(await files.read(latentsFile))).read('latents');

beforeAll(async () => {
  const { gpu } = await openNodeGpu();
  engine = new Engine(testEnvironment({ gpu, files, embeddedModels: [base], openModel: folderReader }));
  const read = (name: string): Uint8Array => new Uint8Array(readFileSync(join(lora, name)));
  const { file, parts } = await engine.importLora(
    'adapter_model.safetensors',
    read('adapter_model.safetensors'),
    base,
    read('adapter_config.json'),
  );
  expect(parts).toEqual({ text_encoder: 6 });
  plain = { base, adapters: [] };
  tuned = { base, adapters: [{ kind: 'file', file, strength: 1 }] };
}, 300_000);
afterAll(() => engine.dispose());

it('makes other pictures, and the old ones again without it', async () => {
  const before = await draw(plain);
  const [after] = await draw(tuned);
  const [again] = await draw(plain);
  expect(await latents(after!)).not.toEqual(await latents(before[0]!));
  expect(await latents(again!)).toEqual(await latents(before[0]!));
  expect(after!.modelHash).not.toBe(before[0]!.modelHash);
});

it('a run on top of it trains on its encodings, and takes it along', async () => {
  const [a, b] = await draw(plain);
  const run = (id: string, model: ModelRef): Promise<RunRecord> =>
    engine.train(
      id,
      {
        run: id,
        name: id,
        model,
        config: {
          ...presetNamed('standard')!.config,
          rank: 2,
          alpha: 2,
          learningRate: 3e-2,
          warmupSteps: 0,
          steps: 2,
          pairsPerStep: 1,
          saveEvery: 2,
          sampleEvery: 0,
          promptDropout: 0,
          reference: 'engine',
        },
        pairs: [{ pair: 'p', prompt: 'a boat', winnerLatents: a!.latentsFile, loserLatents: b!.latentsFile }],
        resume: false,
      },
      () => {},
    );
  const [without, withIt] = [await run('without', plain), await run('with', tuned)];
  const [first] = await engine.metrics(without.id);
  const [second] = await engine.metrics(withIt.id);
  expect([first!.logit, second!.logit]).toEqual([0, 0]);
  expect(second!.winnerError).not.toBe(first!.winnerError);

  const [made] = await engine.export({ base, adapters: [{ kind: 'run', run: withIt.id, strength: 1 }] }, 'kohya');
  const names = (await openSafetensors(await files.read(made!.file))).names;
  expect(names.some((name) => name.startsWith('lora_te_'))).toBe(true);
  expect(names.some((name) => name.startsWith('lora_unet_'))).toBe(true);
});
