/** A run's record, for tests of what reads them. */
import { presetNamed } from '../training/presets.ts';
import type { RunRecord } from './types.ts';

export const testRun = (changes: Partial<RunRecord> = {}): RunRecord => ({
  version: 1,
  id: 'r',
  name: 'A run',
  model: { base: 'postcard', adapters: [] },
  modelHash: 'model',
  dataHash: 'data',
  pairs: [{ pair: 'p', prompt: 'a tree', winnerLatents: 'a.safetensors', loserLatents: 'b.safetensors' }],
  config: presetNamed('standard')!.config,
  status: 'stopped',
  step: 0,
  reference: 'engine',
  step0Logit: null,
  choices: {
    kernelVariants: { default: 'workgroup' },
    sampler: 'engine',
    onnxProvider: 'wasm',
    wasmThreads: 1,
    measuredMs: {},
    failures: {},
    flopsPerSecond: 1e9,
  },
  adapter: 'an adapter',
  checkpoints: [],
  samples: [],
  createdAt: '2026-01-01T00:00:00.000Z',
  updatedAt: '2026-01-01T00:00:00.000Z',
  ...changes,
});
