/** Which kernels a record stands for on a device that has less than the one it was measured on. */
import { expect, it } from 'vitest';
import { MATRIX_FEATURE } from '../shared/subgroupMatrices.ts';
import { chooseVariant, compilable } from './variants.ts';

it('takes the next of a record’s order where a device does not compile the first', () => {
  const record = { gemm: 'matrix subgroup tile workgroup', default: 'workgroup' };
  const chosen = (...features: string[]): string =>
    chooseVariant(compilable(record, new Set(features)))('gemm', ['workgroup', 'quad', 'tile', 'subgroup', 'matrix']);
  expect(chosen('subgroups', MATRIX_FEATURE)).toBe('matrix');
  expect(chosen('subgroups')).toBe('subgroup');
  expect(chosen()).toBe('tile');
});
