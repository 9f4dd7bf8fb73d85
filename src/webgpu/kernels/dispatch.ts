/** What a WGSL lowering makes of a node: plain data, testable without a device. */
import type { OpKind } from '../../graph/ops.ts';
import { bytesPerElement, type Dtype, type Node, type Value } from '../../graph/graph.ts';
import type { Arithmetic } from '../../shared/arithmetic.ts';
import { sizeOf } from '../../shared/shape.ts';

/** Complete WGSL with the name of its file. */
export interface KernelSource {
  name: string;
  code: string;
  /** Constants that a dispatch gives as data, in a uniform (webgpu/specialize.ts): shapes, where knowing them beforehand makes the kernel no faster.
   *  One pipeline then serves them all. */
  data?: readonly string[];
}

/** A kernel of its own file and the pieces of `shared/` that it calls, each imported with `?raw`. Its own comes first: WGSL takes declarations
 *  in any order, and the lines of an error are then the file's. */
export const kernelOf = (name: string, own: string, ...shared: readonly string[]): KernelSource => ({
  name,
  code: [own, ...shared].join('\n'),
});

/** The kernel with these constants given as data, beside those that are already. */
export const withData = (kernel: KernelSource, ...names: readonly string[]): KernelSource => ({
  ...kernel,
  data: [...(kernel.data ?? []), ...names],
});

/** The kernel with the lines of its text that begin with `//mark`, or without them: what it does beside its own, with bindings of its own for it. */
export const withLines = (kernel: KernelSource, mark: string, wanted: boolean): KernelSource => ({
  ...kernel,
  code: wanted
    ? kernel.code.replaceAll(`//${mark} `, '')
    : kernel.code.replaceAll(new RegExp(`^ *//${mark} .*\\n`, 'gm'), ''),
});

/** The kernel without a binding that it does not read as its constants are; those behind it move up. */
export function unbound(kernel: KernelSource, name: string): KernelSource {
  let binding = 0;
  const code = kernel.code
    .replace(
      new RegExp(`^@group.* var<storage, read> ${name}: array<(\\w+)>;$`, 'm'),
      `var<private> ${name}: array<$1, 1>;`,
    )
    .replace(/@binding\(\d+\)/g, () => `@binding(${binding++})`);
  return { ...kernel, code };
}

/** Memory that lives only while its node runs (split-K partials, two-stage reductions). Identity is the object. */
export interface Scratch {
  scratch: string;
  elements: number;
}

export type Operand = Value | Scratch;

/** One compute dispatch. Bindings of group 0 in order: `reads` (storage, read), then `writes` (storage, read_write). A value may
 *  be read twice, but not read and written. Shapes are constants of the shader, or its data (`KernelSource.data`); what changes from step to step
 *  arrives in a bound buffer. */
export interface Dispatch {
  kernel: KernelSource;
  /** Replaces the right-hand side of `const NAME = …;` lines of the kernel (webgpu/specialize.ts); but for the kernel's data part of the pipeline's
   *  cache key. */
  constants: Readonly<Record<string, number | boolean>>;
  reads: readonly Operand[];
  writes: readonly Operand[];
  workgroups: readonly [number, number, number];
  /** Operations of a product; if left out, the node's (graph/flops.ts) where it is the first of the node's dispatches, else none. */
  flops?: number;
}

export interface LowerContext {
  readonly limits: Pick<
    GPUSupportedLimits,
    | 'maxComputeWorkgroupsPerDimension'
    | 'maxComputeInvocationsPerWorkgroup'
    | 'maxComputeWorkgroupStorageSize'
    | 'maxStorageBufferBindingSize'
  >;
  /** The variant of a kernel class chosen for this adapter, by measurement or by record: `variant('gemm', ['register', 'workgroup'])`. */
  variant(kernelClass: string, options: readonly string[]): string;
  /** What large products and attention are computed in; f32 if left out. */
  readonly arithmetic?: Arithmetic | undefined;
  /** Pictures that are kept as tokens, and tokens as pictures (webgpu/across.ts); none if left out. */
  readonly across?: ReadonlySet<Value> | undefined;
}

export type LowerToWgsl<K extends OpKind> = (node: Node<K>, context: LowerContext) => Dispatch[];

/** What kernels call the ways a tensor's elements lie in memory: whole words, or halves two to a word. */
export const formatOf: Readonly<Record<Dtype, number>> = { f32: 0, i32: 0, f16: 1, bf16: 2 };

/** Offsets of bindings are multiples of this on every device (minStorageBufferOffsetAlignment). */
export const ALIGNMENT = 256;

/** What a kernel binds to read a weight [rows, ...], and where in it the weight lies, in elements: of a block (graph.ts `rowStride`) the stretch
 *  that it lies in, from where a binding may begin. */
export function stretchOf(weight: Value): { operand: Value; first: number; rowStride: number } {
  const rowElements = sizeOf(weight.shape.slice(1));
  const { source } = weight;
  if (source.kind !== 'view' || source.rowStride === undefined)
    return { operand: weight, first: 0, rowStride: rowElements };
  const unit = ALIGNMENT / bytesPerElement[weight.dtype];
  const first = source.offset % unit;
  const elements = first + (weight.shape[0]! - 1) * source.rowStride + rowElements;
  const operand: Value = {
    ...weight,
    shape: [elements],
    source: { kind: 'view', of: source.of, offset: source.offset - first },
  };
  return { operand, first, rowStride: source.rowStride };
}

/** Folds a 1-D grid over the per-dimension limit; the kernel recovers its index as `id.x + id.y * (num_workgroups.x * WORKGROUP_SIZE)`. */
export function grid1d(
  invocations: number,
  workgroupSize: number,
  limits: LowerContext['limits'],
): [number, number, number] {
  const groups = Math.max(1, Math.ceil(invocations / workgroupSize));
  const x = Math.min(groups, limits.maxComputeWorkgroupsPerDimension);
  return [x, Math.ceil(groups / x), 1];
}
