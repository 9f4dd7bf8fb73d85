/** Which of a kernel class's variants runs: by record, so that a resumed run takes the same kernels. */
import type { Arithmetic } from '../shared/arithmetic.ts';
import { halfMatrixNames, MATRIX_FEATURE, SIZE_FEATURE } from '../shared/subgroupMatrices.ts';
import type { LowerContext } from './kernels/dispatch.ts';

/** Kernel class → names of variants in order of preference, with spaces between; `default` stands for classes without an entry. Stored in
 *  a run. Names: `workgroup` stages tiles in workgroup memory, between barriers; `tile` large ones, and `tile2` two at a time; `winograd` takes 3x3
 *  convolutions as fewer products, in large tiles; `quad` shares values by quad swaps, without barriers, and `subgroup` by broadcasts; `matrix` multiplies
 *  matrices that lie spread over a subgroup, those that are named by a shape in f16; `register` does none of it; `half`, in f16 alone, is `tile` that
 *  multiplies in it; `spread` puts several workgroups to what `workgroup` gives to one. */
export type KernelVariants = Readonly<Record<string, string>>;

/** What a variant's kernels enable. */
const featureOf: Readonly<Record<string, string>> = {
  quad: 'subgroups',
  subgroup: 'subgroups',
  // A device has it where there are several sizes (device.ts).
  subgroup16: SIZE_FEATURE,
  subgroup32: SIZE_FEATURE,
  matrix: MATRIX_FEATURE,
  ...Object.fromEntries(halfMatrixNames.map((name) => [name, MATRIX_FEATURE])),
};

/** Whether a device of these features compiles a variant's kernels. */
export const hasFeatureOf = (variant: string, features: { has(feature: string): boolean }): boolean => {
  const feature = featureOf[variant];
  return feature === undefined || features.has(feature);
};

/** Of a record, what a device of these features compiles: what began on another one goes on with the next of its order. */
export const compilable = (record: KernelVariants, features: { has(feature: string): boolean }): KernelVariants =>
  Object.fromEntries(
    Object.entries(record).map(([kernelClass, order]) => [
      kernelClass,
      order
        .split(' ')
        .filter((variant) => hasFeatureOf(variant, features))
        .join(' '),
    ]),
  );

/** For adapters that run shaders on the CPU, where a barrier costs more than the arithmetic around it. */
export const softwareVariants = (subgroups: boolean): KernelVariants => ({
  default: subgroups ? 'quad register' : 'register workgroup',
});

export const gpuVariants: KernelVariants = { default: 'workgroup' };

/** Where nothing was measured. */
export const untunedVariants = (
  adapter: { software: boolean },
  features: { has(feature: string): boolean },
): KernelVariants => (adapter.software ? softwareVariants(features.has('subgroups')) : gpuVariants);

/** Under which a record has what a class's products in f16 were raced for: `gemm f16`. */
export const inHalf = (kernelClass: string): string => `${kernelClass} f16`;

/** Of the variants offered, the most preferred one on record for the class, else by default, else the first. In f16 what was raced in it comes before,
 *  and `half` where nothing was. */
export function chooseVariant(record: KernelVariants = {}, arithmetic: Arithmetic = 'f32'): LowerContext['variant'] {
  return (kernelClass, options) => {
    const own = arithmetic === 'f16' ? (record[inHalf(kernelClass)] ?? 'half') : '';
    const preferred = `${own} ${record[kernelClass] ?? ''} ${record['default'] ?? ''}`.split(' ');
    return preferred.find((name) => options.includes(name)) ?? options[0]!;
  };
}
