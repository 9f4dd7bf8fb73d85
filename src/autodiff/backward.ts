/** Reverse-mode differentiation: appends the gradient nodes of a graph to the graph itself. */
import { type Graph, isHalf, type Node, storageRoot, type Value } from '../graph/graph.ts';
import type { ForwardOp, OpKind } from '../graph/ops.ts';
import { assert } from '../shared/assert.ts';
import { sameShape, sizeOf } from '../shared/shape.ts';
import { type VjpRule, vjp } from './vjp.ts';

/** A value whose gradient is known: dL/dvalue, of value's shape. */
export interface Seed {
  value: Value;
  grad: Value;
}

/** Gradients of sum over seeds of <grad, value> by each of `wrt` (parameters, views, inputs, or node outputs).
 *
 *  Works only along paths from `wrt` to the seeds: a frozen weight costs nothing. Where a value is used several times its gradients are
 *  summed in a fixed order (latest use first, of one node the last input first), as the residual of a later gradient that takes one (a product's or a norm's)
 *  where there is one.
 *
 *  Each returned gradient is a node output (or a reshape of one) that has storage of its own and no other reader, so any of them can be
 *  given to Graph.place; where the rules alone would give a shared value, a copy (affine 1 x + 0) is appended. A value that no seed
 *  depends on gets zeros, broadcast from a constant. */
export function backward(graph: Graph, seeds: readonly Seed[], wrt: readonly Value[]): Map<Value, Value> {
  const forward = [...graph.nodes];
  for (const { name, dtype } of wrt)
    assert(!isHalf(dtype), `${name} is kept in ${dtype}: a gradient can be taken by f32 tensors only`);
  for (const { value, grad } of seeds)
    assert(
      sameShape(value.shape, grad.shape),
      `${value.name} is [${value.shape.join(', ')}], its gradient [${grad.shape.join(', ')}]`,
    );

  /** Values that depend on `wrt` through differentiable outputs. */
  const wanted = new Set(wrt);
  for (const node of forward)
    if (node.outputs[0] && node.inputs.some((x) => wanted.has(x))) wanted.add(node.outputs[0]);

  const gradients = new Map<Value, Value>();
  for (const { value, grad } of seeds) {
    if (!wanted.has(value)) continue;
    const soFar = gradients.get(value);
    gradients.set(value, soFar ? graph.op('add', {}, [soFar, grad], `${value.name}.grad.sum`) : grad);
  }
  for (const node of forward.toReversed()) {
    const dy = node.outputs[0] && gradients.get(node.outputs[0]);
    if (dy && node.inputs.some((x) => wanted.has(x))) propagate(graph, node, dy, wanted, gradients);
  }
  return ownStorage(graph, gradients, wrt);
}

/** Adds the node's contributions to the gradients of its wanted inputs. */
function propagate<K extends OpKind>(
  graph: Graph,
  node: Node<K>,
  dy: Value,
  wanted: ReadonlySet<Value>,
  gradients: Map<Value, Value>,
): void {
  assert(node.op in vjp, `${node.name}: ${node.op} cannot be differentiated`);
  const rule = vjp[node.op as ForwardOp] as unknown as VjpRule<K>;
  const contributions = rule({
    node,
    dy,
    wanted: (input) => wanted.has(node.inputs[input]!),
    soFar: (input) => gradients.get(node.inputs[input]!),
    emit: (op, params, inputs, suffix) => graph.node(op, params, inputs, `${node.name}.grad.${suffix}`),
  });
  // Last input first: weights before x, so that x is free before dx is made; a residual before x, so that dx can take it in.
  for (let i = node.inputs.length - 1; i >= 0; i--) {
    const x = node.inputs[i]!;
    if (!wanted.has(x)) continue;
    const contribution = contributions[i];
    assert(contribution, `${node.name}: ${node.op} has no derivative by its input ${i} (${x.name})`);
    const soFar = gradients.get(x);
    if (contribution.kind === 'fused') gradients.set(x, contribution.emit(soFar));
    else {
      const grad = contribution.emit();
      gradients.set(x, soFar ? graph.op('add', {}, [soFar, grad], `${node.name}.grad.sum`) : grad);
    }
  }
}

/** Gives every gradient of `wrt` a storage that nothing else reads. */
function ownStorage(graph: Graph, gradients: ReadonlyMap<Value, Value>, wrt: readonly Value[]): Map<Value, Value> {
  /** Storages that a node other than a reshape reads. */
  const read = new Set<Value>();
  for (const node of graph.nodes)
    if (node.op !== 'reshape') for (const x of node.inputs) read.add(storageRoot(graph, x).root);
  const owned = new Map<Value, Value>();
  const taken = new Set<Value>(
    [...graph.outputs.values(), ...graph.placements.keys()].map((value) => storageRoot(graph, value).root),
  );
  for (const x of wrt) {
    let grad = gradients.get(x);
    if (!grad) {
      const zero = graph.constant(
        `${x.name}.grad.zero`,
        x.shape.map(() => 1),
        new Float32Array(sizeOf(x.shape.map(() => 1))),
      );
      grad = graph.op('broadcastTo', { shape: x.shape, factor: 1 }, [zero], `${x.name}.grad.zero`);
    }
    let { root } = storageRoot(graph, grad);
    if (root.source.kind !== 'node' || read.has(root) || taken.has(root)) {
      grad = graph.op('affine', { factor: 1, shift: 0 }, [grad], `${x.name}.grad.copy`);
      root = grad;
    }
    taken.add(root);
    owned.set(x, grad);
  }
  return owned;
}
