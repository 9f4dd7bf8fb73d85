/** Schedules that end in pure noise. */
import { expect, it } from 'vitest';
import { ddimStep } from './ddim.ts';

it('is a number between two steps of pure noise', () => {
  const [x0, eps, noise] = [Float32Array.of(0.5), Float32Array.of(0.25), Float32Array.of(0.1)];
  for (const eta of [0, 1]) expect(ddimStep({ x0, eps, noise }, { a: 0, to: 0, eta })).toEqual(Float32Array.of(0.25));
});
