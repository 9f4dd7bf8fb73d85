/** Scorers that are trained with a model on a taste (tools/base-model/train_scorers.py, docs/model-card.md): how much a picture appeals, and how
 *  well it shows its prompt, by the model's own text encoder. */
import { openSafetensors } from '../data/formats/safetensors.ts';
import { Graph } from '../graph/graph.ts';
import { alignmentScores, buildScorer, parseScorerConfig } from '../models/scorer.ts';
import { checkParameters, finiteTensors, parametersOf } from '../models/weights.ts';
import '../shared/disposable.ts';
import { WinnowError } from '../shared/errors.ts';
import { checkFinite } from '../shared/finite.ts';
import { fitPicture } from '../shared/fit.ts';
import { planarFromRgba } from '../shared/planar.ts';
import type { JudgeKind } from './judge.ts';

export const winnowScorer: JudgeKind = {
  takes: 'config.json (_class_name WinnowScorer) and model.safetensors',
  scales: [
    { name: 'appeal', title: 'Appeal', needs: ['image'], logit: 1 },
    { name: 'alignment', title: 'Prompt alignment', needs: ['image', 'prompt'], logit: 1 },
  ],
  about: {
    purpose: 'Judges pictures of the model it came with, by the taste it was trained on and by their prompts.',
    weakness: 'Knows the pictures and prompts of that one model alone.',
  },
  async read(folder, json) {
    if (json?.['_class_name'] !== 'WinnowScorer') return undefined;
    const config = parseScorerConfig(json);
    const side = config.image_size;
    return {
      imageSize: side,
      async plan(runner) {
        const file = `${folder.path}model.safetensors`;
        const weights = finiteTensors(await openSafetensors(await folder.read('model.safetensors'), file), () => file);
        const graph = new Graph();
        const outputs = buildScorer(graph, config, {
          image: graph.input('image', [1, 3, side, side]),
          pooled: graph.input('pooled', [1, config.alignment.text_features]),
        });
        graph.output('appeal', outputs.appeal);
        graph.output('image_projection', outputs.imageProjection);
        graph.output('text_projection', outputs.textProjection);
        checkParameters(parametersOf(graph), weights, file);
        const { bytes, onDevice, make } = runner.plan(graph, weights);
        return {
          bytes,
          onDevice,
          async make() {
            const running = await make();
            return {
              [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
              async *score(items) {
                for (const item of items) {
                  const { data } = fitPicture(await item.picture(), { width: side, height: side }, 'crop');
                  const image = planarFromRgba(data, side, side);
                  const pooled = await item.pooled();
                  if (pooled.length !== config.alignment.text_features)
                    throw new WinnowError(
                      'BadArguments',
                      `The model's text encoder gives ${pooled.length} numbers, and this judge reads ${config.alignment.text_features}.`,
                      'Judge pictures of the model that the judge was made for.',
                    );
                  const results = await running.run({ image, pooled });
                  const appeal = results['appeal']![0]!;
                  const alignment = alignmentScores(
                    config,
                    results['image_projection']!,
                    results['text_projection']!,
                  )[0]!;
                  checkFinite(
                    [appeal, alignment],
                    `The scores of ${folder.path}`,
                    `Its weights (${file}) are too large for what it computes: take another copy.`,
                  );
                  yield { appeal, alignment };
                }
              },
            };
          },
        };
      },
    };
  },
};
