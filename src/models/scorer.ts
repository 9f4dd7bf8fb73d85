/** Preference scorers that come with a model (`scorers/<name>/`): small networks that judge an image alone (appeal) and with its prompt
 *  (alignment). Both are logits: a difference of two is the logit of a preference. Axes: B batch, F features, D joint width. */
import type { Graph, Value } from '../graph/graph.ts';
import { type Config, ConfigReader, limits, unsupported } from './config.ts';
import { type LayerOptions, Layers } from './layers.ts';

export type ScorerLayer =
  | {
      type: 'conv2d';
      name: string;
      in_channels: number;
      out_channels: number;
      kernel_size: number;
      stride: number;
      padding: number;
    }
  | { type: 'groupNorm'; name: string; num_groups: number; num_channels: number; eps: number }
  | { type: 'linear'; name: string; in_features: number; out_features: number }
  | { type: 'mean'; axes: number[] }
  | { type: 'silu' | 'relu' };

export interface ScorerConfig {
  image_size: number;
  layers: ScorerLayer[];
  /** Width of the pooled text, and D. */
  alignment: { text_features: number; dim: number; scale: number; bias: number };
}

const MODEL = 'WinnowScorer';

function parseLayer(entry: unknown): ScorerLayer {
  if (typeof entry !== 'object' || entry === null) throw unsupported(MODEL, 'layers', entry, 'layers with a type');
  const read = new ConfigReader(entry as Config, MODEL);
  const type = read.oneOf('type', undefined, ['conv2d', 'groupNorm', 'linear', 'mean', 'silu', 'relu'] as const);
  const name = (): string => {
    const value = read.get('name', undefined);
    if (typeof value !== 'string') throw unsupported(MODEL, `${type} name`, value, 'a checkpoint key');
    return value;
  };
  switch (type) {
    case 'conv2d':
      return {
        type,
        name: name(),
        in_channels: read.int('in_channels'),
        out_channels: read.int('out_channels'),
        kernel_size: read.int('kernel_size'),
        stride: read.int('stride', 1),
        padding: read.get('padding', 0) === 0 ? 0 : read.int('padding'),
      };
    case 'groupNorm':
      return {
        type,
        name: name(),
        num_groups: read.int('num_groups'),
        num_channels: read.int('num_channels'),
        eps: read.number('eps', 1e-5, { min: 0, max: 1 }),
      };
    case 'linear':
      return { type, name: name(), in_features: read.int('in_features'), out_features: read.int('out_features') };
    case 'mean':
      return { type, axes: read.ints('axes', undefined) };
    case 'silu':
    case 'relu':
      return { type };
    default:
      throw new Error(`no scorer layer ${type satisfies never}`);
  }
}

/** Whether each layer takes what the one before it makes: an image [3, S, S] first, in the end [F]. */
function checkLayers(layers: ScorerLayer[], side: number): ScorerLayer[] {
  /** Channels; and the side of the picture that is left, until `mean`. */
  let shape: { width: number; side?: number } = { width: 3, side };
  const refuse = (layer: ScorerLayer | undefined, wanted: string): never => {
    throw unsupported(MODEL, 'layers', layer, wanted);
  };
  for (const layer of layers) {
    const { width, side } = shape;
    const isPicture = side !== undefined;
    switch (layer.type) {
      case 'conv2d': {
        const left = isPicture ? Math.floor((side + 2 * layer.padding - layer.kernel_size) / layer.stride) + 1 : 0;
        if (layer.in_channels !== width || left < 1) refuse(layer, 'layers that take what the one before makes');
        shape = { width: layer.out_channels, side: left };
        break;
      }
      case 'groupNorm':
        if (!isPicture || layer.num_channels !== width || width % layer.num_groups !== 0)
          refuse(layer, 'layers that take what the one before makes');
        break;
      case 'mean':
        if (!isPicture || layer.axes.join() !== '2,3') refuse(layer, 'the mean over axes 2 and 3 of a picture');
        shape = { width };
        break;
      case 'linear':
        if (isPicture || layer.in_features !== width) refuse(layer, 'layers that take what the one before makes');
        shape = { width: layer.out_features };
    }
  }
  if (shape.side !== undefined) refuse(layers.at(-1), 'layers that end in a vector');
  return layers;
}

