/** What takes the arithmetic of a graph, and the memory of its norms: the heaviest (operation, shape), each as a graph of its own, that can be timed and
 *  checked alone. Pure. */
import { flopsOf } from '../graph/flops.ts';
import { bytesPerElement, Graph, isHalf, type Node, type Value } from '../graph/graph.ts';
import type { OpKind } from '../graph/ops.ts';
import { assert } from '../shared/assert.ts';
import type { Shape } from '../shared/shape.ts';
import { sameShape, sizeOf } from '../shared/shape.ts';
import { planGraph, type PlanLimits } from './plan.ts';

/** An operation at one shape. */
export interface Task {
  /** For people, and one of a kind: `conv2d 2x320x64x64 by 320x320x3x3 f16`. */
  name: string;
  node: Node;
  /** How often the graph has it. */
  count: number;
  /** Of one; 0 where memory is all that counts. */
  flops: number;
  /** Kernel class and the variants that its lowering offers on such a device. */
  kernelClass: string;
  variants: readonly string[];
}

/** So many shapes are most of a step: of Stable Diffusion 1.5's 60 the first ten are 63 % of its arithmetic. */
const HEAVIEST = 10;
/** Of what is bound by memory and has several kernels: the norms. */
const HEAVIEST_NORMS = 3;

/** The heaviest tasks of a graph by their arithmetic, and of each kernel class with any arithmetic at least the heaviest one; the heaviest first.
 *  Behind them the norms that move most. */
export function heaviestTasks(graph: Graph, limits: PlanLimits, most = HEAVIEST): Task[] {
  const found = new Map<string, { node: Node; count: number; flops: number }>();
  for (const node of graph.nodes) {
    if (!cuts[node.op]) continue;
    const name = nameOf(node);
    const known = found.get(name);
    found.set(name, { node: known?.node ?? node, flops: flopsOf(node), count: (known?.count ?? 0) + 1 });
  }
  const all = [...found].map(([name, task]) => ({ name, ...task }));
  const tasks = all
    .filter(({ flops }) => flops > 0)
    .map((task): Task => ({ ...task, ...variantsOf(task.node, limits) }))
    .toSorted((a, b) => b.count * b.flops - a.count * a.flops);
  const norms = all
    .filter(({ flops }) => flops === 0)
    .toSorted((a, b) => b.count * bytesOf(b.node) - a.count * bytesOf(a.node))
    .slice(0, HEAVIEST_NORMS)
    .map((task): Task => ({ ...task, ...variantsOf(task.node, limits) }));
  const classes = new Set<string>();
  const heaviest = tasks.filter(({ kernelClass }, i) => {
    const first = !classes.has(kernelClass);
    classes.add(kernelClass);
    return first || i < most;
  });
  return [...heaviest, ...norms];
}

/** What a node must read and write at least. */
export const bytesOf = ({ inputs, outputs }: Node): number =>
  [...inputs, ...outputs].reduce((sum, { shape, dtype }) => sum + bytesPerElement[dtype] * sizeOf(shape), 0);

/** Operation and shape: what is added at the end of a product changes little of its time. */
function nameOf({ op, params, inputs }: Node): string {
  // Behind the gradient: of attention's q and k, of a norm's the picture.
  const first = op === 'attentionGradQuery' || op === 'attentionGradKeyValue' || op.endsWith('NormGradInput') ? 1 : 0;
  const { stride = 1, heads, causal } = params as { stride?: number; heads?: number; causal?: boolean };
  return [
    op,
    inputs
      .slice(first, first + 2)
      .map(({ shape, dtype }) => `${shape.join('x')}${isHalf(dtype) ? ` ${dtype}` : ''}`)
      .join(' by '),
    ...(stride > 1 ? [`stride ${stride}`] : []),
    ...(heads ? [`heads ${heads}`] : []),
    ...(causal ? ['causal'] : []),
  ].join(' ');
}

/** The node alone: what it reads is written, what it makes can be read, as `y0` and so on. */
export function alone({ op, params, inputs }: Pick<Node, 'op' | 'params' | 'inputs'>): Graph {
  const graph = new Graph();
  const given = inputs.map(({ shape, dtype }, i) =>
    dtype === 'i32' || dtype === 'f32' ? graph.input(`x${i}`, shape, dtype) : graph.parameter(`x${i}`, shape, dtype),
  );
  graph.node(op, params, given).forEach((value, i) => graph.output(`y${i}`, value));
  return graph;
}

function variantsOf(node: Node, limits: PlanLimits): Pick<Task, 'kernelClass' | 'variants'> {
  let kernelClass = '';
  const variants = new Set<string>();
  planGraph(alone(node), {
    limits,
    variant: (asked, options) => {
      kernelClass = asked;
      for (const option of options) variants.add(option);
      return options[0]!;
    },
    // A model that is too large says so itself.
    onExceeded: () => {},
  });
  assert(kernelClass, `${node.op} has no kernel class`);
  return { kernelClass, variants: [...variants] };
}

/** The same kind of task, small enough for float64 on the CPU: the same size of head, and sides that leave the same remainders. At least as large
 *  as it takes for the same variants to be offered. */
export function cutOf({ node, variants }: Task, limits: PlanLimits): Node {
  for (let factor = 1; factor <= 16; factor *= 2) {
    const [small] = alone(cut(node, factor)).nodes as [Node];
    const { variants: offered } = variantsOf(small, limits);
    if (variants.every((variant) => offered.includes(variant))) return small;
  }
  return node;
}

/** Below twice the base, with the same remainder. */
const shrink = (size: number, base: number): number => (size < 2 * base ? size : base + (size % base));

type Cut = (node: Node, factor: number) => Pick<Node, 'op' | 'params' | 'inputs'>;

