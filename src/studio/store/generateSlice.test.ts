/** What is asked for holds what acts, and nothing else. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { imageParameters } from '../../data/imageParameters.ts';
import { samplerReads } from '../../diffusion/samplers/options.ts';
import { samplerNames } from '../../diffusion/samplers/table.ts';
import type { ModelInfo, PairsRequest } from '../../service/types.ts';
import { imageRecord } from '../../records/testRecords.ts';
import { cellKey } from './compareSelectors.ts';
import { isGuided, pairRecipe, pictureModel, settingsFor } from './generateSelectors.ts';
import { closeStudio, modelInfo, openStudio, studio } from './testStudio.ts';
import { useStudio } from './useStudio.ts';

const settings = () => settingsFor(studio(), pictureModel(studio())!);
const use = (info: ModelInfo): void => {
  useStudio.setState({ models: [info] });
  studio().setDraft({ base: 'm', model: { base: 'm', adapters: [] } });
  studio().resetSettings();
};
beforeEach(async () => {
  await openStudio();
  use(modelInfo());
});
afterEach(closeStudio);

describe.each(samplerNames)('%s', (scheduler) => {
  it('is asked for an eta and for Karras noise levels only if it reads them', () => {
    studio().setDraft({ scheduler, eta: 0.4, karras: true });
    const { eta, schedulerConfig } = settings();
    expect(eta).toBe(samplerReads(scheduler, 'eta') ? 0.4 : undefined);
    expect(schedulerConfig).toEqual(samplerReads(scheduler, 'karras') ? { use_karras_sigmas: true } : undefined);
  });
});

it('can be asked without the Karras noise levels that the model’s own config has', () => {
  use(modelInfo('m', { karras: true }));
  studio().setDraft({ scheduler: 'EulerDiscreteScheduler' });
  expect(studio().draft.karras).toBe(true);
  expect(settings()).not.toHaveProperty('schedulerConfig');
  studio().setDraft({ karras: false });
  expect(settings().schedulerConfig).toEqual({ use_karras_sigmas: false });
});

it('says no longer what was wrong with a prompt list once another is there', async () => {
  await studio().usePromptFile(new File([''], 'empty.txt'));
  expect(studio().generateProblem?.message).toContain('empty.txt holds no prompts');
  studio().setPromptList('mine.txt', ['a tree']);
  expect(studio().generateProblem).toBeNull();
});

it('rescales guided predictions only', () => {
  studio().setDraft({ guidanceRescale: 0.7 });
  expect(settings().guidanceRescale).toBe(0.7);
  studio().setDraft({ guidanceScale: 1 });
  expect(settings()).not.toHaveProperty('guidanceRescale');
  expect(isGuided({ guidanceScale: 8 }, modelInfo('m', { guidanceInput: true }))).toBe(false);
});

it('asks for arithmetic in f16 where it was chosen, by our kernels, and on a GPU that offers it', () => {
  const onGpuWith = (...features: string[]): void =>
    useStudio.setState({ system: { features } as unknown as ReturnType<typeof studio>['system'] });
  const recipe = () => pairRecipe(studio())!.settings;
  onGpuWith('shader-f16');
  expect(settings()).not.toHaveProperty('arithmetic');
  studio().setPreference('arithmetic', 'f16');
  expect(settings().arithmetic).toBe('f16');
  expect(recipe().arithmetic).toBe('f16');
  studio().setDraft({ sampler: 'onnx' });
  expect(settings()).not.toHaveProperty('arithmetic');
  onGpuWith('timestamp-query');
  studio().setDraft({ sampler: 'engine' });
  expect(settings()).not.toHaveProperty('arithmetic');
  expect(recipe()).not.toHaveProperty('arithmetic');
});

it('draws as the picture was drawn whose settings are taken over, where the GPU can', () => {
  const onGpuWith = (...features: string[]): void =>
    useStudio.setState({ system: { features } as unknown as ReturnType<typeof studio>['system'] });
  const half = imageRecord('half', { arithmetic: 'f16' });
  onGpuWith('shader-f16');
  studio().setDraft({ sampler: 'onnx' });
  expect(studio().recall(half, 'seed')).toBeNull();
  expect(settings()).not.toHaveProperty('arithmetic');
  expect(studio().recall(half, 'all')).toBe('f16');
  expect(settings().arithmetic).toBe('f16');
  expect(studio().recall(half, 'all')).toBeNull();
  // Another tool's says nothing of it; ours without it was drawn in f32.
  expect(studio().recall({ steps: 4 }, 'all')).toBeNull();
  expect(settings().arithmetic).toBe('f16');
  expect(studio().recall(imageRecord('whole'), 'all')).toBe('f32');
  expect(settings()).not.toHaveProperty('arithmetic');
  onGpuWith('timestamp-query');
  expect(studio().recall(half, 'all')).toBe('lacking');
  expect(studio().preferences.arithmetic).toBe('f32');
  expect(studio().recall(imageRecord('whole'), 'all')).toBeNull();
});

it('takes no picture in f16 for one in f32 when models are compared', () => {
  const whole = settings();
  expect(cellKey({ ...whole, arithmetic: 'f16' }, 'hash', 'a', 1)).not.toBe(cellKey(whole, 'hash', 'a', 1));
});

it('takes an eta back from a picture, ours or A1111’s', () => {
  studio().recall({ eta: 0.3, scheduler: 'DDIMScheduler' }, 'all');
  expect(studio().draft.eta).toBe(0.3);
  const theirs = 'a tree\nSteps: 20, Sampler: DDIM, CFG scale: 7, Seed: 1, Size: 64x64, Eta DDIM: 0.25';
  studio().recall(imageParameters(new Map([['parameters', theirs]]))!, 'all');
  expect(studio().draft).toMatchObject({ scheduler: 'DDIMScheduler', eta: 0.25 });
});

it('asks for pairs of the best and the worst by a judge, and forgets them with the model whose judge it is', async () => {
  const runPairs = vi.fn(async () => []);
  useStudio.setState({ runPairs });
  studio().setDraft({ list: { name: 'mine', prompts: ['a tree'] }, bestOf: { k: 4, judge: 'a' } });
  await studio().makePairs(2);
  expect(runPairs).toHaveBeenLastCalledWith(
    '2 pairs',
    expect.objectContaining({ bestOf: { k: 4, judge: 'a' }, count: 2 }),
  );
  studio().setDraft({ bestOf: null });
  await studio().makePairs(2);
  expect(runPairs).toHaveBeenLastCalledWith('2 pairs', expect.not.objectContaining({ bestOf: expect.anything() }));
  studio().setDraft({ bestOf: { k: 4, judge: 'a' } });
  useStudio.setState({ models: [modelInfo('other')] });
  studio().adoptDefaults();
  expect(studio().draft.bestOf).toBeNull();
});

describe('more pairs to judge', () => {
  const runPairs = vi.fn(async () => []);
  const asked = () => runPairs.mock.lastCall as unknown as [string, PairsRequest];
  beforeEach(() => {
    vi.stubGlobal('fetch', async () => new Response('a bundled prompt\n'));
    useStudio.setState({ runPairs });
  });

  it('are the model’s own before any were asked for, whatever is on Generate', async () => {
    studio().setDraft({ prompt: 'a draft', width: 64, steps: 3, negativePrompt: 'fog', count: 1 });
    await studio().makeMorePairs(2);
    expect(studio().labelProblem).toBeNull();
    expect(asked()).toMatchObject(['2 more pairs', { width: 512, steps: 30, negativePrompt: '', count: 2 }]);
    expect(asked()[1].prompts).toEqual(['a bundled prompt', 'a bundled prompt']);
  });

  it('are made as the last that were asked for, and by the model’s own again where that is wanted', async () => {
    studio().setDraft({ prompt: 'a tree', width: 64, bestOf: { k: 4, judge: 'a' } });
    await studio().makePairs(2);
    studio().setDraft({ prompt: 'a draft', width: 96, bestOf: null });
    await studio().makeMorePairs(3);
    expect(asked()[1]).toMatchObject({ prompts: ['a tree', 'a tree', 'a tree'], width: 64, bestOf: { k: 4 } });
    studio().forgetLastPairs();
    await studio().makeMorePairs(1);
    expect(asked()[1]).toMatchObject({ prompts: ['a bundled prompt'], width: 512 });
    expect(asked()[1]).not.toHaveProperty('bestOf');
  });

  it('forget a recipe of another model, or of a run that is gone', () => {
    const last = pairRecipe(studio())!;
    const ofRun = { ...last.settings.model, adapters: [{ kind: 'run' as const, run: 'gone', strength: 1 }] };
    for (const model of [ofRun, { base: 'other', adapters: [] }]) {
      useStudio.setState({ lastPairs: { ...last, settings: { ...last.settings, model, steps: 3 } } });
      expect(pairRecipe(studio())!.settings).toEqual(last.settings);
    }
  });
});
