/** A studio for tests under Node: the page as the store finds it, an engine in a worker that answers as a test says, records as the product
 *  writes them. */
import 'fake-indexeddb/auto';
import { vi } from 'vitest';
import { imageRecord } from '../../records/testRecords.ts';
import type { ModelInfo, OwnPair } from '../../service/types.ts';
import { WorkerForTests } from '../app/workerForTests.ts';
import { db } from './services.ts';
import { type Studio, useStudio } from './useStudio.ts';

export const studio = useStudio.getState;

export const never = (): Promise<never> => new Promise(() => {});

export const modelInfo = (id = 'm', change: Partial<ModelInfo> = {}): ModelInfo => ({
  id,
  title: id,
  source: 'disk',
  hash: id,
  unetHash: id,
  family: 'Stable Diffusion 1',
  pipeline: 'StableDiffusionPipeline',
  parameters: { unet: 1, vae: 1, textEncoder: 1 },
  precision: 'f16',
  weightBytes: 6,
  predictionType: 'epsilon',
  scheduler: 'DDIMScheduler',
  defaults: { steps: 30, guidanceScale: 7.5, scheduler: 'DDIMScheduler' },
  defaultSize: { width: 512, height: 512 },
  sizeMultiple: 8,
  maxTokens: 77,
  karras: false,
  guidanceInput: false,
  notTrainable: null,
  judges: [],
  ...change,
});

/** Of two pictures that models made, one each; of `m` if none is named. */
export const pairOf = (id: string, change: Partial<OwnPair> = {}, [left, right] = ['m', 'm']): OwnPair => ({
  id,
  prompt: `prompt ${id}`,
  images: [
    imageRecord(`${id}0`, { model: { base: left!, adapters: [] } }),
    imageRecord(`${id}1`, { model: { base: right!, adapters: [] } }),
  ],
  origin: 'seeds',
  createdAt: `2026-01-01T00:00:00.000Z ${id}`,
  ...change,
});

/** An engine with one model and nothing made yet. */
export const idleEngine: typeof WorkerForTests.verbs = {
  start: () => ({ features: [], limits: {}, adapter: {}, choices: {} }),
  models: () => [modelInfo()],
  storedModels: () => [],
  storedJudges: () => [],
  runs: () => [],
  unreadableRuns: () => [],
  metrics: () => [],
};

/** One lock, which is free. */
const locks = {
  request: (_name: string, options: unknown, work?: (lock: object) => Promise<void>) =>
    typeof options === 'function' ? never() : work!({}),
};

/** The store as when the page opens, with an empty database.
 *  @param engine verbs beyond an idle engine's: with any the studio is booted, and ready. */
export async function openStudio({
  engine,
  state = {},
}: { engine?: typeof WorkerForTests.verbs; state?: Partial<Studio> } = {}): Promise<void> {
  // Node has none of the browser's storage but what fake-indexeddb brings: files are opened and never read.
  const storage = { getDirectory: async () => ({ getDirectoryHandle: () => ({}) }) };
  vi.stubGlobal('navigator', engine ? { gpu: {}, locks, storage } : {});
  vi.stubGlobal('Worker', WorkerForTests);
  vi.stubGlobal('fetch', () => Promise.reject(new TypeError('no network')));
  vi.stubGlobal('addEventListener', () => undefined);
  vi.stubGlobal('removeEventListener', () => undefined);
  const database = await db();
  for (const name of ['labels', 'pairs', 'images', 'blindTests'] as const) await database.clear(name);
  useStudio.setState({ ...useStudio.getInitialState(), ...state }, true);
  if (!engine) return;
  WorkerForTests.verbs = { ...idleEngine, ...engine };
  await studio().boot();
}

export function closeStudio(): void {
  vi.useRealTimers();
  for (const worker of WorkerForTests.made.splice(0)) worker.terminate();
  vi.unstubAllGlobals();
}
