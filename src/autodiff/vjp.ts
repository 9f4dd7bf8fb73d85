/** Vector-Jacobian products: given dy, the gradient of an op's first output, the gradient of each of its inputs. Total over ForwardOp.
 *  Further outputs (statistics, log-sum-exp) carry no gradient. */
import type { Node, Value } from '../graph/graph.ts';
import type { ForwardOp, OpKind, OpParams } from '../graph/ops.ts';
import type { Shape } from '../shared/shape.ts';

/** Builds one input's gradient when it is wanted; nothing is emitted for frozen inputs. A `fused` one can take what the input has
 *  received so far as a residual and returns the sum, which saves an add. */
export type Gradient =
  | { readonly kind: 'plain'; readonly emit: () => Value }
  | { readonly kind: 'fused'; readonly emit: (soFar: Value | undefined) => Value };

export interface VjpContext<K extends OpKind> {
  readonly node: Node<K>;
  readonly dy: Value;
  /** Whether the gradient by this input is asked for. */
  wanted(input: number): boolean;
  /** What the gradient by this input has received until now. */
  soFar(input: number): Value | undefined;
  /** Appends a node called `<path of the forward node>.grad.<suffix>`. */
  emit<G extends OpKind>(op: G, params: OpParams[G], inputs: readonly Value[], suffix: string): readonly Value[];
}

/** One entry per input, in order; undefined where the op has no derivative (ids, indices, timesteps). */
export type VjpRule<K extends OpKind> = (context: VjpContext<K>) => readonly (Gradient | undefined)[];

const plain = (emit: () => Value): Gradient => ({ kind: 'plain', emit });
const fused = (emit: (soFar: Value | undefined) => readonly Value[]): Gradient => ({
  kind: 'fused',
  emit: (soFar) => emit(soFar)[0]!,
});
const withSoFar = (inputs: readonly Value[], soFar: Value | undefined): readonly Value[] =>
  soFar ? [...inputs, soFar] : inputs;

/** A node with several gradients as outputs, emitted at the first request of any of them. */
function shared(emit: () => readonly Value[]): (output: number) => Gradient {
  let values: readonly Value[] | undefined;
  return (output) => plain(() => (values ??= emit())[output]!);
}

/** Sums dy over the axes along which `small` was broadcast, times factor; dy itself where there is nothing to do. */
function unbroadcast<K extends OpKind>({ emit }: VjpContext<K>, dy: Value, small: Shape, suffix: string): Value {
  const same = small.every((axis, i) => axis === dy.shape[i]);
  return same ? dy : emit('sumTo', { shape: small, factor: 1 }, [dy], suffix)[0]!;
}

/** Gradient of a bias [O] that lies along `axis` of dy, where that of the weight is not wanted. */
function biasAlone<K extends OpKind>({ dy, emit }: VjpContext<K>, axis: number, scale: number): Gradient {
  return plain(() => {
    const sum = emit('sumTo', { shape: dy.shape.map((n, i) => (i === axis ? n : 1)), factor: scale }, [dy], 'bias')[0]!;
    return emit('reshape', { shape: [dy.shape[axis]!] }, [sum], 'bias')[0]!;
  });
}

/** Gradients of a product's weight and of its bias, if it has one, which lies along `axis` of dy: one node gives both where both are wanted. */
function weightAndBias<K extends OpKind>(
  context: VjpContext<K>,
  axis: number,
  params: { bias: boolean; scale: number },
  gradWeight: (bias: boolean) => readonly Value[],
): Gradient[] {
  const both = params.bias && context.wanted(1) && context.wanted(2);
  const gradient = shared(() => gradWeight(both));
  return [gradient(0), ...(both ? [gradient(1)] : params.bias ? [biasAlone(context, axis, params.scale)] : [])];
}

/** Gradients of a norm's x, weight and bias: one node gives them all where all are wanted. The last input comes first (backward.ts), and x, which is
 *  none of the others, receives nothing until it is its turn. */
