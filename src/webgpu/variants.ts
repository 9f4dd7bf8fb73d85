/** Which of a kernel class's variants runs: by record, so that a resumed run takes the same kernels. */
import type { LowerContext } from './kernels/dispatch.ts';

/** Kernel class → variant. `default` stands for classes that were not measured. Stored in a run. */
export type KernelVariants = Readonly<Record<string, string>>;

/** Without a record the first variant offered is taken. */
export function chooseVariant(record: KernelVariants = {}): LowerContext['variant'] {
  return (kernelClass, options) => [record[kernelClass], record['default']].find((name) => name !== undefined && options.includes(name)) ?? options[0]!;
}
