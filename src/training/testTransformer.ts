/** For tests of webgpu/across.ts: blocks like those of diffusion models, that go from pictures to tokens and back. */
import { backward } from '../autodiff/backward.ts';
import { generator } from '../graph/caseData.ts';
import { Graph, type Value } from '../graph/graph.ts';
import { Layers, type LoraHook } from '../models/layers.ts';
import { type Shape, sizeOf } from '../shared/shape.ts';

export interface Block {
  /** Of pictures [N, C, H, W]. */
  shape: Shape;
  /** How tokens are projected: by 1x1 convolutions of pictures, or by linear layers. */
  projections: 'conv' | 'linear';
  /** All weights, a LoRA of rank 3 on every layer, or nothing: the forward pass alone. */
  trained: 'all' | 'lora' | 'none';
  /** Of the gradient of the loss. */
  scale?: number;
}

/** A Transformer2DModel in small: norm, projection in, tokens' own layers, projection out, residual; with the gradients by what is trained and by the
 *  picture, which are the graph's outputs beside `y`. */
export function transformerBlock({ shape, projections, trained, scale = 1 }: Block): {
  graph: Graph;
  feeds: Map<Value, Float32Array>;
} {
  const graph = new Graph();
  const wanted: Value[] = [];
  const lora: LoraHook = (path, kind, [out, into]) => {
    const taps = kind === 'conv' ? [1, 1] : [];
    const [down, up] = [
      graph.input(`${path}.down`, [3, into!, ...taps]),
      graph.input(`${path}.up`, [out!, 3, ...taps]),
    ];
    wanted.push(down, up);
    return { down, up, scale: 0.5, rank: 3 };
  };
  const layers = new Layers(graph, {
    lora: trained === 'lora' ? lora : undefined,
    parameter: (key, of) => {
      const value = graph.input(key, of);
      if (trained === 'all') wanted.push(value);
      return value;
    },
  });
  const [, channels, height, width] = shape as [number, number, number, number];
  const x = graph.input('x', shape);
  const normed = layers.groupNorm('norm', x, { groups: channels % 4 === 0 ? 4 : 1, eps: 1e-5 });
  const narrow = projections === 'conv' ? channels : channels - 1;
  const into =
    projections === 'conv'
      ? layers.toTokens('in', layers.conv('proj_in', normed, narrow, { kernel: 1 }))
      : layers.linear('proj_in', layers.toTokens('in', normed), narrow);
  const token = layers.linear('ff', layers.layerNorm('norm1', into, 1e-5), narrow, { residual: into });
  const out =
    projections === 'conv'
      ? layers.conv('proj_out', layers.toImage('out', token, height, width), channels, { kernel: 1, residual: x })
      : graph.op('add', {}, [layers.toImage('out', layers.linear('proj_out', token, channels), height, width), x]);
  const y = layers.unary('act', out, 'silu');
  graph.output('y', y);
  const dy = trained === 'none' ? undefined : graph.input('dy', y.shape);
  if (dy) {
    const gradients = backward(graph, [{ value: y, grad: dy }], [x, ...wanted]);
    for (const value of [x, ...wanted]) graph.output(`d ${value.name}`, gradients.get(value)!);
  }
  const next = generator('across');
  const feeds = new Map(
    graph.values
      .filter(({ source }) => source.kind === 'input')
      .map((value) => [
        value,
        Float32Array.from({ length: sizeOf(value.shape) }, () => (next() - 0.5) * (value === dy ? scale : 1)),
      ]),
  );
  return { graph, feeds };
}
