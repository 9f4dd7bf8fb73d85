/** What is set up on the Train screen as a run that can begin: with the labels of now, under a name of its own. */
import { t } from '@lingui/core/macro';
import { storeBundledFiles } from '../../data/pairs.ts';
import { checkTrainConfig } from '../../data/formats/trainConfig.ts';
import type { TrainRequest } from '../../service/types.ts';
import { WinnowError } from '../../shared/errors.ts';
import { presetsFor } from '../../training/presets.ts';
import { usablePairs } from './labelSelectors.ts';
import { chosenModel, startModel } from './models.ts';
import { bundledPrompts, drawPrompts } from './prompts.ts';
import { files, siteBase } from './services.ts';
import type { Studio } from './useStudio.ts';

/** Of a run that is at least so long more samples are drawn: without a GPU each costs as much as a step. */
const LONG_STEPS = 50;

/** Rejects with BadArguments where there is nothing to learn from, or a setting is not right. */
export async function nextRun(state: Studio): Promise<TrainRequest> {
  const pairs = usablePairs(state);
  const model = startModel(state);
  if (!pairs.length || !model)
    throw new WinnowError(
      'BadArguments',
      t`There is no label to train on yet.`,
      t`Judge some pairs first: left or right is what training takes.`,
    );
  const config = checkTrainConfig(state.trainConfig);
  const taking = new Set(pairs.map(({ pair }) => pair));
  await storeBundledFiles(
    siteBase,
    await files(),
    state.pairs.filter(({ id }) => taking.has(id)),
  );
  const samplePrompts = config.samplePrompts.length
    ? config.samplePrompts
    : drawPrompts(await bundledPrompts('train'), config.steps < LONG_STEPS ? 2 : 3);
  const title = presetsFor(chosenModel(state)).find(({ name }) => name === state.presetName)?.title ?? 'Own settings';
  const taken = [...state.runs, ...state.waiting].filter(({ name }) => name.startsWith(title)).length;
  void state.askToPersist();
  return {
    run: crypto.randomUUID(),
    name: `${title} ${taken + 1}`,
    model,
    config: { ...config, samplePrompts },
    pairs,
    resume: false,
  };
}
