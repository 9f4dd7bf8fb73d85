/** What tells adapters apart where their names do not. */
import { expect, it } from 'vitest';
import { adapterKey, type AdapterReport } from './device.ts';

const blank: AdapterReport = {
  vendor: '',
  architecture: '',
  device: '',
  description: '',
  software: false,
  features: ['shader-f16', 'timestamp-query'],
  limits: { maxBufferSize: 2 ** 31, maxStorageBufferBindingSize: 2 ** 30 },
};

it('tells adapters without a name apart by what they can do', () => {
  const others: Partial<AdapterReport>[] = [
    { software: true },
    { features: ['timestamp-query'] },
    { limits: { ...blank.limits, maxBufferSize: 2 ** 32 } },
    { vendor: 'intel' },
    { description: 'intel' },
  ];
  const keys = [blank, ...others.map((other) => ({ ...blank, ...other }))].map(adapterKey);
  expect(new Set(keys).size).toBe(keys.length);
});

it('gives the same adapter the same key, in whatever order it lists its features and limits', () => {
  const { maxBufferSize, maxStorageBufferBindingSize } = blank.limits;
  expect(
    adapterKey({
      ...blank,
      features: blank.features.toReversed(),
      limits: { maxStorageBufferBindingSize: maxStorageBufferBindingSize!, maxBufferSize: maxBufferSize! },
    }),
  ).toBe(adapterKey(blank));
});
