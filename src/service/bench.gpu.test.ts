import { expect, it } from 'vitest';
import { openNodeGpu } from '../cli/device.ts';
import { presetNamed } from '../training/presets.ts';
import { benchEngine } from './bench.ts';
import { MemoryFileStore } from './memoryFiles.ts';
import { microModel } from './microModel.ts';
import { testEnvironment } from './testEnvironment.ts';

it('measures a forward pass, a step and its kernels, and lets go of nothing that is still running', async () => {
  const { gpu } = await openNodeGpu();
  const reader = microModel();
  const env = testEnvironment({
    gpu,
    files: new MemoryFileStore(),
    embeddedModels: ['micro'],
    openModel: () => reader,
  });
  const config = { ...presetNamed('standard')!.config, rank: 1, alpha: 1, pairsPerStep: 1 };
  const figures = await benchEngine(env, 'micro', { config, repeats: 2 }, () => {});
  expect(figures.forward.engineMs).toBeGreaterThan(0);
  expect(figures.step.ms).toBeGreaterThan(0);
  expect(figures.kernels.rows.length).toBeGreaterThan(3);
});
