/** Recomputes forward values where the backward pass needs them instead of keeping them until then. The same ops on the same inputs give
 *  the same bits, so results do not change; only memory and the number of nodes do. */
import { type Dtype, Graph, mutates, type Node, storageRoot, type Value } from '../graph/graph.ts';
import type { OpKind } from '../graph/ops.ts';
import { assert } from '../shared/assert.ts';
import { sizeOf } from '../shared/shape.ts';
import { peakBytes } from './peak.ts';
import { vjp } from './vjp.ts';

/** none: keep everything. cheap: recompute normalisations, elementwise ops and copies. blocks: keep only what passes from one block to
 *  another (and what enters the network); convolutions, linears and attention inside a block run again when its backward begins. */
export type RematerialiseMode = 'none' | 'cheap' | 'blocks';

export interface RematerialiseOptions {
  mode?: RematerialiseMode;
  /** Which block a forward node belongs to, for `blocks`. */
  blockOf?: (node: Node) => string;
}

export interface Rematerialised {
  graph: Graph;
  /** Every value of the old graph → its first computation in the new one. */
  map: ReadonlyMap<Value, Value>;
  /** Nodes that run twice. */
  recomputed: number;
}

/** One pass over memory each, so a fraction of a convolution's time. */
const cheapOps: ReadonlySet<OpKind> = new Set<OpKind>([
  'groupNorm',
  'layerNorm',
  'unary',
  'geglu',
  'clamp',
  'concat',
  'upsampleNearest',
  'transpose',
  'add',
  'mul',
  'affine',
  'slice',
]);

/** diffusers' module paths: `…down_blocks.0.resnets.1.conv1` belongs to `…down_blocks.0.resnets.1`; anything else to its parent module. Of
 *  a transformer's blocks the first stays with the layers around them and each further one is its own: SDXL stacks ten, whose activations
 *  together would be more than all that passes between them. */
export function diffusersBlock(node: Node): string {
  const block = /^.*?(resnets|attentions|downsamplers|upsamplers|layers)\.\d+(\.transformer_blocks\.[1-9]\d*)?/.exec(
    node.name,
  )?.[0];
  return block ?? node.name.split('.').slice(0, -1).join('.');
}

/** A new graph with the same inputs, outputs, placements and results. In every mode but `none` the lower peak of what was asked and
 *  `none` is taken, so the pass never costs memory. */
export function rematerialise(
  graph: Graph,
  { mode = 'cheap', blockOf = diffusersBlock }: RematerialiseOptions = {},
): Rematerialised {
  // Only gradient and step ops cannot be differentiated: the first of them begins the backward section.
  const begin = graph.nodes.findIndex((node) => !(node.op in vjp));
  const again =
    mode === 'none' || begin < 0
      ? new Set<Node>()
      : mode === 'cheap'
        ? cheapChoice(graph, begin)
        : insideBlocks(graph, begin, blockOf);
  const result = rebuild(graph, begin, again);
  return again.size === 0 || peakBytes(result.graph) < peakBytes(graph) ? result : rebuild(graph, begin, new Set());
}

/** Activations that the backward section reads, by storage. */
function keptForBackward(graph: Graph, begin: number): Set<Value> {
  const kept = new Set<Value>();
  for (const node of graph.nodes.slice(begin)) {
    if (node.op === 'reshape') continue;
    for (const x of node.inputs) {
      const { root } = storageRoot(graph, x);
      if (root.source.kind === 'node' && root.source.node.id < begin) kept.add(root);
    }
  }
  return kept;
}

/** Cheap nodes whose first output the backward section reads, where keeping their inputs instead takes less memory. Further outputs
 *  (statistics, log-sum-exp) are small and always kept. Decided from the last node to the first, so that chains (norm → silu) are seen
 *  whole. */
function cheapChoice(graph: Graph, begin: number): Set<Node> {
  const outputs = new Set([...graph.outputs.values()].map((value) => storageRoot(graph, value).root));
  const kept = keptForBackward(graph, begin);
  const candidate = (node: Node): boolean =>
    cheapOps.has(node.op) && !outputs.has(node.outputs[0]!) && !graph.placements.has(node.outputs[0]!);
  /** Elements that must be kept so that `value` can be had in the backward section. */
  const cost = (value: Value): number => {
    const { root } = storageRoot(graph, value);
    if (root.source.kind !== 'node' || kept.has(root) || outputs.has(root)) return 0;
    const { node } = root.source;
    const size = sizeOf(root.shape);
    return candidate(node) ? Math.min(size, costOfInputs(node)) : size;
  };
  const costOfInputs = (node: Node): number => [...new Set(node.inputs)].reduce((sum, x) => sum + cost(x), 0);
  const again = new Set<Node>();
  for (const node of graph.nodes.slice(0, begin).toReversed()) {
    const first = node.outputs[0]!;
    if (!kept.has(first) || !candidate(node)) continue;
    kept.delete(first);
    if (costOfInputs(node) >= sizeOf(first.shape)) {
      kept.add(first);
      continue;
    }
    again.add(node);
    for (const x of node.inputs) {
      const { root } = storageRoot(graph, x);
      if (root.source.kind === 'node') kept.add(root);
    }
  }
  return again;
}

