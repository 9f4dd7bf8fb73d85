/** A model's tensors on an executor: uploaded once, shared by every program that reads them. */
import type { Executor, Storage } from '../graph/executor.ts';
import '../shared/disposable.ts';
import { bytesPerElement, type Graph, type Value } from '../graph/graph.ts';
import { assert } from '../shared/assert.ts';
import { sizeOf } from '../shared/shape.ts';
import { checkParameters, parametersOf, readParameter, type TensorSource } from './weights.ts';

export class ParameterStore implements Disposable {
  private readonly storages = new Map<string, Storage>();
  private readonly executor: Executor;
  private readonly source: TensorSource;

  constructor(executor: Executor, source: TensorSource) {
    this.executor = executor;
    this.source = source;
  }

  /** Storages for a graph's parameters (all, or those of a second argument), uploading what is new, one tensor at a time; they are the
   *  store's. Rejects with MissingTensor or WrongShape before any upload. */
  async bindings(graph: Graph, parameters: readonly Value[] = parametersOf(graph)): Promise<Map<Value, Storage>> {
    checkParameters(parameters, this.source);
    const bound = new Map<Value, Storage>();
    for (const value of parameters) {
      let storage = this.storages.get(value.name);
      if (!storage) {
        const data = await readParameter(this.source, value);
        using made = new DisposableStack();
        storage = made.use(this.executor.storage(value.name, sizeOf(value.shape), value.dtype));
        storage.write(data);
        made.move();
        this.storages.set(value.name, storage);
      }
      assert(
        storage.dtype === value.dtype,
        `${value.name} is kept in ${storage.dtype}, another graph wants it in ${value.dtype}`,
      );
      bound.set(value, storage);
    }
    return bound;
  }

  /** Bytes uploaded so far. */
  get bytes(): number {
    return [...this.storages.values()].reduce((sum, { elements, dtype }) => sum + elements * bytesPerElement[dtype], 0);
  }

  [Symbol.dispose](): void {
    for (const storage of this.storages.values()) storage[Symbol.dispose]();
    this.storages.clear();
  }
}
