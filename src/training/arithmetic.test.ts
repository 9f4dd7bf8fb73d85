/** What is trained, and what it is held against, is computed in f32, whatever pictures are drawn in. */
import { expect, it } from 'vitest';
import { denoiserGraph } from '../models/denoiser.ts';
import { openDenoiser } from '../models/families.ts';
import { nano } from '../service/layouts.ts';
import { planGraph } from '../webgpu/plan.ts';
import { specialize } from '../webgpu/specialize.ts';
import { layoutArenas } from './arena.ts';
import { referenceGraph } from './frozenReference.ts';
import { loraTensors } from './lora.ts';
import { buildStepGraph, buildUpdateGraph, defaultLoss, type StepSpec } from './stepGraph.ts';

const unet = openDenoiser(nano);
const denoiser: StepSpec['denoiser'] = {
  inputs: (graph, batch) => unet.inputs(graph, { batch, height: 8, width: 8, tokens: 5 }),
  build: (graph, inputs, options) => unet.build(graph, inputs, options),
};
const spec: StepSpec = {
  denoiser,
  pairs: 1,
  loss: defaultLoss,
  mode: { kind: 'lora', scaleOf: () => 1 },
  layout: layoutArenas(loraTensors(unet.loraTargets('all'), 4), 2 ** 28),
  reference: 'engine',
  accumulation: 1,
};

const isHalf = (code: string): boolean => /^enable f16;$|\bvec4h\b/m.test(code);

it.each([
  ['a step', buildStepGraph(spec).graph],
  ['a step whose reference comes from elsewhere', buildStepGraph({ ...spec, reference: 'input' }).graph],
  ['an update', buildUpdateGraph({ ...spec, accumulation: 2 }).graph],
  ['the reference, and looks at held-out pairs', referenceGraph(denoiser, 1)],
])('%s is refused in f16, and has nothing of it otherwise', (_, graph) => {
  expect(() => planGraph(graph, { arithmetic: 'f16' })).toThrow(/a graph in f16 is a forward pass outside the loss/);
  for (const variant of ['workgroup', 'tile']) {
    const { dispatches } = planGraph(graph, { variant: (_, all) => (all.includes(variant) ? variant : all[0]!) });
    for (const { dispatch } of dispatches)
      expect(isHalf(specialize(dispatch.kernel, dispatch.constants)), dispatch.kernel.name).toBe(false);
  }
});

it('a picture’s step has', () => {
  const { graph } = denoiserGraph(unet, { batch: 2, height: 8, width: 8, tokens: 5 });
  const { dispatches } = planGraph(graph, { arithmetic: 'f16' });
  const halves = dispatches.filter(({ dispatch }) => dispatch.kernel.name.endsWith('.half'));
  expect(halves.length).toBeGreaterThan(dispatches.length / 5);
  for (const { dispatch } of halves)
    expect(isHalf(specialize(dispatch.kernel, dispatch.constants)), dispatch.kernel.name).toBe(true);
});
