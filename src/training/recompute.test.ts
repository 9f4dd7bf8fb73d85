/** Computing blocks twice changes what a step takes, never a bit of what it gives; and `auto` spares arithmetic while memory allows. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { peakBytes, totalBytes } from '../autodiff/peak.ts';
import { generator } from '../graph/caseData.ts';
import { Graph } from '../graph/graph.ts';
import { openDenoiser } from '../models/families.ts';
import { ParameterStore } from '../models/parameterStore.ts';
import { cpuExecutor } from '../oracle/run.ts';
import { sizeOf } from '../shared/shape.ts';
import { layoutArenas } from './arena.ts';
import { loraTensors } from './lora.ts';
import { KEEP_BUDGET_BYTES, recomputed, RECOMPUTE_BUDGET_BYTES } from './recompute.ts';
import { buildStepGraph, defaultLoss, type StepSpec } from './stepGraph.ts';
import { Trainer } from './trainer.ts';

const fileOf = (name: string): Record<string, unknown> =>
  JSON.parse(readFileSync(`tools/reference/configs/${name}/unet/config.json`, 'utf8')) as Record<string, unknown>;

function loraSpec(config: Record<string, unknown>, side: number, rank: number): StepSpec {
  const unet = openDenoiser(config);
  return {
    denoiser: {
      inputs: (graph, batch) => unet.inputs(graph, { batch, height: side, width: side, tokens: 5 }),
      build: (graph, inputs, options) => unet.build(graph, inputs, options),
    },
    pairs: 1,
    loss: defaultLoss,
    mode: { kind: 'lora', scaleOf: () => 1 },
    layout: layoutArenas(loraTensors(unet.loraTargets('all'), rank), 2 ** 28),
    reference: 'engine',
    accumulation: 1,
  };
}

/** SDXL's layout, narrow: ten blocks become three. */
const narrow = {
  ...fileOf('stable-diffusion-xl-base-1.0'),
  block_out_channels: [8, 8, 16],
  norm_num_groups: 4,
  attention_head_dim: [1, 2, 2],
  cross_attention_dim: 8,
  transformer_layers_per_block: [1, 2, 3],
  addition_time_embed_dim: 4,
  projection_class_embeddings_input_dim: 32,
};

const uniform = (name: string, length: number): Float32Array => {
  const draw = generator(name);
  return Float32Array.from({ length }, () => draw() - 0.5);
};

describe('blocks', () => {
  const spec = loraSpec(narrow, 4, 2);

  it('gives the bits that cheap gives, and both what none gives, step after step', async () => {
    const train = async (
      recompute: 'none' | 'cheap' | 'blocks',
    ): Promise<{ tensors: Map<string, Float32Array>; results: unknown[] }> => {
      const executor = cpuExecutor();
      const source = {
        names: [],
        shape: (name: string) => shapes.get(name),
        read: async (name: string) => uniform(name, sizeOf(shapes.get(name)!)),
      };
      const trainer = await Trainer.create({
        executor,
        spec: { ...spec, recompute },
        frozen: new ParameterStore(executor, source),
        initial: async (name) => uniform(name, sizeOf(spec.layout.byName.get(name)!.shape)),
      });
      expect(trainer.recompute).toBe(recompute);
      const inputs = spec.denoiser.inputs(new Graph(), 2);
      const numbers = (value: { name: string; shape: readonly number[] }): Float32Array =>
        uniform(value.name, sizeOf(value.shape));
      const { sample, timestep: _, ...told } = inputs;
      const batch = {
        sample: numbers(sample),
        target: numbers({ ...sample, name: 'target' }),
        timestep: Float32Array.of(7, 7),
        conditioning: Object.fromEntries(
          Object.values(told).map((value) => [value.name, { data: numbers(value), shape: value.shape }]),
        ),
        beta: 50,
      };
      const results: unknown[] = [];
      for (const t of [1, 2])
        results.push(
          await trainer.run([batch], {
            lr: 1e-2,
            beta1: 0.9,
            beta2: 0.99,
            eps: 1e-8,
            weightDecay: 0.01,
            maxGradNorm: 1,
            t,
          }),
        );
      return { tensors: await trainer.tensors(), results };
    };
    const shapes = new Map(
      buildStepGraph(spec)
        .graph.values.filter(({ source }) => source.kind === 'parameter')
        .map(({ name, shape }) => [name, shape]),
    );
    const [none, cheap, blocks] = [await train('none'), await train('cheap'), await train('blocks')];
    expect(cheap).toEqual(none);
    expect(blocks).toEqual(cheap);
    expect(blocks.tensors.size).toBe(spec.layout.entries.length);
  });

  it('keeps what passes from one transformer block to the next, and no more of it', () => {
    const { graph } = recomputed(buildStepGraph(spec), 'blocks').step;
    const again = (name: string): boolean => graph.nodes.some((node) => node.name === `policy.${name}.again`);
    const transformer = 'mid_block.attentions.0.transformer_blocks';
    // The adapter's node is the last of a layer.
    expect([0, 1, 2].map((i) => again(`${transformer}.${i}.ff.net.2.lora_up`))).toEqual([false, false, false]);
    expect([0, 1, 2].map((i) => again(`${transformer}.${i}.attn1`))).toEqual([true, true, true]);
    expect(again('mid_block.attentions.0.proj_in.lora_up')).toBe(true);
    expect(graph.nodes.some((node) => node.name.startsWith('reference.') && node.name.endsWith('.again'))).toBe(false);
  });
});

describe('auto', () => {
  it('keeps everything of a small model', () => {
    const built = buildStepGraph(loraSpec(narrow, 8, 2));
    expect(recomputed(built, 'auto')).toEqual({ step: built, recompute: 'none' });
    expect(totalBytes(built.graph)).toBeLessThan(KEEP_BUDGET_BYTES);
  });

  it.each([
    ['stable-diffusion-v1-5', 32, 'cheap'],
    ['stable-diffusion-v1-5', 96, 'blocks'],
    ['stable-diffusion-xl-base-1.0', 64, 'blocks'],
  ] as const)('%s, latents of %i: %s', (name, side, chosen) => {
    const built = buildStepGraph(loraSpec(fileOf(name), side, 8));
    const { step, recompute } = recomputed(built, 'auto');
    expect(recompute).toBe(chosen);
    expect(totalBytes(recomputed(built, 'cheap').step.graph) <= RECOMPUTE_BUDGET_BYTES).toBe(chosen === 'cheap');
    expect(peakBytes(step.graph)).toBeLessThan(peakBytes(built.graph));
  });
});