/** Reads config.json of a scorer. Throws UnsupportedArchitecture with the field and its value. */
export function parseScorerConfig(config: Config): ScorerConfig {
  const read = new ConfigReader(config, MODEL);
  read.only({ _class_name: [MODEL] });
  const layers = read.get('layers', undefined);
  if (!Array.isArray(layers) || layers.length > limits.textLayers)
    throw unsupported(MODEL, 'layers', layers, `a list of at most ${limits.textLayers}`);
  const nested = (field: string, value: unknown): ConfigReader => {
    if (typeof value !== 'object' || value === null) throw unsupported(MODEL, field, value, 'an object');
    return new ConfigReader(value as Config, MODEL);
  };
  const alignment = nested('alignment', read.get('alignment', undefined));
  alignment.only({ normalize: ['l2'] });
  const text = nested('alignment.text_projection', alignment.get('text_projection', undefined));
  return {
    image_size: read.int('image_size'),
    layers: checkLayers(layers.map(parseLayer), read.int('image_size')),
    alignment: {
      text_features: text.int('in_features'),
      dim: text.int('out_features'),
      scale: alignment.number('scale', 1, { min: -1e6, max: 1e6 }),
      bias: alignment.number('bias', 0, { min: -1e6, max: 1e6 }),
    },
  };
}

export interface ScorerOutputs {
  /** [B, F] */
  feature: Value;
  /** [B, 1] */
  appeal: Value;
  /** [B, D], before they are divided by their norms: `alignmentScores` does that. */
  imageProjection: Value;
  textProjection: Value;
}

/** image [B, 3, S, S] in [-1, 1]; pooled [B, text_features], the text encoder's last hidden state at the end token. */
export function buildScorer(
  graph: Graph,
  config: ScorerConfig,
  inputs: { image: Value; pooled: Value },
  options: LayerOptions = {},
): ScorerOutputs {
  const layers = new Layers(graph, options);
  let x = inputs.image;
  for (let i = 0; i < config.layers.length; i++) {
    const layer = config.layers[i]!;
    // GroupNorm takes the silu behind it along.
    const silu = layer.type === 'groupNorm' && config.layers[i + 1]?.type === 'silu';
    x = applyLayer(layers, layer, x, `layers.${i}.${layer.type}`, silu);
    if (silu) i++;
  }
  return {
    feature: x,
    appeal: layers.linear('appeal', x, 1),
    imageProjection: layers.linear('image_projection', x, config.alignment.dim),
    textProjection: layers.linear('text_projection', inputs.pooled, config.alignment.dim),
  };
}

function applyLayer(layers: Layers, layer: ScorerLayer, x: Value, path: string, silu: boolean): Value {
  switch (layer.type) {
    case 'conv2d':
      return layers.conv(layer.name, x, layer.out_channels, {
        kernel: layer.kernel_size,
        stride: layer.stride,
        padding: layer.padding,
      });
    case 'groupNorm':
      return layers.groupNorm(layer.name, x, {
        groups: layer.num_groups,
        eps: layer.eps,
        act: silu ? 'silu' : undefined,
      });
    case 'linear':
      return layers.linear(layer.name, x, layer.out_features);
    case 'mean': {
      const { axes } = layer;
      return layers.reshape(
        `${path}.flat`,
        layers.graph.op('mean', { axes }, [x], path),
        x.shape.filter((_, axis) => !axes.includes(axis)),
      );
    }
    case 'silu':
    case 'relu':
      return layers.unary(path, x, layer.type);
    default:
      throw new Error(`no scorer layer ${JSON.stringify(layer satisfies never)}`);
  }
}

/** scale * cosine(image, text) + bias for each row of the two projections [B, D]. */
export function alignmentScores(
  config: ScorerConfig,
  imageProjection: Float32Array,
  textProjection: Float32Array,
): Float64Array {
  const { dim, scale, bias } = config.alignment;
  return Float64Array.from({ length: imageProjection.length / dim }, (_, row) => {
    let dot = 0;
    let image = 0;
    let text = 0;
    for (let i = row * dim; i < (row + 1) * dim; i++) {
      dot += imageProjection[i]! * textProjection[i]!;
      image += imageProjection[i]! ** 2;
      text += textProjection[i]! ** 2;
    }
    // torch.nn.functional.normalize does not let a norm fall below 1e-12.
    return (scale * dot) / (Math.max(Math.sqrt(image), 1e-12) * Math.max(Math.sqrt(text), 1e-12)) + bias;
  });
}
