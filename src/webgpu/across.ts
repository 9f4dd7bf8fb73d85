/** Transposes between pictures [N, C, H, W] and tokens [N, H W, C] that take no dispatch. Products read and write by strides: where all that reads a
 *  value, or all that touches it, is products, it is kept in the order of the other side of the transpose, *across*, and the two share their storage.
 *  Decided for a plan; a graph is what it was. Pure. */
import { bytesPerElement, type Graph, isOp, mutates, type Node, storageRoot, type Value } from '../graph/graph.ts';
import { sizeOf } from '../shared/shape.ts';
import { isOfChannel } from './kernels/gemm.ts';
import { isPointwise } from './kernels/conv2d.ts';
import type { Order } from './kernels/pixels.ts';

export interface Across {
  /** Values whose channels lie at the other end than their shape says: pictures as tokens, tokens as pictures. */
  values: ReadonlySet<Value>;
  /** graph.ts storageRoot, also through the transposes that cost nothing. */
  rootOf(value: Value): { root: Value; offset: number };
}

/** What of a product may lie across, in its order. `added` lies as `made` does. */
interface Matrices {
  order: Order;
  read: readonly Value[];
  made?: Value;
  added?: Value | undefined;
}

function matricesOf(node: Node): Matrices | undefined {
  const [first, second, third] = node.inputs as [Value, Value, Value?];
  const made = node.outputs[0]!;
  if (isOp(node, 'linear') || isOp(node, 'conv2d')) {
    const added = node.params.residual ? node.inputs.at(-1) : undefined;
    if (isOp(node, 'linear')) return { order: 'tokens', read: [first], made, added };
    const { stride, padding } = (node as Node<'conv2d'>).params;
    if (!isPointwise(second.shape, stride, padding) || isOfChannel(added, made)) return undefined;
    return { order: 'picture', read: [first], made, added };
  }
  if (isOp(node, 'linearGradInput')) return { order: 'tokens', read: [first], made, added: third };
  if (isOp(node, 'linearGradWeight')) return { order: 'tokens', read: [first, second] };
  if (isOp(node, 'conv2dGradInput') && isPointwise(second.shape, node.params.stride, node.params.padding))
    return { order: 'picture', read: [first], made, added: third };
  if (isOp(node, 'conv2dGradWeight') && isPointwise(made.shape, node.params.stride, node.params.padding))
    return { order: 'picture', read: [first, second] };
  return undefined;
}

/** The orders of what goes in and out. */
function turnOf(node: Node): { from: Order; to: Order } | undefined {
  if (!isOp(node, 'transpose')) return undefined;
  const { perm } = node.params;
  const axes = perm.length;
  const is = (axisOf: (i: number) => number): boolean => axes > 2 && perm.every((axis, i) => axis === axisOf(i));
  if (is((i) => (i === 0 ? 0 : i === axes - 1 ? 1 : i + 1))) return { from: 'picture', to: 'tokens' };
  if (is((i) => (i === 0 ? 0 : i === 1 ? axes - 1 : i - 1))) return { from: 'tokens', to: 'picture' };
  return undefined;
}

/** One value of those that share a storage, as some node sees it. */
interface Use {
  value: Value;
  node: Node;
  /** Undefined where the node knows one way only. */
  order: Order | undefined;
}

/** @param nodes those that run.
 *  @param maxBytes of a binding: a node with more is cut into windows, which are of what lies as it should. */
export function acrossIn(graph: Graph, nodes: readonly Node[], maxBytes: number): Across {
  const turns = nodes.filter((node) => turnOf(node) !== undefined);
  const ownRoot = (value: Value): Value => storageRoot(graph, value).root;
  const uses = new Map<Value, Use[]>();
  /** Storages that lie across together or not at all: what a product makes, and what it adds to that. */
  const tied = new Map<Value, Value[]>();
  for (const node of nodes) {
    if (node.op === 'reshape') continue;
    const small = [...node.inputs, ...node.outputs].every(
      ({ shape, dtype }) => bytesPerElement[dtype] * sizeOf(shape) <= maxBytes,
    );
    const matrices = small ? matricesOf(node) : undefined;
    const turn = turnOf(node);
    const see = (value: Value, order: Order | undefined): void => {
      const root = ownRoot(value);
      const seen = uses.get(root);
      if (seen) seen.push({ value, node, order });
      else uses.set(root, [{ value, node, order }]);
    };
    for (const value of node.inputs) {
      const free = matrices && (matrices.read.includes(value) || matrices.added === value);
      see(value, free ? matrices.order : turn?.from);
    }
    for (const value of node.outputs) see(value, value === matrices?.made ? matrices.order : turn?.to);
    if (matrices?.made && matrices.added) {
      const both = [ownRoot(matrices.made), ownRoot(matrices.added)];
      both.forEach((root, i) => tied.set(root, [...(tied.get(root) ?? []), both[1 - i]!]));
    }
  }

  const kept = new Set([...graph.outputs.values()].map(ownRoot));
  const changed = new Set(nodes.flatMap((node) => mutates(node).map(ownRoot)));
  const across = new Set<Value>();
  const isWithin = (root: Value): boolean => root.source.kind === 'node' && !changed.has(root);

  function groupOf(value: Value): Set<Value> {
    const group = new Set([ownRoot(value)]);
    for (const root of group) for (const other of tied.get(root) ?? []) group.add(other);
    return group;
  }

  /** Whether what shares a storage with `value`, one side of a transpose, may lie across. */
  function mayLieAcross(value: Value, order: Order, channels: number): Set<Value> | undefined {
    const group = groupOf(value);
    const fits = (use: Use): boolean => {
      const { shape } = use.value;
      if (use.order !== order || shape[0] !== value.shape[0]) return false;
      if ((order === 'picture' ? shape[1] : shape.at(-1)) !== channels) return false;
      if (use.node.op !== 'transpose') return true;
      // Its other side lies as it should, in a storage that both can have.
      const [x, y] = [use.node.inputs[0]!, use.node.outputs[0]!];
      const other = ownRoot(use.value === x ? y : x);
      return ownRoot(y) === y && isWithin(ownRoot(x)) && isWithin(y) && !across.has(other) && !group.has(other);
    };
    const may = [...group].every(
      (root) => isWithin(root) && !kept.has(root) && !across.has(root) && uses.get(root)!.every(fits),
    );
    return may ? group : undefined;
  }

  // Rather read across than written: products read either way alike, and write neighbours to neighbours one way only.
  for (const side of ['output', 'input'] as const) {
    for (const node of turns) {
      const [x, y] = [node.inputs[0]!, node.outputs[0]!];
      const { from, to } = turnOf(node)!;
      if (across.has(ownRoot(x)) || across.has(ownRoot(y))) continue;
      const channels = from === 'picture' ? x.shape[1]! : x.shape.at(-1)!;
      const group = side === 'output' ? mayLieAcross(y, to, channels) : mayLieAcross(x, from, channels);
      group?.forEach((root) => across.add(root));
    }
  }

  /** By what they make: those between a value that lies across and one that does not. */
  const free = new Map<Value, Node>();
  for (const node of turns) {
    const [x, y] = [node.inputs[0]!, node.outputs[0]!];
    if (across.has(ownRoot(x)) || across.has(ownRoot(y))) free.set(y, node);
  }
  const rootOf: Across['rootOf'] = (value) => {
    const found = storageRoot(graph, value);
    const turn = free.get(found.root);
    return turn ? rootOf(turn.inputs[0]!) : found;
  };
  return { values: new Set([...across].flatMap((root) => uses.get(root)!.map(({ value }) => value))), rootOf };
}
