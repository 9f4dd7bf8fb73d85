/** Where a graph of a frozen part runs: onnxruntime, or our own kernels. One interface, so that text encoders and autoencoders do not care. */
import type { Executor } from '../../graph/executor.ts';
import { feed, type Feeds } from '../../graph/feed.ts';
import type { Graph, Value } from '../../graph/graph.ts';
import { ParameterStore } from '../../models/parameterStore.ts';
import { parametersOf, type TensorSource } from '../../models/weights.ts';
import type { SessionOptions } from '../../onnx/session.ts';
import '../../shared/disposable.ts';
import { sizeOf } from '../../shared/shape.ts';
import type { Planned } from '../model/modelCache.ts';
import { onnxSession } from './onnxModel.ts';
import { isLarge } from '../model/weightWidth.ts';

export interface RunningPart extends AsyncDisposable {
  /** Inputs by the names of the graph's inputs; all its outputs. */
  run(feeds: Feeds): Promise<Record<string, Float32Array>>;
}

export interface PlannedPart extends Planned<RunningPart> {
  /** Whether its weights go to our own kernels tensor by tensor, and are let go when they are not needed next. */
  streamed: boolean;
}

export interface PartRunner {
  readonly name: string;
  plan(graph: Graph, weights: TensorSource): PlannedPart;
}

/** f32. */
export const onnxBytesOf = (graph: Graph): number => 4 * parameterCount(graph);

const parameterCount = (graph: Graph): number => parametersOf(graph).reduce((sum, { shape }) => sum + sizeOf(shape), 0);

/** onnxruntime takes a model whole: only for parts that may be held in memory. */
export const onnxRunner = (options: SessionOptions): PartRunner => ({
  name: `onnxruntime ${options.provider}`,
  plan: (graph, weights) => ({
    bytes: onnxBytesOf(graph),
    onDevice: options.provider === 'webgpu',
    streamed: false,
    make: () => onnxSession(graph, weights, options),
  }),
});

/** Weights go to the device tensor by tensor. */
export const engineRunner = (executor: Executor): PartRunner => ({
  name: executor.kind,
  plan: (graph, weights) => ({
    bytes: executor.plan(graph, parametersOf(graph)).total,
    onDevice: true,
    streamed: true,
    async make() {
      using owned = new DisposableStack();
      const parameters = owned.use(new ParameterStore(executor, weights));
      const bindings = await parameters.bindings(graph);
      const program = owned.use(await executor.compile(graph, { bindings, label: 'frozen part' }));
      const outputs: [string, Value][] = [...graph.outputs];
      const kept = owned.move();
      return {
        async run(feeds) {
          feed(graph, feeds, (value, data) => program.write(value, data));
          const results = await program.runAndRead(outputs.map(([, value]) => value));
          return Object.fromEntries(outputs.map(([name], i) => [name, results[i]!]));
        },
        [Symbol.asyncDispose]: async () => kept.dispose(),
      };
    },
  }),
});

/** By the size of what is to run. */
export const sizedRunner = (small: PartRunner, large: PartRunner): PartRunner => ({
  name: `${small.name}, or ${large.name} for what is large`,
  plan: (graph, weights) => (isLarge(parameterCount(graph)) ? large : small).plan(graph, weights),
});
