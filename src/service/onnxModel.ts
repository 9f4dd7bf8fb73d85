/** A graph and its weights as an onnxruntime session. */
import type { Graph } from '../graph/graph.ts';
import { checkParameters, parametersOf, type TensorSource } from '../models/weights.ts';
import { emitOnnx } from '../onnx/emit.ts';

/** The ONNX file of a graph of forward ops. */
export async function onnxBytes(graph: Graph, weights: TensorSource): Promise<Uint8Array<ArrayBuffer>> {
  const parameters = parametersOf(graph);
  checkParameters(parameters, weights);
  const tensors = new Map<string, Float32Array>();
  for (const { name } of parameters) if (!tensors.has(name)) tensors.set(name, await weights.read(name));
  return emitOnnx(graph, (name) => tensors.get(name)!);
}
