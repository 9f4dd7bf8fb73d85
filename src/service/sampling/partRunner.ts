/** Where a graph of a frozen part runs: onnxruntime, or our own kernels. One interface, so that text encoders and autoencoders do not care. */
import type { Executor } from '../../graph/executor.ts';
import type { Graph, Value } from '../../graph/graph.ts';
import { ParameterStore } from '../../models/parameterStore.ts';
import { parametersOf, type TensorSource } from '../../models/weights.ts';
import { createSession, type Feeds, type SessionOptions } from '../../onnx/session.ts';
import { sizeOf } from '../../shared/shape.ts';
import { onnxBytes } from './onnxModel.ts';
import { isLarge } from '../model/weightWidth.ts';

export interface PartSession {
  /** Whether its weights lie on the engine's device, where training wants the room. */
  readonly onDevice: boolean;
  /** Inputs by the names of the graph's inputs; all its outputs. */
  run(feeds: Feeds): Promise<Record<string, Float32Array>>;
  release(): Promise<void>;
}

export interface PartRunner {
  readonly name: string;
  open(graph: Graph, weights: TensorSource): Promise<PartSession>;
}

/** onnxruntime takes a model whole: only for parts that may be held in memory. */
export const onnxRunner = (options: SessionOptions): PartRunner => ({
  name: `onnxruntime ${options.provider}`,
  open: async (graph, weights) => {
    const session = await createSession(await onnxBytes(graph, weights), options);
    return { onDevice: false, run: (feeds) => session.run(feeds), release: () => session.release() };
  },
});

/** Weights go to the device tensor by tensor. */
export const engineRunner = (executor: Executor): PartRunner => ({
  name: executor.kind,
  async open(graph, weights) {
    const parameters = new ParameterStore(executor, weights);
    const program = await executor.compile(graph, { bindings: await parameters.bindings(graph), label: 'frozen part' });
    const inputs = new Map(
      graph.values.filter((value) => value.source.kind === 'input').map((value) => [value.name, value]),
    );
    const outputs: [string, Value][] = [...graph.outputs];
    return {
      onDevice: true,
      async run(feeds) {
        for (const [name, value] of inputs) program.write(value, feeds[name]!.data);
        const results = await program.runAndRead(outputs.map(([, value]) => value));
        return Object.fromEntries(outputs.map(([name], i) => [name, results[i]!]));
      },
      async release() {
        program.dispose();
        parameters.dispose();
      },
    };
  },
});

/** By the size of what is to run. */
export const sizedRunner = (small: PartRunner, large: PartRunner): PartRunner => ({
  name: `${small.name}, or ${large.name} for what is large`,
  open: (graph, weights) =>
    (isLarge(parametersOf(graph).reduce((sum, { shape }) => sum + sizeOf(shape), 0)) ? large : small).open(
      graph,
      weights,
    ),
});
