/** Steps that go far down. */
import { expect, it } from 'vitest';
import { eulerAncestralStep } from './eulerAncestral.ts';

it('is a number however far a step goes down', () => {
  const [x, x0, noise] = [Float32Array.of(1), Float32Array.of(0.5), Float32Array.of(0.1)];
  for (let i = 1; i <= 500; i++) {
    const next = i / 97;
    for (const sigma of [1e3, 2e4, 1e8])
      expect(Number.isFinite(eulerAncestralStep({ x, x0, noise }, { sigma, next })[0]), `${sigma} to ${next}`).toBe(
        true,
      );
  }
});
