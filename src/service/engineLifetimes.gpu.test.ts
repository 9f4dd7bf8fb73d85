/** What an engine holds of a real device: nothing of a model that is deleted, as much as the forecast says, no device that it could not use. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openNodeGpu } from '../cli/device.ts';
import { folderReader } from '../cli/files.ts';
import { presetNamed } from '../training/presets.ts';
import { countBuffers, type LiveBuffers, watchedGpu } from '../webgpu/liveBuffers.ts';
import { Engine } from './engineService.ts';
import { MemoryFileStore } from './memoryFiles.ts';
import { testEnvironment } from './testEnvironment.ts';
import type { GenerateEvent, ImageRecord, Listener, ModelRef } from './types.ts';

const embedded = 'tools/reference/cases/pipeline-tiny-v/pipeline';
const brought = 'tools/reference/cases/pipeline-sd2-v-rescale/pipeline';

let gpu: GPU;
let buffers: LiveBuffers;
let devices: GPUDevice[] = [];
let engine: Engine;
let files: MemoryFileStore;
/** Where the folder of an id lies, if it is not its path. */
const moved = new Map<string, string>();

beforeAll(async () => {
  gpu = watchedGpu((await openNodeGpu()).gpu, (device) => {
    devices.push(device);
    buffers = countBuffers(device);
  });
  files = new MemoryFileStore();
  const openModel = (id: string) => folderReader(moved.get(id) ?? id);
  engine = new Engine(testEnvironment({ gpu, files, embeddedModels: [embedded], openModel }));
  await engine.start();
}, 300_000);
afterAll(() => engine?.dispose());

const draw = (
  base: string,
  size: number,
  { count = 1, listener = () => {} }: { count?: number; listener?: Listener<GenerateEvent> } = {},
): Promise<ImageRecord[]> =>
  engine.generate(
    `draw ${base}`,
    {
      model: { base, adapters: [] },
      negativePrompt: '',
      steps: 1,
      guidanceScale: 3,
      width: size,
      height: size,
      scheduler: 'DDIMScheduler',
      sampler: 'engine',
      items: Array.from({ length: count }, (_, i) => ({ prompt: 'a tree', seed: 1 + i })),
    },
    listener,
  );

it('leaves nothing of tuning', () => {
  expect([...buffers.live.keys(), ...buffers.staging]).toEqual([]);
});

it('keeps what pictures were made with, as the forecast says, until the model is deleted', async () => {
  const config = { ...presetNamed('standard')!.config, reference: 'engine' as const };
  const model: ModelRef = { base: embedded, adapters: [] };
  const kept = async (): Promise<number> => (await engine.forecast(model, config)).parts.kept ?? 0;
  expect(await kept()).toBe(0);
  await draw(embedded, 32);
  const own = buffers.bytes;
  expect(own).toBeGreaterThan(0);
  expect(await kept()).toBe(own);
  for (const size of [16, 24]) await draw(brought, size);
  expect(buffers.bytes).toBeGreaterThan(own);
  expect(await kept()).toBe(buffers.bytes);
  // What is planned for a picture is its own predictor.
  const { generate } = await engine.modelForecast(brought, { width: 16, height: 16 });
  expect(generate.parts.kept).toBe(own);
  await engine.deleteModel(brought);
  expect(buffers.bytes).toBe(own);
  expect(await kept()).toBe(own);
  await draw(brought, 16);
  expect(buffers.bytes).toBeGreaterThan(own);
});

it('draws a model with its own parts that comes under the name of one that was deleted while it drew', async () => {
  const [expected] = await draw(embedded, 32);
  moved.set('a name', brought);
  let deleted: Promise<void> | undefined;
  await draw('a name', 32, {
    count: 4,
    listener: ({ type }) => {
      if (type === 'image') deleted ??= engine.deleteModel('a name');
    },
  });
  await deleted;
  moved.set('a name', embedded);
  const [made] = await draw('a name', 32);
  expect(await files.read(made!.latentsFile)).toEqual(await files.read(expected!.latentsFile));
  await engine.deleteModel('a name');
});

it('lets everything go at its end', async () => {
  await engine.dispose();
  expect([...buffers.live.keys(), ...buffers.staging]).toEqual([]);
});

it('lets a device go that it could not use', async () => {
  devices = [];
  const broken = new Engine(
    testEnvironment({
      gpu,
      files: new MemoryFileStore(),
      embeddedModels: ['nowhere'],
      openModel: () => folderReader('nowhere'),
    }),
  );
  await expect(broken.start()).rejects.toMatchObject({ name: 'NotFound' });
  expect(devices).toHaveLength(1);
  expect((await devices[0]!.lost).reason).toBe('destroyed');
});
