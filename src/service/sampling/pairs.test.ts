/** Pairs are made by one job: what it needs of a model is read once, whatever their number. */
import { expect, it } from 'vitest';
import { writeLora } from '../../data/formats/lora.ts';
import { writeSafetensors } from '../../data/formats/safetensors.ts';
import { cpuExecutor } from '../../oracle/run.ts';
import type { LoraModule } from '../../shared/lora.ts';
import { sizeOf } from '../../shared/shape.ts';
import { MemoryFileStore } from '../memoryFiles.ts';
import { MICRO_FACTOR, microModel } from '../microModel.ts';
import type { ModelRef, PairsRequest } from '../types.ts';
import { freeSignal, lasting, verbContext } from '../verbContexts.ts';
import { type GenerationContext, makePairs } from './generation.ts';

class CountingFiles extends MemoryFileStore {
  readonly reads: string[] = [];
  override read(path: string) {
    this.reads.push(path);
    return super.read(path);
  }
}

const LORA = 'loras/a.safetensors';

/** What is read of the model's weights and of the adapter while so many pairs are made. */
async function readsOf(count: number, changes: Partial<PairsRequest> = {}): Promise<string[]> {
  const reader = microModel();
  const files = new CountingFiles();
  const context = verbContext({ executor: cpuExecutor(), reader, files });
  const sites = (await context.pool.folder('micro')).unet.model.loraTargets('attention');
  const modules = new Map(
    sites.map(({ path, weightShape: [out, ...rest] }): [string, LoraModule] => [
      path,
      { down: new Float32Array(sizeOf(rest)).fill(0.1), up: new Float32Array(out!).fill(0.1), rank: 1, alpha: 1 },
    ]),
  );
  await files.write(LORA, writeSafetensors(writeLora({ unet: modules }, { unet: sites }, 'kohya'), {}));
  reader.reads.length = 0;
  files.reads.length = 0;
  const model: ModelRef = { base: 'micro', adapters: [{ kind: 'file', file: LORA, strength: 1 }] };
  const pairs = await makePairs(
    lasting(context),
    freeSignal,
    {
      model,
      negativePrompt: 'dull',
      steps: 1,
      guidanceScale: 3,
      width: 4 * MICRO_FACTOR,
      height: 4 * MICRO_FACTOR,
      scheduler: 'DDIMScheduler',
      sampler: 'engine',
      prompts: ['a tree', 'a boat', 'a hill'],
      count,
      seed: 3,
      ...changes,
    },
    () => {},
  );
  expect(pairs).toHaveLength(count);
  return [
    ...reader.reads.filter((path) => path.endsWith('.safetensors')),
    ...files.reads.filter((path) => path === LORA),
  ];
}

it('draws nothing that its judge does not see', async () => {
  const reader = microModel();
  const files = new CountingFiles();
  const context = lasting(verbContext({ executor: cpuExecutor(), reader, files }));
  const judged = {
    ...context,
    judge: async (name: string) => ({ ...(await context.judge(name, undefined!)), title: 'Judge a', imageSize: 96 }),
  };
  const making = makePairs(
    judged,
    freeSignal,
    {
      model: { base: 'micro', adapters: [] },
      negativePrompt: '',
      steps: 1,
      guidanceScale: 1,
      width: 4 * MICRO_FACTOR,
      height: 4 * MICRO_FACTOR,
      scheduler: 'DDIMScheduler',
      sampler: 'engine',
      prompts: ['a tree'],
      count: 1,
      seed: 3,
      bestOf: { k: 2, judge: 'a' },
    },
    () => {},
  );
  await expect(making).rejects.toThrow(/Judge a sees pictures of 96 by 96 pixels/);
  expect(await files.list('images')).toEqual([]);
});

it.each<[string, Partial<GenerationContext>, { cancelAt?: number }]>([
  ['its judge fails', { score: () => Promise.reject(new Error('no score')) }, {}],
  ['it is cancelled before the last picture', {}, { cancelAt: 2 }],
])('keeps no picture that was still to be chosen from when %s', async (_, change, { cancelAt }) => {
  const reader = microModel();
  const files = new CountingFiles();
  const context = { ...verbContext({ executor: cpuExecutor(), reader, files }), ...change };
  let drawn = 0;
  const check = (): void => {
    if (drawn === cancelAt) throw new Error('cancelled');
  };
  const making = makePairs(
    lasting(context),
    { ...freeSignal, check },
    {
      model: { base: 'micro', adapters: [] },
      negativePrompt: '',
      steps: 1,
      guidanceScale: 1,
      width: 4 * MICRO_FACTOR,
      height: 4 * MICRO_FACTOR,
      scheduler: 'DDIMScheduler',
      sampler: 'engine',
      prompts: ['a tree'],
      count: 1,
      seed: 3,
      bestOf: { k: 3, judge: 'a' },
    },
    (event) => {
      if (event.type === 'image') drawn += 1;
    },
  );
  await expect(making).rejects.toThrow(cancelAt ? 'cancelled' : 'no score');
  expect(drawn).toBe(cancelAt ?? 3);
  expect(await files.list('images')).toEqual([]);
});

it('asks the judge in the arithmetic that it draws in, and measures kernels for it ahead', async () => {
  const plain = verbContext({ executor: cpuExecutor(), reader: microModel() });
  const asked: unknown[] = [];
  const context: GenerationContext = {
    ...plain,
    checkHalf: async () => void asked.push('checked'),
    backendFor: async (choice, _model, ahead) => {
      asked.push([choice, ahead?.arithmetic]);
      return 'engine';
    },
    score: async (_judge, _model, files, arithmetic) => {
      asked.push(['score', arithmetic]);
      return files.map((_, i) => ({ appeal: i }));
    },
  };
  const [pair] = await makePairs(
    lasting(context),
    freeSignal,
    {
      model: { base: 'micro', adapters: [] },
      negativePrompt: '',
      steps: 1,
      guidanceScale: 1,
      width: 4 * MICRO_FACTOR,
      height: 4 * MICRO_FACTOR,
      scheduler: 'DDIMScheduler',
      sampler: 'auto',
      arithmetic: 'f16',
      prompts: ['a tree'],
      count: 1,
      seed: 3,
      bestOf: { k: 2, judge: 'a' },
    },
    () => {},
  );
  expect(asked).toEqual(['checked', ['engine', 'f16'], ['score', 'f16']]);
  expect(pair!.images.map(({ arithmetic }) => arithmetic)).toEqual(['f16', 'f16']);
});

it.each<[string, Partial<PairsRequest>]>([
  ['of two seeds', {}],
  ['of two models', { against: { base: 'micro', adapters: [] } }],
  ['of the best and the worst', { bestOf: { k: 3, judge: 'a' } }],
])('reads weights and adapters once for all pairs %s', async (_, changes) => {
  const one = await readsOf(1, changes);
  expect(one.filter((path) => path === LORA)).toHaveLength(1);
  expect(new Set(one).size).toBe(4);
  // Every tensor once, in any order.
  expect((await readsOf(7, changes)).toSorted()).toEqual(one.toSorted());
});
