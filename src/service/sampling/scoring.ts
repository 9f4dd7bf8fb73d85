/** A scorer that came with the model, on onnxruntime: how much a picture appeals, and how well it shows its prompt. */
import { openSafetensors } from '../../data/formats/safetensors.ts';
import { Graph } from '../../graph/graph.ts';
import { alignmentScores, buildScorer, parseScorerConfig, type ScorerConfig } from '../../models/scorer.ts';
import { createSession, type OnnxSession } from '../../onnx/session.ts';
import '../../shared/disposable.ts';
import { finiteTensors } from '../../models/weights.ts';
import { WinnowError } from '../../shared/errors.ts';
import { checkFinite } from '../../shared/finite.ts';
import type { Planned } from '../model/modelCache.ts';
import { readFolderJson } from '../model/modelConfigs.ts';
import type { ModelFolder } from '../model/modelFolder.ts';
import { onnxBytes } from './onnxModel.ts';
import { onnxBytesOf } from './partRunner.ts';
import type { Score } from '../types.ts';

export interface Scorer extends AsyncDisposable {
  /** image [3, S, S] in [-1, 1]; pooled [D] of the prompt. Rejects with BadArguments if the picture has another size. */
  score(image: Float32Array, width: number, height: number, pooled: Float32Array): Promise<Score>;
}

/** Nothing is opened before it is made, but for its config and the header of its weights. */
export async function planScorer({ reader, info }: ModelFolder, name: string): Promise<Planned<Scorer>> {
  if (!info.scorers.includes(name)) {
    throw new WinnowError(
      'NotFound',
      `The model ${info.title} has no scorer ${name}.`,
      info.scorers.length > 0 ? `Choose ${info.scorers.join(' or ')}.` : 'Judge by hand.',
    );
  }
  const config = parseScorerConfig(await readFolderJson(reader, `scorers/${name}/config.json`));
  const file = `scorers/${name}/model.safetensors`;
  const weights = finiteTensors(await openSafetensors(await reader.read(file), file), () => file);
  const dims = dimsOf(config);
  const graph = new Graph();
  const outputs = buildScorer(graph, config, {
    image: graph.input('image', dims.image),
    pooled: graph.input('pooled', dims.pooled),
  });
  graph.output('appeal', outputs.appeal);
  graph.output('image_projection', outputs.imageProjection);
  graph.output('text_projection', outputs.textProjection);
  return {
    bytes: onnxBytesOf(graph),
    onDevice: false,
    make: async () =>
      scorerOf(await createSession(await onnxBytes(graph, weights), { provider: 'wasm' }), config, name),
  };
}

const dimsOf = ({ image_size: side, alignment }: ScorerConfig) => ({
  image: [1, 3, side, side],
  pooled: [1, alignment.text_features],
});

function scorerOf(session: OnnxSession, config: ScorerConfig, name: string): Scorer {
  const side = config.image_size;
  const dims = dimsOf(config);
  return {
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
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
      const appeal = results['appeal']![0]!;
      const alignment = alignmentScores(config, results['image_projection']!, results['text_projection']!)[0]!;
      checkFinite(
        [appeal, alignment],
        `The scores of scorer ${name}`,
        `Its weights (scorers/${name}/model.safetensors) are too large for what it computes: take another copy of the model.`,
      );
      return { appeal, alignment };
    },
  };
}
