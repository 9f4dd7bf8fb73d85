/** Products come in two kinds. A heavy one has its shape baked in: arrays of fixed length are clamped against a constant, and divisions by constants
 *  are cheap. A light one takes its shape as data, so that one pipeline serves all of them: on its own it would have to run for a hundred steps and
 *  more before what baking saves has paid for the compilation. */
import { type KernelSource, withData } from './dispatch.ts';

/** Operations from which on a shape is worth a pipeline of its own. SwiftShader: data costs a product a fifth of its time (of 30 million operations
 *  some 3 ms of processor time), a pipeline takes 70 to 100 ms, so that baking pays within some thirty steps (bench/NOTES.md). On a GPU, where
 *  neither was measured, what lasts about a millisecond. */
const WORTH_BAKING = { quad: 3e7, workgroup: 1e9, tile: 1e9 } as const;

export interface Kinds {
  baked: KernelSource;
  anyShape: KernelSource;
}

/** Both kinds of a kernel; `data` are the constants of its shape. */
export function kindsOf(kernel: KernelSource, data: readonly string[]): Kinds {
  const code = kernel.code.replace(/^(@group.*: array<\w+), .+>;$/gm, '$1>;');
  return { baked: kernel, anyShape: withData({ ...kernel, code }, ...data) };
}

/** The kind for a product of so many operations. */
export const kindFor = ({ baked, anyShape }: Kinds, variant: keyof typeof WORTH_BAKING, flops: number): KernelSource =>
  flops >= WORTH_BAKING[variant] ? baked : anyShape;
