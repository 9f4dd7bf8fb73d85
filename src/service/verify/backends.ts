/** Where a case's graph runs: an executor of ours (GPU or CPU), or onnxruntime, which knows forward passes only. */
import type { Executor } from '../../graph/executor.ts';
import { feed, type Feeds } from '../../graph/feed.ts';
import type { Graph } from '../../graph/graph.ts';
import { loadParameters, parametersOf, type TensorSource } from '../../models/weights.ts';
import type { SessionOptions } from '../../onnx/session.ts';
import '../../shared/disposable.ts';
import { onnxSession } from '../sampling/onnxModel.ts';

export interface Backend {
  readonly name: string;
  /** False for onnxruntime. */
  readonly gradients: boolean;
  /** Runs a graph once and returns all its outputs. */
  run(graph: Graph, feeds: Feeds, weights: TensorSource): Promise<Map<string, Float32Array>>;
}

export function executorBackend(executor: Executor): Backend {
  return {
    name: executor.kind,
    gradients: true,
    async run(graph, feeds, weights) {
      using program = await executor.compile(graph, { label: 'verify' });
      await loadParameters(parametersOf(graph), weights, (parameter, data) => program.write(parameter, data));
      feed(graph, feeds, (value, data) => program.write(value, data));
      await program.run();
      const outputs = new Map<string, Float32Array>();
      for (const [name, value] of graph.outputs) outputs.set(name, await program.read(value));
      return outputs;
    },
  };
}

export function onnxBackend(options: SessionOptions): Backend {
  return {
    name: `onnxruntime ${options.provider}`,
    gradients: false,
    async run(graph, feeds, weights) {
      await using session = await onnxSession(graph, weights, options);
      return new Map(Object.entries(await session.run(feeds)));
    },
  };
}
