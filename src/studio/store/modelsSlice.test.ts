/** Several base models in the store: what follows the chosen one, what is kept for the others. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { labelEvent } from '../../records/testRecords.ts';
import { foldLabels } from '../../data/labels.ts';
import { settingsFor } from './generateSelectors.ts';
import { queue, usable, usablePairs } from './labelSelectors.ts';
import { chosenModel } from './models.ts';
import { presets } from '../../training/presets.ts';
import { hubRequestOf } from './modelsSlice.ts';
import { pickedFolder } from './modelFiles.ts';
import { WinnowError } from '../../shared/errors.ts';
import { closeStudio, modelInfo, openStudio, pairOf, studio } from './testStudio.ts';
import { useStudio } from './useStudio.ts';

const embedded = modelInfo('embedded', {
  source: 'embedded',
  defaultSize: { width: 96, height: 96 },
  defaults: { steps: 12, guidanceScale: 3, scheduler: 'DPMSolverMultistepScheduler' },
});
const models = [
  embedded,
  modelInfo('big', { defaults: { steps: 30, guidanceScale: 7.5, scheduler: 'PNDMScheduler' } }),
];

beforeEach(async () => {
  await openStudio({ state: { models } });
  studio().adoptDefaults();
});
afterEach(closeStudio);

it('keeps what was set before the engine knew its models, and that alone', async () => {
  await openStudio({ state: { models: [] } });
  studio().setDraft({ steps: 5, prompt: 'a house' });
  studio().setTrainSettings({ ...studio().trainConfig, rank: 3, steps: 7 });
  useStudio.setState({ models });
  studio().adoptDefaults();
  expect(studio().draft).toMatchObject({ base: 'embedded', width: 96, steps: 5, guidanceScale: 3, prompt: 'a house' });
  expect(studio()).toMatchObject({ presetName: null, trainConfig: { rank: 3, steps: 7 } });
  studio().useModel('big');
  expect(studio().draft).toMatchObject({ width: 512, steps: 30 });
  expect(studio()).toMatchObject({ presetName: 'quick', trainConfig: { rank: 8, beta: 5000 } });
  studio().useModel('embedded');
  expect(studio().draft.steps).toBe(5);
  expect(studio().trainConfig).toMatchObject({ rank: 3, steps: 7 });
});

it('brings in what is a judge as one, and a model among judges as a model', async () => {
  const asked: string[] = [];
  const refuse = (what: string) => (): never => {
    asked.push(what);
    throw new WinnowError('BadFile', `This is no ${what}.`, 'Choose another one.');
  };
  const plan = { id: 'a/clip', host: 'h', revision: 'r', files: [], totalBytes: 1, presentBytes: 0, availableBytes: 9 };
  const verbs = {
    models: () => models,
    importModel: refuse('model'),
    planDownload: refuse('model'),
    kindOf: () => 'judge',
    importJudge: () => 'clip',
    planJudgeDownload: () => plan,
  };
  await openStudio({ engine: verbs });
  const files = { name: 'clip', files: [] };
  expect(await studio().importModel(files)).toBe('judge');
  expect(await studio().planDownload({ id: 'a/clip', host: 'h' })).toBe('judge');
  expect(studio()).toMatchObject({ modelsProblem: null, modelWork: null, plan: null, judgePlan: plan });
  await openStudio({
    engine: {
      ...verbs,
      kindOf: () => 'model',
      importModel: () => models[1],
      importJudge: refuse('judge'),
    },
  });
  expect(await studio().importJudge(files)).toBe('model');
  expect(studio().viewedModel).toBe('big');
  await openStudio({ engine: { ...verbs, kindOf: () => null } });
  expect(await studio().importModel(files)).toBeNull();
  expect(studio().modelsProblem?.message).toBe('This is no model. Choose another one.');
  expect(asked).toEqual(['model', 'model', 'judge', 'model']);
});

it('gives a model that is not square both of its sides', () => {
  useStudio.setState({ models: [...models, modelInfo('wide', { defaultSize: { width: 640, height: 448 } })] });
  studio().useModel('wide');
  expect(studio().draft).toMatchObject({ width: 640, height: 448 });
});

it('gives each model its own size, steps and presets, and keeps what was set for it', () => {
  expect(studio().draft).toMatchObject({
    base: 'embedded',
    width: 96,
    steps: 12,
    scheduler: 'DPMSolverMultistepScheduler',
  });
  expect(studio().trainConfig.beta).toBe(presets[0]!.config.beta);
  studio().setDraft({ prompt: 'a house', steps: 5, guidanceRescale: 0.5 });
  studio().setTrainConfig({ rank: 3 });

  studio().useModel('big');
  expect(studio().draft).toMatchObject({
    base: 'big',
    model: { base: 'big', adapters: [] },
    prompt: 'a house',
    width: 512,
    steps: 30,
    guidanceRescale: 0,
    scheduler: 'PNDMScheduler',
  });
  expect(studio().trainConfig).toMatchObject({ beta: 5000, targets: 'attention', rank: 8 });
  expect(studio().compareA?.base).toBe('big');
  // For the other model, as for a comparison: what was set for it.
  expect(settingsFor(studio(), { base: 'embedded', adapters: [] })).toMatchObject({
    width: 96,
    steps: 5,
    guidanceRescale: 0.5,
  });

  studio().useModel('embedded');
  expect(studio().draft).toMatchObject({ prompt: 'a house', width: 96, steps: 5, guidanceRescale: 0.5 });
  expect(studio().trainConfig).toMatchObject({ beta: presets[0]!.config.beta, rank: 3 });
  expect(studio().presetName).toBeNull();
});

it('falls back to the embedded model where the chosen one is gone, and says so once', () => {
  studio().useModel('big');
  useStudio.setState({ models: [embedded] });
  studio().settleBase();
  expect([chosenModel(studio())?.id, studio().baseGone, studio().draft.width]).toEqual(['embedded', 'big', 96]);
  studio().forgetBaseGone();
  studio().settleBase();
  expect(studio().baseGone).toBeNull();
});

it('trains a model on its own pairs alone, and shows them first', () => {
  const pairs = [
    pairOf('1', {}, ['embedded', 'embedded']),
    pairOf('2', {}, ['big', 'big']),
    pairOf('3', {}, ['big', 'embedded']),
  ];
  useStudio.setState({
    pairs,
    labels: foldLabels(pairs.map(({ id }) => labelEvent(`l${id}`, id))),
    filter: 'preferred',
  });
  studio().useModel('big');
  expect(usablePairs(studio()).map((one) => one.pair)).toEqual(['2']);
  expect(usable(studio())).toEqual({ own: 1, others: 2 });
  expect(queue(studio()).map(({ id }) => id)).toEqual(['2', '1', '3']);
});

it.each([
  ['https://huggingface.co/owner/name@abc', { host: 'https://huggingface.co', id: 'owner/name', revision: 'abc' }],
  [
    'http://127.0.0.1:80/mirror/owner/name@main',
    { host: 'http://127.0.0.1:80/mirror', id: 'owner/name', revision: 'main' },
  ],
  ['disk', null],
])('reads the origin %s', (origin, request) => expect(hubRequestOf(origin)).toEqual(request));

it.each([
  ['itself', ['m/model_index.json', 'm/unet/config.json'], ['model_index.json', 'unet/config.json']],
  [
    'some folders above it',
    ['m/snapshots/1/model_index.json', 'm/snapshots/1/unet/config.json', 'm/README.md'],
    ['model_index.json', 'unet/config.json'],
  ],
  ['one without an index', ['m/a.safetensors'], ['a.safetensors']],
])('takes a model from %s', (_, paths, inside) => {
  const files = paths.map((path) =>
    Object.defineProperty(new File([], path.split('/').at(-1)!), 'webkitRelativePath', { value: path }),
  );
  expect(pickedFolder(files)).toMatchObject({ name: 'm', files: inside.map((path) => ({ path })) });
});