/** Every forward node whose first output stays inside its own block, and cheap ones (skip concats) that can be had from what is kept. */
function insideBlocks(graph: Graph, begin: number, blockOf: (node: Node) => string): Set<Node> {
  const crossing = new Set<Value>();
  const forward = graph.nodes.slice(0, begin).filter((node) => node.op !== 'reshape');
  for (const node of forward)
    for (const x of node.inputs) {
      const { root } = storageRoot(graph, x);
      if (root.source.kind === 'node' && blockOf(root.source.node) !== blockOf(node)) crossing.add(root);
    }
  const outputs = new Set([...graph.outputs.values()].map((value) => storageRoot(graph, value).root));
  const stays = (value: Value): boolean => {
    const { root } = storageRoot(graph, value);
    return root.source.kind !== 'node' || crossing.has(root);
  };
  return new Set(
    forward.filter((node) => {
      const first = node.outputs[0]!;
      if (outputs.has(first) || graph.placements.has(first)) return false;
      return !crossing.has(first) || (cheapOps.has(node.op) && node.inputs.every(stays));
    }),
  );
}

/** Copies the graph; in the backward section (from `begin` on) the first outputs of `again` are computed anew before their first use. */
function rebuild(old: Graph, begin: number, again: ReadonlySet<Node>): Rematerialised {
  const graph = new Graph();
  const map = new Map<Value, Value>();
  /** Values of the old graph → their second computation. */
  const second = new Map<Value, Value>();
  /** States written so far in the backward section: nothing that reads them may be computed anew. */
  const written = new Set<Value>();
  let recomputed = 0;

  const copyOf = (value: Value): Value => {
    const known = map.get(value);
    if (known) return known;
    const { source, name, shape, dtype } = value;
    assert(source.kind !== 'node', `${name} is used before it is computed`);
    const copy =
      source.kind === 'view'
        ? graph.view(name, copyOf(source.of), source.offset, shape)
        : source.kind === 'constant'
          ? graph.constant(name, shape, source.data)
          : source.kind === 'input'
            ? graph.input(name, shape, dtype)
            : source.kind === 'parameter'
              ? graph.parameter(name, shape, dtype as Exclude<Dtype, 'i32'>)
              : graph.state(name, shape);
    map.set(value, copy);
    return copy;
  };
  const append = (node: Node, inputs: readonly Value[], name: string): readonly Value[] =>
    graph.node(node.op, node.params, inputs, name);

  /** The value as the backward section should read it. */
  const later = (value: Value): Value => {
    if (value.source.kind !== 'node' || value.source.node.id >= begin) return copyOf(value);
    const done = second.get(value);
    if (done) return done;
    const { node, output } = value.source;
    const redo =
      node.op === 'reshape' ? later(node.inputs[0]!) !== copyOf(node.inputs[0]!) : again.has(node) && output === 0;
    if (!redo) return copyOf(value);
    const inputs = node.inputs.map(later);
    for (const x of node.inputs)
      assert(
        !written.has(storageRoot(old, x).root),
        `${node.name} cannot be recomputed: ${x.name} has been written since`,
      );
    const copies = append(node, inputs, `${node.name}.again`);
    if (node.op !== 'reshape') recomputed++;
    second.set(value, copies[0]!);
    return copies[0]!;
  };

  for (const value of old.values) if (value.source.kind !== 'node') copyOf(value);
  for (const node of old.nodes) {
    const backward = begin >= 0 && node.id >= begin;
    const copies = append(node, node.inputs.map(backward ? later : copyOf), node.name);
    node.outputs.forEach((value, i) => map.set(value, copies[i]!));
    if (backward) for (const value of mutates(node)) written.add(storageRoot(old, value).root);
  }
  for (const [name, value] of old.outputs) graph.output(name, copyOf(value));
  for (const [value, { arena, offset }] of old.placements) graph.place(copyOf(value), copyOf(arena), offset);
  return { graph, map, recomputed };
}