const reshaped = (value: Value, shape: Shape): Value => ({ ...value, shape });

const cutProduct: Cut = ({ op, params, inputs }, factor) => {
  const base = 64 * factor;
  const [first, second] = inputs as [Value, Value];
  const matrix = ({ shape }: Value): [number, number] => [
    shrink(sizeOf(shape.slice(0, -1)), base),
    shrink(shape.at(-1)!, base),
  ];
  const [rows] = matrix(first);
  const rest = inputs.slice(2).map((value) => {
    const [high, wide] = matrix(value);
    return reshaped(value, value.shape.length === 1 ? [wide] : [high, wide]);
  });
  // The weight's rows are channels, not tokens: each side is cut by itself, and both ends of a side alike.
  return {
    op,
    params,
    inputs: [reshaped(first, [rows, matrix(first)[1]]), reshaped(second, matrix(second)), ...rest],
  };
};

const cutConvolution: Cut = ({ op, params, inputs }, factor) => {
  const { stride, padding } = params as { stride: number; padding: readonly [number, number, number, number] };
  const [first, second] = inputs as [Value, Value];
  const side = (size: number): number => shrink(size, 8 * factor);
  const channels = (size: number): number => shrink(size, 32 * factor);
  const batch = Math.min(2, first.shape[0]!);
  // The picture that the convolution reads, whichever of its gradients is asked for.
  const gradInput = op === 'conv2dGradInput' ? (params as { height: number; width: number }) : null;
  const read = op === 'conv2dGradWeight' ? second.shape.slice(2) : first.shape.slice(2);
  const [height, width] = (gradInput ? [gradInput.height, gradInput.width] : read).map((size) => side(size)) as [
    number,
    number,
  ];
  const kernel =
    op === 'conv2dGradWeight'
      ? [(params as { kernelHeight: number }).kernelHeight, (params as { kernelWidth: number }).kernelWidth]
      : second.shape.slice(2);
  const made = [
    Math.floor((height + padding[0] + padding[2] - kernel[0]!) / stride) + 1,
    Math.floor((width + padding[1] + padding[3] - kernel[1]!) / stride) + 1,
  ];
  const picture = (value: Value, [high, wide]: readonly number[]): Value =>
    reshaped(value, [batch, channels(value.shape[1]!), high!, wide!]);
  const weight = (value: Value): Value =>
    reshaped(value, [channels(value.shape[0]!), channels(value.shape[1]!), ...value.shape.slice(2)]);
  const here = [height, width];
  if (op === 'conv2dGradWeight') return { op, params, inputs: [picture(first, made), picture(second, here)] };
  const residual = (value: Value): Value =>
    value.shape.length === 1 ? reshaped(value, [channels(value.shape[0]!)]) : picture(value, gradInput ? here : made);
  return {
    op,
    params: gradInput ? ({ ...gradInput, height, width } as typeof params) : params,
    inputs: [picture(first, gradInput ? made : here), weight(second), ...inputs.slice(2).map(residual)],
  };
};

const cutAttention: Cut = ({ op, params, inputs }, factor) => {
  const { heads } = params as { heads: number };
  const few = Math.min(2, heads);
  const tokens = (size: number): number => shrink(size, 32 * factor);
  return {
    op,
    params: { ...(params as object), heads: few } as typeof params,
    inputs: inputs.map((value, i) => {
      const [batch, second, third] = value.shape as [number, number, number];
      // Of each head and query: log-sum-exp and delta.
      const ofHeads = i === 4 || (i === 5 && op === 'attentionGradKeyValue');
      return reshaped(value, [
        Math.min(2, batch),
        ...(ofHeads ? [few, tokens(third)] : [tokens(second), (third / heads) * few]),
      ]);
    }),
  };
};

/** Fewer pictures, rows and columns of them; groups stay whole. */
const cutGroupNorm: Cut = ({ op, params, inputs }, factor) => {
  const pictures = inputs[op === 'groupNorm' ? 0 : 1]!;
  return {
    op,
    params,
    inputs: inputs.map((value) => {
      if (value.shape.length === 1) return value;
      const [batch, ...rest] = value.shape as [number, ...number[]];
      const sides = sameShape(value.shape, pictures.shape)
        ? [rest[0]!, ...rest.slice(1).map((side) => shrink(side, 8 * factor))]
        : rest;
      return reshaped(value, [Math.min(2, batch), ...sides]);
    }),
  };
};

const cutLayerNorm: Cut = ({ op, params, inputs }, factor) => {
  const { shape } = inputs[op === 'layerNorm' ? 0 : 1]!;
  const rows = shape.slice(0, -1).map((size) => shrink(size, 8 * factor));
  return {
    op,
    params,
    inputs: inputs.map((value) => {
      if (value.shape.length === 1) return value;
      // A row's mean and variance stand in rows of their own.
      return reshaped(value, sameShape(value.shape, shape) ? [...rows, shape.at(-1)!] : [sizeOf(rows), 2]);
    }),
  };
};

const cuts: { readonly [K in OpKind]?: Cut } = {
  linear: cutProduct,
  linearGradInput: cutProduct,
  linearGradWeight: cutProduct,
  conv2d: cutConvolution,
  conv2dGradInput: cutConvolution,
  conv2dGradWeight: cutConvolution,
  attention: cutAttention,
  attentionGradQuery: cutAttention,
  attentionGradKeyValue: cutAttention,
  groupNorm: cutGroupNorm,
  groupNormGradInput: cutGroupNorm,
  layerNorm: cutLayerNorm,
  layerNormGradInput: cutLayerNorm,
};

function cut(node: Node, factor: number): ReturnType<Cut> {
  const of = cuts[node.op];
  assert(of, `${node.op} is no task`);
  return of(node, factor);
}
