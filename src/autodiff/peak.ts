/** The least memory any plan can run a graph in: the most bytes of activations alive at one node, and all that outlives a run. Slots of whole
 *  buffers need more. */
import { bytesPerElement, type Graph, storageRoot, type Value } from '../graph/graph.ts';
import { sizeOf } from '../shared/shape.ts';

/** Index of the last node that reads the storage of each activation (or makes it, if none does); outputs of the graph live on. */
export function lastUses(graph: Graph): Map<Value, number> {
  const last = new Map<Value, number>();
  const use = (value: Value, at: number): void => {
    const { root } = storageRoot(graph, value);
    if (root.source.kind === 'node') last.set(root, at);
  };
  graph.nodes.forEach((node, at) => {
    if (node.op === 'reshape') return;
    for (const value of [...node.inputs, ...node.outputs]) use(value, at);
  });
  for (const value of graph.outputs.values()) use(value, graph.nodes.length);
  return last;
}

/** Peak bytes of activations (f32) that are alive at once while the graph runs in order. Parameters, states, inputs and what is placed in a
 *  state are not counted; a reshape shares its input's storage. */
export function peakBytes(graph: Graph): number {
  const freed = graph.nodes.map((): Value[] => []);
  for (const [value, at] of lastUses(graph)) freed[at]?.push(value);
  let [live, peak] = [0, 0];
  graph.nodes.forEach((node, at) => {
    for (const value of node.outputs) if (storageRoot(graph, value).root === value) live += 4 * sizeOf(value.shape);
    peak = Math.max(peak, live);
    for (const value of freed[at]!) live -= 4 * sizeOf(value.shape);
  });
  return peak;
}

/** Bytes of everything: parameters, states, inputs and constants, and the peak of the activations. */
export function totalBytes(graph: Graph): number {
  const kept = graph.values.filter(({ source }) => source.kind !== 'node' && source.kind !== 'view');
  return kept.reduce((sum, { shape, dtype }) => sum + bytesPerElement[dtype] * sizeOf(shape), peakBytes(graph));
}
