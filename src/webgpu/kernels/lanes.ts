/** Kernels written once for vec4 and for single elements. Their buffers are arrays of `Lanes` (`alias Lanes = vec4f;`): four neighbouring
 *  elements share one load, one bounds check and one index computation (2.7 times faster on SwiftShader, wider loads on a GPU). Where
 *  four does not divide the row, the alias becomes f32 and the same text works on single elements. */
import type { KernelSource } from './dispatch.ts';

const SCALAR: Readonly<Record<string, string>> = { vec4f: 'f32', vec4i: 'i32', vec4u: 'u32' };
const scalars = new Map<KernelSource, Map<string, KernelSource>>();

/** The kernel with the named aliases (all, if none is named) turned from vectors into single elements. */
export function scalar(kernel: KernelSource, ...aliases: string[]): KernelSource {
  let variants = scalars.get(kernel);
  if (!variants) scalars.set(kernel, (variants = new Map()));
  const key = aliases.join();
  let found = variants.get(key);
  if (!found) {
    const code = kernel.code.replace(/^alias (\w+) = (vec4[fiu]);/gm, (line: string, name: string, type: string) =>
      aliases.length === 0 || aliases.includes(name) ? `alias ${name} = ${SCALAR[type]!};` : line,
    );
    variants.set(key, (found = { ...kernel, code }));
  }
  return found;
}

/** 4 if all the numbers are multiples of four, else 1. */
export function lanesOf(...extents: number[]): 1 | 4 {
  return extents.every((extent) => extent % 4 === 0) ? 4 : 1;
}

/** The kernel at the width that `lanes` says. */
export function atLanes(kernel: KernelSource, lanes: 1 | 4): KernelSource {
  return lanes === 4 ? kernel : scalar(kernel);
}
