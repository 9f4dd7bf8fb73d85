import { expect, it } from 'vitest';
import { torture } from './device.ts';

it(
  'survives losses of the device at random moments, to the bits of undisturbed runs',
  { timeout: 300_000 },
  async () => {
    const { done, failed } = await torture({ count: 4, seed: 1, minutes: null, log: () => {} });
    expect(failed).toEqual([]);
    expect(done).toBe(4);
  },
);
