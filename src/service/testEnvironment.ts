/** The place that tests run the engine in: Node, without onnxruntime's WebGPU provider, and without a GPU unless the test brings one. */
import { createHash, randomUUID } from 'node:crypto';
import type { Environment } from './environment.ts';

export const testEnvironment = (
  given: Pick<Environment, 'files' | 'openModel'> & Partial<Environment>,
): Environment => ({
  gpu: undefined,
  hasOnnxWebgpu: false,
  embeddedModels: [],
  sha256: async (bytes) => createHash('sha256').update(bytes).digest('hex'),
  now: () => new Date(),
  newId: randomUUID,
  ...given,
});
