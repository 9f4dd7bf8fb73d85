/** The denoiser on our kernels with weights in half width: adapters beside the layers, on one copy of the base. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type NodeDevice, openNodeDevice } from '../../cli/device.ts';
import { folderReader } from '../../cli/files.ts';
import { stacked } from '../../models/conditioning.ts';
import { ParameterStore } from '../../models/parameterStore.ts';
import { storedDtypes, type TensorSource } from '../../models/weights.ts';
import { decodeF16, encodeF16 } from '../../shared/float16.ts';
import type { LoraModule } from '../../shared/lora.ts';
import { RandomStream } from '../../shared/rng.ts';
import { createGpuExecutor, type GpuExecutor } from '../../webgpu/executor.ts';
import { type ModelFolder, openModelFolder } from '../model/modelFolder.ts';
import type { WeightChange } from '../model/modelPool.ts';
import { type EngineOptions, planEnginePredictor } from './noisePredictor.ts';

let engine: NodeDevice;
let executor: GpuExecutor;
let folder: ModelFolder;

const numbers = (seed: number, length: number): Float32Array =>
  new RandomStream({ seed, purpose: 'noise' }).normals(length);

beforeAll(async () => {
  engine = await openNodeDevice();
  executor = createGpuExecutor(engine);
  const opened = await openModelFolder('xl', {
    openModel: () => folderReader('tools/reference/cases/pipeline-xl/pipeline'),
    sha256: async () => '',
  });
  const { weights } = opened.unet;
  // The same model as an fp16 file has it.
  const half: TensorSource = {
    names: weights.names,
    shape: (name) => weights.shape(name),
    read: async (name) => decodeF16(encodeF16(await weights.read(name))),
    half: () => 'f16',
    readHalf: async (name) => encodeF16(await weights.read(name)),
  };
  folder = { ...opened, unet: { ...opened.unet, weights: half } };
});
afterAll(() => engine?.destroy());

it('runs a LoRA beside half-width weights as merged into them in f32, on the base that is there', async () => {
  const { model, weights } = folder.unet;
  const modules = new Map(
    model.loraTargets('all').map(({ path, weightShape: [out, ...rest] }, i): [string, LoraModule] => {
      const width = rest.reduce((product, axis) => product * axis, 1);
      return [
        path,
        { down: numbers(2 * i, 2 * width), up: numbers(2 * i + 1, 2 * out!).map((x) => 1e-3 * x), rank: 2, alpha: 2 },
      ];
    }),
  );
  const lora: WeightChange = { kind: 'lora', modules, texts: [], strength: 0.5, hash: '' };
  const size = { batch: 2, height: 6, width: 4, tokens: folder.tokens };
  const text = { context: numbers(900, folder.tokens * model.contextWidth), pooled: numbers(901, model.pooledWidth) };
  const one = model.conditioning(text, { width: 8, height: 12 });
  using base = new ParameterStore(executor, weights);
  const predict = async (
    changes: WeightChange[],
    kept: EngineOptions['kept'] = (source) => storedDtypes(source, 'stored'),
    on: ParameterStore | undefined = base,
  ): Promise<Float32Array> => {
    await using predictor = await planEnginePredictor(executor, { folder, changes }, size, { kept }).make(on);
    return await predictor.predict(numbers(902, 2 * model.latentChannels * 24), 500, stacked([one, one]));
  };
  const plain = await predict([]);
  const held = base.bytes;
  const beside = await predict([lora]);
  const merged = await predict([lora], (source) => storedDtypes(source, 'f32'));
  const furthest = (a: Float32Array, b: Float32Array): number => Math.max(...a.map((x, i) => Math.abs(x - b[i]!)));
  expect(furthest(beside, merged)).toBeLessThan(2e-5);
  // The update is far above that, and below what f16 could hold in most weights.
  expect(furthest(plain, merged)).toBeGreaterThan(1e-3);
  expect(base.bytes).toBe(held);
  // At strength 0 it is the base, to the bit.
  expect(await predict([{ ...lora, strength: 0 }])).toEqual(plain);
});
