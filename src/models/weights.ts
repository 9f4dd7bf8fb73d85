/** Weights for a graph: named tensors from anywhere, checked against the graph's parameters before one of them is read.
 *  Opening files is data's work (data/formats/safetensors.ts); what it returns fits `TensorSource`. */
import { type Graph, isHalf, type ParameterDtype, type Value } from '../graph/graph.ts';
import { WinnowError } from '../shared/errors.ts';
import { checkFinite, checkFiniteBits } from '../shared/finite.ts';
import { encodeHalf, type HalfDtype } from '../shared/float16.ts';
import { sameShape, type Shape } from '../shared/shape.ts';

export interface TensorSource {
  readonly names: readonly string[];
  shape(name: string): Shape | undefined;
  /** The tensor as f32, row-major. */
  read(name: string): Promise<Float32Array>;
  /** Rows [begin, end) of its first axis alone, where the source can read so. */
  readRows?(name: string, begin: number, end: number): Promise<Float32Array>;
  /** For a tensor that is stored in half width, and so can be kept in it without loss: which. Undefined for any other. */
  half?(name: string): HalfDtype | undefined;
  /** The bits of such a tensor, row-major. */
  readHalf?(name: string): Promise<Uint16Array>;
}

/** How a model's weights are kept on the device: all in one dtype, or each as its file has it, which loses nothing and takes what the file takes. */
export type WeightPolicy = ParameterDtype | 'stored';

/** What LayerOptions.dtypeOf says under a policy. `source` is the model's own files; adapters may be merged into what is uploaded. */
export function storedDtypes(
  source: Pick<TensorSource, 'half'>,
  policy: WeightPolicy,
): (key: string) => ParameterDtype {
  return policy === 'stored' ? (key) => source.half?.(key) ?? 'f32' : () => policy;
}

/** A parameter's tensor as it is to be kept: its own bits where the source has them in that width, else its f32 numbers, rounded at most once. */
export async function readParameter(
  source: TensorSource,
  { name, dtype }: Pick<Value, 'name' | 'dtype'>,
): Promise<Float32Array | Uint16Array> {
  if (!isHalf(dtype)) return source.read(name);
  if (source.readHalf && source.half?.(name) === dtype) return source.readHalf(name);
  const bits = encodeHalf(dtype, await source.read(name));
  const infinity = dtype === 'f16' ? 0x7c00 : 0x7f80;
  if (bits.some((half) => (half & 0x7fff) >= infinity)) {
    throw new WinnowError('BadFile', `${name} has a number that ${dtype} cannot hold.`, 'Keep the weights in f32.');
  }
  return bits;
}

/** The same tensors, each checked when it is read: rejects with NotFinite, naming it, where it holds NaN or an infinity.
 *  @param remedy what may have made it so, and what to do. */
export function finiteTensors<S extends TensorSource>(
  source: S,
  fileOf: (name: string) => string,
  remedy = 'The file is damaged, or was saved after its training had diverged: take another copy, or an earlier save.',
): S {
  const what = (name: string): string => `The weights ${name} of ${fileOf(name)}`;
  const { readHalf, readRows } = source;
  return {
    ...source,
    async read(name: string) {
      const data = await source.read(name);
      checkFinite(data, what(name), remedy);
      return data;
    },
    ...(readRows && {
      async readRows(name: string, begin: number, end: number) {
        const data = await readRows.call(source, name, begin, end);
        checkFinite(data, what(name), remedy);
        return data;
      },
    }),
    ...(readHalf && {
      async readHalf(name: string) {
        const bits = await readHalf.call(source, name);
        checkFiniteBits(bits, source.half?.(name) ?? 'f16', what(name), remedy);
        return bits;
      },
    }),
  };
}

const show = (shape: Shape): string => `[${shape.join(', ')}]`;

/** The graph's parameters, in the order they were built. */
export function parametersOf(graph: Graph): Value[] {
  return graph.values.filter((value) => value.source.kind === 'parameter');
}

/** Throws MissingTensor or WrongShape at the first parameter that the source cannot fill. */
export function checkParameters(
  parameters: readonly Pick<Value, 'name' | 'shape'>[],
  source: TensorSource,
  file = 'The weights',
): void {
  for (const { name, shape } of parameters) {
    const found = source.shape(name);
    if (!found) {
      throw new WinnowError(
        'MissingTensor',
        `${file}: there is no tensor ${name} (${show(shape)}).`,
        'Use weights that belong to this config.json.',
      );
    }
    if (!sameShape(found, shape)) {
      throw new WinnowError(
        'WrongShape',
        `${file}: ${name} has shape ${show(found)}, the config makes it ${show(shape)}.`,
        'Use weights that belong to this config.json.',
      );
    }
  }
}

/** Reads every parameter in turn and hands it over; the whole set is checked first. */
export async function loadParameters(
  parameters: readonly Value[],
  source: TensorSource,
  write: (parameter: Value, data: Float32Array) => void,
  file?: string,
): Promise<void> {
  checkParameters(parameters, source, file);
  for (const parameter of parameters) write(parameter, await source.read(parameter.name));
}

/** The same tensors under other names: `alias` gives further names to look for when a name itself is not there. */
export function withAliases(source: TensorSource, alias: (name: string) => readonly string[]): TensorSource {
  const find = (name: string): string => [name, ...alias(name)].find((candidate) => source.shape(candidate)) ?? name;
  const { half, readHalf } = source;
  return {
    names: source.names,
    shape: (name) => source.shape(find(name)),
    read: (name) => source.read(find(name)),
    ...(half &&
      readHalf && {
        half: (name: string) => half.call(source, find(name)),
        readHalf: (name: string) => readHalf.call(source, find(name)),
      }),
  };
}
