import { expect, it } from 'vitest';
import golden from './torchGenerator.golden.json' with { type: 'json' };
import { TorchGenerator } from './torchGenerator.ts';

// Written by tools/reference/write_torch_generator.py.
it.each(golden.rows)('gives what torch gives for seed $seed', ({ seed, calls }) => {
  const generator = new TorchGenerator(BigInt(seed));
  for (const { call, n, head, tail } of calls) {
    const values = call === 'rand' ? generator.rand(n) : generator.randn(n);
    const shown = [...values.subarray(0, head.length), ...values.subarray(n - tail.length)];
    const worst = Math.max(...[...head, ...tail].map((expected, i) => Math.abs(shown[i]! - expected)));
    // Uniforms are exact. Normals: torch's f32 log, sin and cos.
    if (call === 'rand') expect(worst).toBe(0);
    else expect(worst).toBeLessThan(1e-6);
  }
});

it('takes a number or a bigint as its seed', () => {
  expect(new TorchGenerator(42).rand(4)).toEqual(new TorchGenerator(42n).rand(4));
  expect([...new TorchGenerator(42).rand(2)].map((v) => v.toFixed(8))).toEqual(['0.88226926', '0.91500396']);
});
