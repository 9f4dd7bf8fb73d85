/** A network for tests with what a UNet's graph is made of: strided and padded convolutions, a residual block with a time embedding, self-
 *  and cross-attention with shared context, GEGLU, nearest resize to an odd size, a skip concat, an adapter on two layers. */
import type { Graph, Value } from '../graph/graph.ts';
import { assert } from '../shared/assert.ts';
import type { Shape } from '../shared/shape.ts';

export interface TinyNet {
  sample: Value;
  timestep: Value;
  context: Value;
  target: Value;
  pred: Value;
  /** meanSquaredError by sample [2]. */
  errors: Value;
  /** Every weight by name, the adapter's (`….lora_down`, `….lora_up`) among them. */
  parameters: ReadonlyMap<string, Value>;
}

export function buildTinyNet(
  graph: Graph,
  parameter: (name: string, shape: Shape) => Value = (name, shape) => graph.parameter(name, shape),
): TinyNet {
  const parameters = new Map<string, Value>();
  const weight = (name: string, shape: Shape): Value => {
    assert(!parameters.has(name), `two weights are called ${name}`);
    const value = parameter(name, shape);
    parameters.set(name, value);
    return value;
  };
  const conv = (name: string, x: Value, O: number, stride = 1): Value =>
    graph.op(
      'conv2d',
      { stride, padding: [1, 1, 1, 1], bias: true, residual: false, scale: 1 },
      [x, weight(`${name}.weight`, [O, x.shape[1]!, 3, 3]), weight(`${name}.bias`, [O])],
      name,
    );
  const linear = (name: string, x: Value, O: number, residual?: Value): Value => {
    const inputs = [
      x,
      weight(`${name}.weight`, [O, x.shape.at(-1)!]),
      weight(`${name}.bias`, [O]),
      ...(residual ? [residual] : []),
    ];
    return graph.op('linear', { bias: true, residual: residual !== undefined, scale: 1 }, inputs, name);
  };
  const adapted = (name: string, x: Value, O: number): Value => {
    const down = graph.op(
      'linear',
      { bias: false, residual: false, scale: 1 },
      [x, weight(`${name}.lora_down`, [2, x.shape.at(-1)!])],
      `${name}.lora_down`,
    );
    const base = linear(name, x, O);
    return graph.op(
      'linear',
      { bias: false, residual: true, scale: 0.5 },
      [down, weight(`${name}.lora_up`, [O, 2]), base],
      `${name}.lora_up`,
    );
  };
  const norm = (name: string, x: Value, silu: boolean): Value =>
    graph.op(
      'groupNorm',
      { groups: 2, eps: 1e-5, silu },
      [x, weight(`${name}.weight`, [x.shape[1]!]), weight(`${name}.bias`, [x.shape[1]!])],
      name,
    );
  const layerNorm = (name: string, x: Value): Value =>
    graph.op(
      'layerNorm',
      { eps: 1e-5 },
      [x, weight(`${name}.weight`, [x.shape.at(-1)!]), weight(`${name}.bias`, [x.shape.at(-1)!])],
      name,
    );

  const sample = graph.input('sample', [2, 3, 5, 7]);
  const timestep = graph.input('timestep', [2]);
  const context = graph.input('context', [2, 3, 6]);
  const target = graph.input('target', [2, 3, 5, 7]);

  const freqs = graph.constant('freqs', [4], Float32Array.of(1, 0.1, 0.01, 0.001));
  const embedded = graph.op(
    'unary',
    { fn: 'silu' },
    [linear('time', graph.op('timestepEmbedding', { flipSinToCos: true }, [timestep, freqs], 'time_proj'), 6)],
    'time_act',
  );

  const skip = conv('conv_in', sample, 4);
  const down = conv('downsamplers.0.conv', skip, 4, 2); // [2, 4, 3, 4]

  const resnet = graph.scope('resnets.0', () => {
    const h = conv('conv1', norm('norm1', down, true), 4);
    const temb = graph.op('reshape', { shape: [2, 4, 1, 1] }, [linear('time_emb_proj', embedded, 4)], 'temb');
    const shifted = graph.op('add', {}, [h, temb], 'add');
    const w = [weight('conv2.weight', [4, 4, 3, 3]), weight('conv2.bias', [4])];
    return graph.op(
      'conv2d',
      { stride: 1, padding: [1, 1, 1, 1], bias: true, residual: true, scale: 1 },
      [norm('norm2', shifted, true), ...w, down],
      'conv2',
    );
  });

  const attended = graph.scope('attentions.0', () => {
    const tokens = graph.op(
      'transpose',
      { perm: [0, 2, 1] },
      [graph.op('reshape', { shape: [2, 4, 12] }, [norm('norm', resnet, false)], 'flat')],
      'tokens',
    );
    const n1 = layerNorm('ln1', tokens);
    const self = graph.op(
      'attention',
      { heads: 2, causal: false },
      [adapted('to_q', n1, 4), adapted('to_k', n1, 4), linear('to_v', n1, 4)],
      'attn1',
    );
    const x1 = linear('to_out', self, 4, tokens);
    const cross = graph.op(
      'attention',
      { heads: 1, causal: false },
      [linear('to_q2', layerNorm('ln2', x1), 4), linear('to_k2', context, 4), linear('to_v2', context, 4)],
      'attn2',
    );
    const x2 = linear('to_out2', cross, 4, x1);
    const x3 = linear('ff.out', graph.op('geglu', {}, [linear('ff.in', layerNorm('ln3', x2), 10)], 'geglu'), 4, x2);
    const image = graph.op(
      'reshape',
      { shape: [2, 4, 3, 4] },
      [graph.op('transpose', { perm: [0, 2, 1] }, [x3], 'untokens')],
      'image',
    );
    return graph.op('add', {}, [image, resnet], 'residual');
  });

  const up = conv('upsamplers.0.conv', graph.op('upsampleNearest', { height: 5, width: 7 }, [attended], 'upsample'), 4);
  const joined = graph.op('concat', { axis: 1 }, [up, skip], 'concat');
  const pred = conv('conv_out', norm('norm_out', joined, true), 3);
  const errors = graph.op('meanSquaredError', {}, [pred, target], 'errors');
  return { sample, timestep, context, target, pred, errors, parameters };
}
