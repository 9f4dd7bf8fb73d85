/** A judge's tower in f16, where an adapter offers it (Mesa's lavapipe; SwiftShader does not): the scores of its golden case, nearly. */
import { expect, it } from 'vitest';
import { openNodeDevice } from '../../cli/device.ts';
import '../../shared/disposable.ts';
import { createGpuExecutor } from '../../webgpu/executor.ts';
import { engineRunner } from './partRunner.ts';
import { filesOf, itemsOf, judgeOf, recording, scored, tensorsOf } from './testJudges.ts';

it('scores as in f32, nearly', { timeout: 600_000 }, async ({ skip }) => {
  using owned = new DisposableStack();
  const engine = await openNodeDevice();
  owned.defer(() => engine.destroy());
  if (!engine.device.features.has('shader-f16')) skip(`${engine.adapterName} does not offer shader-f16`);
  const name = 'judge-aesthetic-v2';
  const judge = await judgeOf(filesOf(name));
  const runner = { ...recording([]), ...engineRunner(createGpuExecutor(engine, { arithmetic: 'f16' })) };
  await using scorer = await (await judge.plan(runner)).make();
  const scores = await scored(scorer.score(await itemsOf(name)));
  const expected = await (await tensorsOf(name, 'expected.safetensors')).read('score');
  const off = Math.max(...scores.map((score, i) => Math.abs(score - expected[i]!)));
  // Scores of 0.1, off by 1e-4: in f32 by 1e-6.
  expect(off).toBeLessThan(5e-4);
  expect(off).toBeGreaterThan(1e-6);
});
