/** A preset's settings follow the number of pairs; a person's own do not. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { closeStudio, modelInfo, openStudio, pairOf, studio } from './testStudio.ts';
import { fitPreset } from './fitPreset.ts';

const small = { defaultSize: { width: 128, height: 128 } };
let stop: () => void;

beforeEach(async () => {
  await openStudio({ state: { models: [modelInfo('m', small)] } });
  studio().adoptDefaults();
  studio().choosePreset('quick');
  stop = fitPreset();
});
afterEach(() => {
  stop();
  return closeStudio();
});

async function judge(count: number, from: string): Promise<void> {
  studio().addPairs(Array.from({ length: count }, (_, i) => pairOf(`${from}${i}`)));
  for (let i = 0; i < count; i++) await studio().answer('left');
}

it('takes more steps once there are more pairs, and fewer when labels are taken back', async () => {
  expect(studio().trainConfig.steps).toBe(12);
  await judge(20, 'a');
  expect(studio()).toMatchObject({ presetName: 'quick', trainConfig: { steps: 16 } });
  await studio().undoLabel();
  expect(studio().trainConfig.steps).toBe(12);
});

it('leaves own settings as they are', async () => {
  studio().setTrainConfig({ rank: 3 });
  await judge(20, 'a');
  expect(studio()).toMatchObject({ presetName: null, trainConfig: { steps: 12, rank: 3 } });
});
