/** Blocks whose transposes take no dispatch, on the GPU, in every variant of the products, against the float64 oracle. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openNodeDevice, type NodeDevice } from '../cli/device.ts';
import { evaluate } from '../oracle/run.ts';
import '../shared/disposable.ts';
import { createGpuExecutor } from './executor.ts';
import { type Block, transformerBlock } from '../training/testTransformer.ts';

let engine: NodeDevice;
beforeAll(async () => {
  engine = await openNodeDevice();
});
afterAll(() => engine?.destroy());

async function meets(variant: string, block: Block): Promise<void> {
  const { graph, feeds } = transformerBlock(block);
  const executor = createGpuExecutor(engine, { variants: { default: variant } });
  using program = await executor.compile(graph);
  expect(program.steps.map(({ dispatch }) => dispatch.kernel.name)).not.toContain('transpose');
  for (const [value, data] of feeds) program.write(value, data);
  await program.run();
  const want = evaluate(graph, feeds);
  for (const [name, value] of graph.outputs) {
    const got = await program.read(value);
    const numbers = want(value);
    const largest = numbers.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    const worst = got.reduce((most, x, i) => Math.max(most, Math.abs(x - numbers[i]!)), 0);
    expect(largest, name).toBeGreaterThan(0);
    expect(worst / largest, `${variant}: ${name}`).toBeLessThanOrEqual(1e-5);
  }
}

describe.each(['workgroup', 'quad'])('%s', (variant) => {
  it.each<Block>([
    { shape: [1, 6, 5, 3], projections: 'conv', trained: 'all' },
    { shape: [2, 8, 4, 4], projections: 'conv', trained: 'lora' },
    { shape: [3, 7, 3, 5], projections: 'conv', trained: 'all', scale: 1e-12 },
    { shape: [2, 7, 5, 3], projections: 'linear', trained: 'all', scale: 1e-12 },
    { shape: [3, 8, 4, 3], projections: 'linear', trained: 'lora' },
  ])('$shape, projections by $projections, trained: $trained', (block) => meets(variant, block));

  // More than 128 steps of the depth, in few tiles: slices of it, whose sums know the bias.
  it('in slices of the depth', () => meets(variant, { shape: [2, 300, 2, 2], projections: 'conv', trained: 'all' }));
});

describe('what reads in fours', () => {
  it.each<[string, Block]>([
    ['subgroup', { shape: [2, 36, 6, 6], projections: 'conv', trained: 'all' }],
    ['subgroup', { shape: [3, 40, 6, 4], projections: 'linear', trained: 'all' }],
    // Whose compiling takes as long as all others here.
    ['tile', { shape: [2, 36, 6, 6], projections: 'conv', trained: 'none' }],
  ])('%s, %o', meets);
});