function normGradients<K extends OpKind>(
  { node, wanted, soFar }: VjpContext<K>,
  gradInput: (soFar: Value | undefined, weights: boolean) => readonly Value[],
  gradParams: () => readonly Value[],
): Gradient[] {
  if ([0, 1, 2].every(wanted) && node.inputs.lastIndexOf(node.inputs[0]!) === 0) {
    const gradient = shared(() => gradInput(soFar(0), true));
    return [fused(() => [gradient(0).emit(undefined)]), gradient(1), gradient(2)];
  }
  const params = shared(gradParams);
  return [fused((before) => gradInput(before, false)), params(0), params(1)];
}

export const vjp: { readonly [K in ForwardOp]: VjpRule<K> } = {
  linear: (context) => {
    const { node, dy, emit } = context;
    const { residual, scale } = node.params;
    const [x, weight] = node.inputs as [Value, Value];
    return [
      fused((soFar) =>
        emit('linearGradInput', { residual: soFar !== undefined, scale }, withSoFar([dy, weight], soFar), 'x'),
      ),
      ...weightAndBias(context, dy.shape.length - 1, node.params, (bias) =>
        emit('linearGradWeight', { bias, scale }, [dy, x], 'weight'),
      ),
      ...(residual ? [plain(() => dy)] : []),
    ];
  },
  conv2d: (context) => {
    const { node, dy, emit } = context;
    const { stride, padding, residual, scale } = node.params;
    const [x, weight] = node.inputs as [Value, Value];
    const [height, width] = [x.shape[2]!, x.shape[3]!];
    const [kernelHeight, kernelWidth] = [weight.shape[2]!, weight.shape[3]!];
    return [
      fused((soFar) =>
        emit(
          'conv2dGradInput',
          { stride, padding, height, width, residual: soFar !== undefined, scale },
          withSoFar([dy, weight], soFar),
          'x',
        ),
      ),
      ...weightAndBias(context, 1, node.params, (bias) =>
        emit('conv2dGradWeight', { stride, padding, kernelHeight, kernelWidth, bias, scale }, [dy, x], 'weight'),
      ),
      ...(residual ? [plain(() => unbroadcast(context, dy, node.inputs.at(-1)!.shape, 'residual'))] : []),
    ];
  },
  groupNorm: (context) => {
    const { node, dy, emit } = context;
    const inputs = [dy, ...node.inputs, node.outputs[1]!];
    return normGradients(
      context,
      (soFar, weights) =>
        emit(
          'groupNormGradInput',
          { ...node.params, residual: soFar !== undefined, weights },
          withSoFar(inputs, soFar),
          'x',
        ),
      () => emit('groupNormGradParams', node.params, inputs, 'params'),
    );
  },
  layerNorm: (context) => {
    const { node, dy, emit } = context;
    const [x, weight] = node.inputs as [Value, Value];
    const stats = node.outputs[1]!;
    return normGradients(
      context,
      (soFar, weights) =>
        emit(
          'layerNormGradInput',
          { ...node.params, residual: soFar !== undefined, weights },
          withSoFar([dy, x, weight, stats], soFar),
          'x',
        ),
      () => emit('layerNormGradParams', node.params, [dy, x, stats], 'params'),
    );
  },
  attention: ({ node, dy, wanted, emit }) => {
    const [o, lse] = node.outputs as [Value, Value];
    const inputs = [dy, ...node.inputs, lse];
    let made: readonly Value[] | undefined;
    const query = (): readonly Value[] => (made ??= emit('attentionGradQuery', node.params, [...inputs, o], 'q'));
    const delta = (): Value =>
      wanted(0) ? query()[1]! : emit('attentionDelta', { heads: node.params.heads }, [dy, o], 'delta')[0]!;
    const keyValue = shared(() => emit('attentionGradKeyValue', node.params, [...inputs, delta()], 'kv'));
    return [plain(() => query()[0]!), keyValue(0), keyValue(1)];
  },
  geglu: ({ node, dy, emit }) => [plain(() => emit('gegluGrad', {}, [dy, node.inputs[0]!], 'x')[0]!)],
  unary: ({ node, dy, emit }) => [plain(() => emit('unaryGrad', node.params, [dy, node.inputs[0]!], 'x')[0]!)],
  clamp: ({ node, dy, emit }) => [plain(() => emit('clampGrad', node.params, [dy, node.inputs[0]!], 'x')[0]!)],
  timestepEmbedding: () => [undefined, undefined],
  add: (context) => [
    plain(() => context.dy),
    plain(() => unbroadcast(context, context.dy, context.node.inputs[1]!.shape, 'b')),
  ],
  mul: (context) => {
    const { node, dy, emit } = context;
    const [a, b] = node.inputs as [Value, Value];
    return [
      plain(() => emit('mul', {}, [dy, b], 'a')[0]!),
      plain(() => unbroadcast(context, emit('mul', {}, [dy, a], 'b')[0]!, b.shape, 'b')),
    ];
  },
  affine: ({ node, dy, emit }) => [
    plain(() =>
      node.params.factor === 1 ? dy : emit('affine', { factor: node.params.factor, shift: 0 }, [dy], 'x')[0]!,
    ),
  ],
  concat: ({ node, dy, wanted, emit }) => {
    const { axis } = node.params;
    const lengths = node.inputs.map((x) => x.shape[axis]!);
    if (lengths.every((_, i) => wanted(i))) {
      const part = shared(() => emit('split', { axis, lengths }, [dy], 'parts'));
      return lengths.map((_, i) => part(i));
    }
    let end = 0;
    return node.inputs.map((x, i) => {
      const start = end;
      end += x.shape[axis]!;
      return plain(() => emit('slice', { axis, start, length: x.shape[axis]! }, [dy], `${i}`)[0]!);
    });
  },
  slice: ({ node, dy, emit }) => {
    const { axis, start } = node.params;
    return [plain(() => emit('padAxis', { axis, start, length: node.inputs[0]!.shape[axis]! }, [dy], 'x')[0]!)];
  },
  reshape: ({ node, dy, emit }) => [plain(() => emit('reshape', { shape: node.inputs[0]!.shape }, [dy], 'x')[0]!)],
  transpose: ({ node, dy, emit }) => [
    plain(
      () =>
        emit('transpose', { perm: node.params.perm.map((_, axis) => node.params.perm.indexOf(axis)) }, [dy], 'x')[0]!,
    ),
  ],
  upsampleNearest: ({ node, dy, emit }) => {
    const [, , height, width] = node.inputs[0]!.shape as [number, number, number, number];
    return [plain(() => emit('upsampleNearestGrad', { height, width }, [dy], 'x')[0]!)];
  },
  mean: ({ node, dy, emit }) => {
    const shape = node.inputs[0]!.shape;
    const elements = node.params.axes.reduce((product, axis) => product * shape[axis]!, 1);
    return [plain(() => emit('broadcastTo', { shape, factor: 1 / elements }, [dy], 'x')[0]!)];
  },
  embedding: ({ node, dy, emit }) => [
    plain(() => emit('embeddingGrad', { rows: node.inputs[0]!.shape[0]! }, [dy, node.inputs[1]!], 'table')[0]!),
    undefined,
  ],
  takeToken: ({ node, dy, emit }) => [
    plain(() => emit('takeTokenGrad', { tokens: node.inputs[0]!.shape[1]! }, [dy, node.inputs[1]!], 'x')[0]!),
    undefined,
  ],
  meanSquaredError: ({ node, dy, emit }) => {
    const pred = shared(() => emit('meanSquaredErrorGrad', {}, [dy, ...node.inputs], 'pred'));
    return [
      pred(0),
      plain(() => emit('affine', { factor: -1, shift: 0 }, [(pred(0) as { emit: () => Value }).emit()], 'target')[0]!),
    ];
  },
};
