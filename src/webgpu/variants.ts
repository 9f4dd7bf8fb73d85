/** Which of a kernel class's variants runs: by record, so that a resumed run takes the same kernels. */
import type { LowerContext } from './kernels/dispatch.ts';

/** Kernel class → variant. `default` stands for classes that were not measured. Stored in a run. */
export type KernelVariants = Readonly<Record<string, string>>;

/** For adapters that run shaders on the CPU: no barriers. Products need `subgroups` for it. */
export const softwareVariants = (subgroups: boolean): KernelVariants =>
  Object.fromEntries([['default', 'register'], ...['gemm', 'conv2d', 'conv2dGradWeight'].map((kernelClass) => [kernelClass, subgroups ? 'quad' : 'workgroup'])]);

/** For GPUs: tiles in workgroup memory. */
export const gpuVariants: KernelVariants = { default: 'workgroup' };

/** Of the variants offered, the one recorded for the class, else the recorded default, else the first. */
export function chooseVariant(record: KernelVariants = {}): LowerContext['variant'] {
  return (kernelClass, options) => [record[kernelClass], record['default']].find((name) => name !== undefined && options.includes(name)) ?? options[0]!;
}
