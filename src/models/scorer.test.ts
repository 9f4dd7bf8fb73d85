/** The embedded model's scorers against float64 PyTorch on the stored weights (tools/base-model/scorer_golden.py). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openSafetensors } from '../data/formats/safetensors.ts';
import { Graph } from '../graph/graph.ts';
import { evaluate } from '../oracle/run.ts';
import { alignmentScores, buildScorer, parseScorerConfig } from './scorer.ts';
import { checkParameters, parametersOf } from './weights.ts';

const top = join(import.meta.dirname, '../..');
const open = (path: string) => openSafetensors(readFileSync(join(top, path)), path);

describe.each(['a', 'b', 'c'])('scorer %s', (name) => {
  it('scores as PyTorch does', async () => {
    const folder = `public/models/postcard/scorers/${name}`;
    const config = parseScorerConfig(
      JSON.parse(readFileSync(join(top, folder, 'config.json'), 'utf8')) as Record<string, unknown>,
    );
    const golden = await open(`tools/base-model/golden/scorer-${name}.safetensors`);
    const weights = await open(`${folder}/model.safetensors`);
    const graph = new Graph();
    // Two of the four rows: the oracle takes its time.
    const [image, pooled] = ['image', 'pooled'].map((input) =>
      graph.input(input, [2, ...golden.shape(input)!.slice(1)]),
    );
    const outputs = buildScorer(graph, config, { image: image!, pooled: pooled! });
    checkParameters(parametersOf(graph), weights);
    const half = async (tensor: string): Promise<Float32Array> => {
      const data = await golden.read(tensor);
      return data.subarray(data.length / 4, (3 * data.length) / 4);
    };
    const feeds = new Map([
      [image!, await half('image')],
      [pooled!, await half('pooled')],
    ]);
    for (const parameter of parametersOf(graph)) feeds.set(parameter, await weights.read(parameter.name));
    const read = evaluate(graph, feeds);
    const alignment = alignmentScores(
      config,
      Float32Array.from(read(outputs.imageProjection)),
      Float32Array.from(read(outputs.textProjection)),
    );
    for (const [tensor, found] of [
      ['feature', read(outputs.feature)],
      ['appeal', read(outputs.appeal)],
      ['alignment', alignment],
    ] as const) {
      // Golden files are f32 of f64: one rounding, two for alignment, whose projections are rounded too.
      (await half(tensor)).forEach((x, i) =>
        expect(Math.abs(found[i]! - x), `${tensor} ${i}`).toBeLessThan(1e-6 * Math.max(1, Math.abs(x))),
      );
    }
  });
});

describe('layers that do not take what the one before makes are refused', () => {
  const conv = { type: 'conv2d', name: 'a', in_channels: 3, out_channels: 8, kernel_size: 3, stride: 2, padding: 1 };
  const mean = { type: 'mean', axes: [2, 3] };
  const linear = { type: 'linear', name: 'c', in_features: 8, out_features: 4 };
  const parse = (layers: unknown[]): unknown =>
    parseScorerConfig({
      _class_name: 'WinnowScorer',
      image_size: 8,
      layers,
      alignment: { text_projection: { in_features: 1, out_features: 1 } },
    });

  it('and those that do are not', () => {
    expect(() => parse([conv, { type: 'silu' }, mean, linear, { type: 'relu' }])).not.toThrow();
  });

  it.each<[string, unknown[]]>([
    ['other channels', [{ ...conv, in_channels: 4 }, mean]],
    ['a kernel larger than the picture', [{ ...conv, kernel_size: 99 }, mean]],
    ['half a pixel of padding', [{ ...conv, padding: 0.5 }, mean]],
    ['a convolution of a vector', [mean, conv]],
    ['groups that do not divide', [conv, { type: 'groupNorm', name: 'b', num_groups: 3, num_channels: 8 }, mean]],
    ['the mean over channels', [conv, { type: 'mean', axes: [1] }, linear]],
    ['a picture for a vector', [conv, linear]],
    ['other features', [conv, mean, { ...linear, in_features: 9 }]],
    ['a picture in the end', [conv]],
  ])('%s', (_, layers) => {
    expect(() => parse(layers)).toThrow(expect.objectContaining({ name: 'UnsupportedArchitecture' }));
  });
});

it('refuses layers it does not know', () => {
  const config = {
    _class_name: 'WinnowScorer',
    image_size: 8,
    alignment: {
      image_projection: { in_features: 1, out_features: 1 },
      text_projection: { in_features: 1, out_features: 1 },
    },
  };
  expect(() => parseScorerConfig({ ...config, layers: [{ type: 'attention' }] })).toThrow(/type is "attention"/);
});
