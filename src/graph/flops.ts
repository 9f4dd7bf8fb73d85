/** Floating-point operations of a node, a multiply and an add counted as two. Convolutions, matrix products and attention are counted
 *  exactly; everything else as one operation for each element read, which is too little to matter. */
import { sizeOf } from '../shared/shape.ts';
import { type Graph, isOp, type Node } from './graph.ts';

export function flopsOf(node: Node): number {
  const shape = (i: number): readonly number[] => node.inputs[i]!.shape;
  const out = node.outputs[0]?.shape ?? [];
  if (isOp(node, 'linear')) return 2 * sizeOf(out) * shape(1)[1]!;
  if (isOp(node, 'linearGradInput')) return 2 * sizeOf(out) * shape(1)[0]!;
  if (isOp(node, 'linearGradWeight')) return (2 * sizeOf(shape(0)) * sizeOf(shape(1))) / sizeOf(shape(0).slice(0, -1));
  if (isOp(node, 'conv2d')) return 2 * sizeOf(out) * sizeOf(shape(1).slice(1));
  if (isOp(node, 'conv2dGradInput')) return 2 * sizeOf(shape(0)) * sizeOf(shape(1).slice(1));
  if (isOp(node, 'conv2dGradWeight')) return 2 * sizeOf(shape(0)) * sizeOf(out.slice(1));
  // Products a head's channels take part in: q kᵀ and p v forward; the scores again, dp, and one or two more backward.
  if (isOp(node, 'attention')) return 2 * 2 * sizeOf(shape(0)) * shape(1)[1]!;
  if (isOp(node, 'attentionGradQuery')) return 3 * 2 * sizeOf(shape(1)) * shape(2)[1]!;
  if (isOp(node, 'attentionGradKeyValue')) return 4 * 2 * sizeOf(shape(1)) * shape(2)[1]!;
  return node.op === 'reshape' ? 0 : node.inputs.reduce((sum, value) => sum + sizeOf(value.shape), 0);
}

export function graphFlops(graph: Graph): number {
  return graph.nodes.reduce((sum, node) => sum + flopsOf(node), 0);
}
