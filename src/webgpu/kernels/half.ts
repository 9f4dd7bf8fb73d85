/** One text of a kernel for either arithmetic. */
import type { Arithmetic } from '../../shared/arithmetic.ts';
import type { KernelSource } from './dispatch.ts';
import halfRangeCode from './shared/halfRange.wgsl?raw';

/** The kernel that computes in `arithmetic`: lines that end with `// whole` are those of f32, lines that begin with `//half` those of f16, which calls
 *  `pieces`, too. */
export function inArithmetic(
  arithmetic: Arithmetic,
  { name, code }: KernelSource,
  ...pieces: readonly string[]
): KernelSource {
  if (arithmetic === 'f32')
    return { name, code: code.replaceAll(/^ *\/\/half .*\n/gm, '').replaceAll(/ *\/\/ whole$/gm, '') };
  const half = code.replaceAll(/^.* \/\/ whole\n/gm, '').replaceAll('//half ', '');
  return { name: `${name}.half`, code: ['enable f16;', half, ...pieces, halfRangeCode].join('\n') };
}
