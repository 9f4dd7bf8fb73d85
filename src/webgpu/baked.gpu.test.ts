/** Kernels of a heavy shape, which is baked in (kernels/anyShape.ts), on the light cases of the ops: there a shape is data otherwise. */
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { type NodeDevice, openNodeDevice } from '../cli/device.ts';
import { buildCase } from '../graph/caseData.ts';
import { cases } from '../graph/cases.ts';
import type { OpKind } from '../graph/ops.ts';
import { evaluate } from '../oracle/run.ts';
import { createGpuExecutor } from './executor.ts';

vi.mock('./kernels/anyShape.ts', async (original) => ({
  ...(await original<typeof import('./kernels/anyShape.ts')>()),
  kindFor: ({ baked }: { baked: unknown }) => baked,
}));

let engine: NodeDevice;
beforeAll(async () => {
  engine = await openNodeDevice();
});
afterAll(() => engine?.destroy());

it.each<[OpKind, string]>([
  ['linear', 'in fours, deep'],
  ['linearGradWeight', '580 rows'],
  ['conv2d', '48 to 48, 12x12'],
  ['conv2dGradWeight', '48 to 48, 12x12'],
])('%s, %s', async (op, name) => {
  const testCase = (cases[op] as readonly { name: string }[]).find((one) => one.name === name);
  const { graph, feeds, results } = buildCase(op, testCase as never, 1, 'f32');
  const wantOf = evaluate(graph, feeds);
  for (const variant of ['tile', 'workgroup']) {
    using program = await createGpuExecutor(engine, { variants: { default: variant } }).compile(graph);
    expect(program.steps[0]!.dispatch.kernel).toMatchObject({
      name: `${op.startsWith('linear') ? 'gemm' : op}.${variant}`,
    });
    expect(program.steps[0]!.dispatch.kernel.data).toBeUndefined();
    for (const [value, data] of feeds) program.write(value, data);
    const got = await program.runAndRead(results);
    for (const [i, value] of results.entries()) {
      const want = wantOf(value);
      const largest = Math.max(...want.map(Math.abs));
      expect(Math.max(...got[i]!.map((x, k) => Math.abs(x - want[k]!))), variant).toBeLessThan(1e-5 * largest);
    }
  }
});
