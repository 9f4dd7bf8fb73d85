/** A model's tensors on an executor: uploaded once, shared by every program that reads them. */
import type { Executor, Storage } from '../graph/executor.ts';
import type { Graph, Value } from '../graph/graph.ts';
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

  /** Storages for all of a graph's parameters, uploading what is new. Rejects with MissingTensor or WrongShape before any upload. */
  async bindings(graph: Graph): Promise<Map<Value, Storage>> {
    const parameters = parametersOf(graph);
    checkParameters(parameters, this.source);
    const bound = new Map<Value, Storage>();
    for (const value of parameters) {
      let storage = this.storages.get(value.name);
      if (!storage) {
        storage = this.executor.storage(value.name, sizeOf(value.shape));
        storage.write(await this.source.read(value.name));
        this.storages.set(value.name, storage);
      }
      bound.set(value, storage);
    }
    return bound;
  }

  /** Bytes uploaded so far. */
  get bytes(): number {
    return [...this.storages.values()].reduce((sum, storage) => sum + storage.elements * 4, 0);
  }

  dispose(): void {
    for (const storage of this.storages.values()) storage.destroy();
    this.storages.clear();
  }
}
