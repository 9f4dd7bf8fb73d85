import { defineConfig } from 'vitest/config';
import { vulkanEnvironment } from './tools/cli/vulkan.mjs';

// Forked workers inherit this: Dawn's Vulkan loader reads it when a process starts.
Object.assign(process.env, vulkanEnvironment());

export default defineConfig({
  test: {
    include: ['src/**/*.test.{ts,tsx}', 'tools/**/*.test.ts', 'bench/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 120_000,
  },
});
