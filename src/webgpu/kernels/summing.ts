/** Kernels that may add up rows of what they multiply, too: a bias's gradient beside its weight's. */
import type { Value } from '../../graph/graph.ts';
import { type KernelSource, withLines } from './dispatch.ts';

/** A kernel alone, and with the lines of its text that begin with "sums": it then adds up the rows of A, too. */
export interface Summing<T> {
  plain: T;
  sums: T;
}
export const summing = <T>(kernel: KernelSource, made: (kernel: KernelSource) => T): Summing<T> => ({
  plain: made(withLines(kernel, 'sums', false)),
  sums: made(withLines(kernel, 'sums', true)),
});
export const summingFor = <T>({ plain, sums }: Summing<T>, rowSums: Value | undefined): T => (rowSums ? sums : plain);
