/** A scorer's config. */
import { Graph } from '../../../../../src/graph/graph.ts';
import { buildScorer, parseScorerConfig } from '../../../../../src/models/scorer.ts';
import { parseJsonObject } from '../../../../../src/shared/json.ts';
import { type Files } from '../../mutate.ts';
import { json, only, type Reader } from '../reader.ts';

function readScorer(files: Files): void {
  const config = parseScorerConfig(parseJsonObject(only(files), { file: 'config.json' }));
  const graph = new Graph();
  const { image_size: side, alignment } = config;
  buildScorer(graph, config, {
    image: graph.input('image', [1, 3, side, side]),
    pooled: graph.input('pooled', [1, alignment.text_features]),
  });
}

export const scorersReader: Reader = {
  name: 'scorers',
  sources: ['models/scorer'],
  words: [
    'layers',
    'conv2d',
    'groupNorm',
    'linear',
    'mean',
    'axes',
    'silu',
    'relu',
    'in_channels',
    'stride',
    'padding',
    'kernel_size',
    'alignment',
  ],
  seeds: (): Files[] => [
    {
      'config.json': json({
        _class_name: 'WinnowScorer',
        image_size: 16,
        layers: [
          { type: 'conv2d', name: 'a', in_channels: 3, out_channels: 8, kernel_size: 3, stride: 2, padding: 1 },
          { type: 'groupNorm', name: 'b', num_groups: 2, num_channels: 8, eps: 1e-5 },
          { type: 'silu' },
          { type: 'mean', axes: [2, 3] },
          { type: 'linear', name: 'c', in_features: 8, out_features: 4 },
          { type: 'relu' },
        ],
        alignment: { text_projection: { in_features: 8, out_features: 4 }, normalize: 'l2', scale: 10, bias: 0 },
      }),
    },
  ],
  read: readScorer,
};
