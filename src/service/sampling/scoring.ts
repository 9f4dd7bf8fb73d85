/** A scorer that came with the model, on onnxruntime: how much a picture appeals, and how well it shows its prompt. */
import { openSafetensors } from '../../data/formats/safetensors.ts';
import { Graph } from '../../graph/graph.ts';
import { alignmentScores, buildScorer, parseScorerConfig } from '../../models/scorer.ts';
import { createSession } from '../../onnx/session.ts';
import { WinnowError } from '../../shared/errors.ts';
import { type ModelFolder, readFolderJson } from '../model/modelFolder.ts';
import { onnxBytes } from './onnxModel.ts';
import type { Score } from '../types.ts';

export interface Scorer {
  /** image [3, S, S] in [-1, 1]; pooled [D] of the prompt. Rejects with BadArguments if the picture has another size. */
  score(image: Float32Array, width: number, height: number, pooled: Float32Array): Promise<Score>;
}

export async function openScorer({ reader, info }: ModelFolder, name: string): Promise<Scorer> {
  if (!info.scorers.includes(name)) {
    throw new WinnowError(
      'NotFound',
      `The model ${info.title} has no scorer ${name}.`,
      info.scorers.length > 0 ? `Choose ${info.scorers.join(' or ')}.` : 'Judge by hand.',
    );
  }
  const config = parseScorerConfig(await readFolderJson(reader, `scorers/${name}/config.json`));
  const weights = await openSafetensors(
    await reader.read(`scorers/${name}/model.safetensors`),
    `scorers/${name}/model.safetensors`,
  );
  const side = config.image_size;
  const dims = { image: [1, 3, side, side], pooled: [1, config.alignment.text_features] };
  const graph = new Graph();
  const outputs = buildScorer(graph, config, {
    image: graph.input('image', dims.image),
    pooled: graph.input('pooled', dims.pooled),
  });
  graph.output('appeal', outputs.appeal);
  graph.output('image_projection', outputs.imageProjection);
  graph.output('text_projection', outputs.textProjection);
  const session = await createSession(await onnxBytes(graph, weights), { provider: 'wasm' });
  return {
    async score(image, width, height, pooled) {
      if (width !== side || height !== side)
        throw new WinnowError(
          'BadArguments',
          `The picture is ${width} by ${height} pixels.`,
          `This scorer sees ${side} by ${side}.`,
        );
      const results = await session.run({
        image: { data: image, dims: dims.image },
        pooled: { data: pooled, dims: dims.pooled },
      });
      return {
        appeal: results['appeal']![0]!,
        alignment: alignmentScores(config, results['image_projection']!, results['text_projection']!)[0]!,
      };
    },
  };
}
