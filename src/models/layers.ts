/** Layers of a model as graph nodes: parameters under their checkpoint keys, node names the module paths, LoRA where a hook asks for it. */
import type { Graph, ParameterDtype, Value } from '../graph/graph.ts';
import type { Padding, UnaryFn } from '../graph/ops.ts';
import type { Shape } from '../shared/shape.ts';

/** One low-rank branch beside a layer: y = base + scale * up(down(x)).
 *  linear: down [rank, in], up [out, rank]; conv: down [rank, in, kh, kw], up [out, rank, 1, 1]. scale = strength * alpha / rank. */
export interface LoraBranch {
  down: Value;
  up: Value;
  scale: number;
  rank: number;
}

export type LayerKind = 'linear' | 'conv';

/** Asked once for each linear layer and convolution. `weightShape` is the base weight's: [out, in] or [out, in, kh, kw]. */
export type LoraHook = (modulePath: string, kind: LayerKind, weightShape: Shape) => LoraBranch | undefined;

export interface LayerOptions {
  lora?: LoraHook | undefined;
  /** Where parameters come from; by default each becomes a new parameter of the graph. Give the same values to two builds to share them.
   *  The dtype is that of `dtypeOf`; whoever trains the tensor gives f32 instead. */
  parameter?: (key: string, shape: Shape, dtype: ParameterDtype) => Value;
  /** How the weight of a linear layer, a convolution or an embedding is kept (models/weights.ts storedDtypes); f32 if left out. All other
   *  tensors are small and f32. */
  dtypeOf?: (key: string, shape: Shape) => ParameterDtype;
}

interface LinearOptions {
  bias?: boolean;
  residual?: Value | undefined;
}

interface ConvOptions extends LinearOptions {
  kernel?: number;
  stride?: number;
  /** All four sides, or [top, left, bottom, right]; by default what keeps the size at stride 1. */
  padding?: number | Padding;
}

export class Layers {
  readonly graph: Graph;
  private readonly options: LayerOptions;

  constructor(graph: Graph, options: LayerOptions = {}) {
    this.graph = graph;
    this.options = options;
  }

  /** A parameter that belongs to no layer. */
  tensor(key: string, shape: Shape): Value {
    return this.parameter(key, shape);
  }

  /** torch.nn.Linear at `path` (+ residual). x [..., I] → [..., out]. */
  linear(path: string, x: Value, out: number, { bias = true, residual }: LinearOptions = {}): Value {
    const shape = [out, x.shape[x.shape.length - 1]!];
    const inputs = [x, this.weight(path, shape)];
    if (bias) inputs.push(this.parameter(`${path}.bias`, [out]));
    if (residual) inputs.push(residual);
    const base = this.graph.op('linear', { bias, residual: residual !== undefined, scale: 1 }, inputs, path);
    const lora = this.options.lora?.(path, 'linear', shape);
    if (!lora) return base;
    const down = this.graph.op(
      'linear',
      { bias: false, residual: false, scale: 1 },
      [x, lora.down],
      `${path}.lora_down`,
    );
    return this.graph.op(
      'linear',
      { bias: false, residual: true, scale: lora.scale },
      [down, lora.up, base],
      `${path}.lora_up`,
    );
  }

  /** torch.nn.Conv2d at `path` (+ residual). x [N, C, H, W] → [N, out, H', W']. */
  conv(
    path: string,
    x: Value,
    out: number,
    { bias = true, residual, kernel = 3, stride = 1, padding = (kernel - 1) >> 1 }: ConvOptions = {},
  ): Value {
    const sides: Padding = typeof padding === 'number' ? [padding, padding, padding, padding] : padding;
    const shape = [out, x.shape[1]!, kernel, kernel];
    const inputs = [x, this.weight(path, shape)];
    if (bias) inputs.push(this.parameter(`${path}.bias`, [out]));
    if (residual) inputs.push(residual);
    const base = this.graph.op(
      'conv2d',
      { stride, padding: sides, bias, residual: residual !== undefined, scale: 1 },
      inputs,
      path,
    );
    const lora = this.options.lora?.(path, 'conv', shape);
    if (!lora) return base;
    const down = this.graph.op(
      'conv2d',
      { stride, padding: sides, bias: false, residual: false, scale: 1 },
      [x, lora.down],
      `${path}.lora_down`,
    );
    const pointwise = { stride: 1, padding: [0, 0, 0, 0] as Padding, bias: false, residual: true, scale: lora.scale };
    return this.graph.op('conv2d', pointwise, [down, lora.up, base], `${path}.lora_up`);
  }

  /** torch.nn.GroupNorm at `path`, then `act` if given. x [N, C, H, W]. */
  groupNorm(
    path: string,
    x: Value,
    { groups, eps, act }: { groups: number; eps: number; act?: UnaryFn | undefined },
  ): Value {
    const shape = [x.shape[1]!];
    const inputs = [x, this.parameter(`${path}.weight`, shape), this.parameter(`${path}.bias`, shape)];
    const y = this.graph.op('groupNorm', { groups, eps, silu: act === 'silu' }, inputs, path);
    return act && act !== 'silu' ? this.unary(`${path}.act`, y, act) : y;
  }

  /** torch.nn.LayerNorm at `path` over the last axis. */
  layerNorm(path: string, x: Value, eps: number): Value {
    const shape = [x.shape[x.shape.length - 1]!];
    return this.graph.op(
      'layerNorm',
      { eps },
      [x, this.parameter(`${path}.weight`, shape), this.parameter(`${path}.bias`, shape)],
      path,
    );
  }

  /** torch.nn.Embedding at `path`: ids i32 [...] → [..., width]. */
  embedding(path: string, ids: Value, rows: number, width: number): Value {
    return this.graph.op('embedding', {}, [this.weight(path, [rows, width]), ids], path);
  }

  unary(path: string, x: Value, fn: UnaryFn): Value {
    return this.graph.op('unary', { fn }, [x], path);
  }

  reshape(path: string, x: Value, shape: Shape): Value {
    return this.graph.op('reshape', { shape }, [x], path);
  }

  /** [N, C, H, W] → [N, H W, C]. */
  toTokens(path: string, x: Value): Value {
    const [n, c, h, w] = x.shape as [number, number, number, number];
    const tokens = this.graph.op('transpose', { perm: [0, 2, 3, 1] }, [x], `${path}.to_tokens`);
    return this.reshape(`${path}.tokens`, tokens, [n, h * w, c]);
  }

  /** [N, H W, C] → [N, C, H, W]. */
  toImage(path: string, x: Value, height: number, width: number): Value {
    const [n, , c] = x.shape as [number, number, number];
    const image = this.reshape(`${path}.image`, x, [n, height, width, c]);
    return this.graph.op('transpose', { perm: [0, 3, 1, 2] }, [image], `${path}.to_image`);
  }

  private parameter(key: string, shape: Shape, dtype: ParameterDtype = 'f32'): Value {
    return this.options.parameter?.(key, shape, dtype) ?? this.graph.parameter(key, shape, dtype);
  }

  private weight(path: string, shape: Shape): Value {
    const key = `${path}.weight`;
    return this.parameter(key, shape, this.options.dtypeOf?.(key, shape));
  }
}
