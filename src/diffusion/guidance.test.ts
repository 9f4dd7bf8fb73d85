import { describe, expect, it } from 'vitest';
import golden from './guidance.golden.json' with { type: 'json' };
import { guide, usesGuidance } from './guidance.ts';

/** ||out - ref|| / ||ref|| */
function relativeError(out: ArrayLike<number>, ref: readonly number[]): number {
  expect(out.length).toBe(ref.length);
  const norm = (values: readonly number[]): number => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0));
  return norm(ref.map((v, i) => v - out[i]!)) / norm(ref);
}

// Written by tools/reference/write_guidance.py.
describe('against diffusers', () => {
  it.each(golden.guided)(
    'scale $guidanceScale, rescale $guidanceRescale, batch $batch',
    ({ unconditional, conditional, guided, ...options }) => {
      const out = guide({
        unconditional: Float32Array.from(unconditional),
        conditional: Float32Array.from(conditional),
        ...options,
      });
      expect(relativeError(out, guided)).toBeLessThan(2e-7);
    },
  );
});

it('extrapolates from unconditional to conditional, above 1 only', () => {
  const [unconditional, conditional] = [Float32Array.of(0, 1, 2, 3), Float32Array.of(1, 1, 4, -1)];
  expect([...guide({ unconditional, conditional, guidanceScale: 2 })]).toEqual([2, 1, 6, -5]);
  expect([usesGuidance(1), usesGuidance(1.5)]).toEqual([false, true]);
});
