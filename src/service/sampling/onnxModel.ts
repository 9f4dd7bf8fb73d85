/** A graph and its weights as an onnxruntime session. */
import { feed, type Tensor } from '../../graph/feed.ts';
import type { Graph } from '../../graph/graph.ts';
import { checkParameters, parametersOf, readParameter, type TensorSource } from '../../models/weights.ts';
import { emitOnnx } from '../../onnx/emit.ts';
import { createSession, type OnnxSession, type SessionOptions } from '../../onnx/session.ts';
import '../../shared/disposable.ts';
import type { RunningPart } from './partRunner.ts';

/** The ONNX file of a graph of forward ops. */
export async function onnxBytes(graph: Graph, weights: TensorSource): Promise<Uint8Array<ArrayBuffer>> {
  const parameters = parametersOf(graph);
  checkParameters(parameters, weights);
  const tensors = new Map<string, Float32Array | Uint16Array>();
  for (const value of parameters)
    if (!tensors.has(value.name)) tensors.set(value.name, await readParameter(weights, value));
  return emitOnnx(graph, (name) => tensors.get(name)!);
}

/** A session that computes what a graph does, fed as the graph is. It goes with what is returned. */
export const fedAs = (graph: Graph, session: Pick<OnnxSession, 'run' | typeof Symbol.asyncDispose>): RunningPart => ({
  async run(feeds) {
    const tensors: Record<string, Tensor> = {};
    feed(graph, feeds, ({ name, shape }, data) => (tensors[name] = { data, shape }));
    return session.run(tensors);
  },
  [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
});

export const onnxSession = async (graph: Graph, weights: TensorSource, options: SessionOptions): Promise<RunningPart> =>
  fedAs(graph, await createSession(await onnxBytes(graph, weights), options));
