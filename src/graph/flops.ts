/** Floating-point operations of a node: a multiply and an add count as two. Only products are counted (linear, conv2d, attention and
 *  their gradients); everything else is bound by memory, and is 0 here. */
import { isOp, type Graph, type Node } from './graph.ts';
import { sizeOf } from '../shared/shape.ts';

export function flopsOf(node: Node): number {
  const [first, second, third] = node.inputs;
  if (isOp(node, 'linear')) return 2 * sizeOf(node.outputs[0]!.shape) * second!.shape[1]!;
  if (isOp(node, 'linearGradInput')) return 2 * sizeOf(node.outputs[0]!.shape) * second!.shape[0]!;
  if (isOp(node, 'linearGradWeight')) return 2 * sizeOf(first!.shape) * second!.shape.at(-1)!;
  if (isOp(node, 'conv2d')) return 2 * sizeOf(node.outputs[0]!.shape) * sizeOf(second!.shape.slice(1));
  // Each element of dy meets each weight of its output channel once, but for the padding.
  if (isOp(node, 'conv2dGradInput')) return 2 * sizeOf(first!.shape) * sizeOf(second!.shape.slice(1));
  if (isOp(node, 'conv2dGradWeight')) return 2 * sizeOf(first!.shape) * sizeOf(node.outputs[0]!.shape.slice(1));
  if (isOp(node, 'attention')) return attentionFlops(node.inputs[0]!.shape, second!.shape, 2, node.params.causal);
  // Scores again, then do v and ds k; and for keys and values p do, do v, ds q.
  if (isOp(node, 'attentionGradQuery')) return attentionFlops(second!.shape, third!.shape, 3, node.params.causal);
  if (isOp(node, 'attentionGradKeyValue')) return attentionFlops(second!.shape, third!.shape, 4, node.params.causal);
  return 0;
}

export const graphFlops = (graph: Graph): number => graph.nodes.reduce((sum, node) => sum + flopsOf(node), 0);

/** `products` of T x S x D; a causal mask halves them. */
function attentionFlops(q: readonly number[], k: readonly number[], products: number, causal: boolean): number {
  return (products * 2 * q[0]! * q[1]! * k[1]! * q[2]!) / (causal ? 2 : 1);
}
