/** A model's tensors on an executor: uploaded once, shared by every program that reads them. */
import type { Executor, Storage } from '../graph/executor.ts';
import { bytesPerElement, type Graph, isHalf, type Value } from '../graph/graph.ts';
import { assert } from '../shared/assert.ts';
import { WinnowError } from '../shared/errors.ts';
import { encodeHalf } from '../shared/float16.ts';
import { sizeOf } from '../shared/shape.ts';
import { checkParameters, parametersOf, type TensorSource } from './weights.ts';

export class ParameterStore {
  private readonly storages = new Map<string, Storage>();
  private readonly executor: Executor;
  private readonly source: TensorSource;

  constructor(executor: Executor, source: TensorSource) {
    this.executor = executor;
    this.source = source;
  }

  /** Storages for all of a graph's parameters, uploading what is new, one tensor at a time. Rejects with MissingTensor or WrongShape before
   *  any upload. */
  async bindings(graph: Graph): Promise<Map<Value, Storage>> {
    const parameters = parametersOf(graph);
    checkParameters(parameters, this.source);
    const bound = new Map<Value, Storage>();
    for (const value of parameters) {
      let storage = this.storages.get(value.name);
      if (!storage) {
        const data = await this.read(value);
        storage = this.executor.storage(value.name, sizeOf(value.shape), value.dtype);
        storage.write(data);
        this.storages.set(value.name, storage);
      }
      assert(storage.dtype === value.dtype, `${value.name} is kept in ${storage.dtype}, another graph wants it in ${value.dtype}`);
      bound.set(value, storage);
    }
    return bound;
  }

  /** The tensor as it is to be kept: its own bits where the file has them in that width, else its f32 numbers, rounded at most once. */
  private async read({ name, dtype }: Value): Promise<Float32Array | Uint16Array> {
    if (!isHalf(dtype)) return this.source.read(name);
    if (this.source.readHalf && this.source.half?.(name) === dtype) return this.source.readHalf(name);
    const bits = encodeHalf(dtype, await this.source.read(name));
    const infinity = dtype === 'f16' ? 0x7c00 : 0x7f80;
    if (bits.some((half) => (half & 0x7fff) >= infinity)) {
      throw new WinnowError('BadFile', `${name} has a number that ${dtype} cannot hold.`, 'Keep the weights in f32.');
    }
    return bits;
  }

  /** Bytes uploaded so far. */
  get bytes(): number {
    return [...this.storages.values()].reduce((sum, { elements, dtype }) => sum + elements * bytesPerElement[dtype], 0);
  }

  dispose(): void {
    for (const storage of this.storages.values()) storage.destroy();
    this.storages.clear();
  }
}
