/** A graph and its weights as an onnxruntime session. */
import type { Graph } from '../../graph/graph.ts';
import { checkParameters, parametersOf, readParameter, type TensorSource } from '../../models/weights.ts';
import { emitOnnx } from '../../onnx/emit.ts';

/** The ONNX file of a graph of forward ops. */
export async function onnxBytes(graph: Graph, weights: TensorSource): Promise<Uint8Array<ArrayBuffer>> {
  const parameters = parametersOf(graph);
  checkParameters(parameters, weights);
  const tensors = new Map<string, Float32Array | Uint16Array>();
  for (const value of parameters)
    if (!tensors.has(value.name)) tensors.set(value.name, await readParameter(weights, value));
  return emitOnnx(graph, (name) => tensors.get(name)!);
}
