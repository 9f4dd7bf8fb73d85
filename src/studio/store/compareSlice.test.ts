/** What is compared: pictures of the models as they are now, whatever had their ids before. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { writeSafetensors } from '../../data/formats/safetensors.ts';
import type { GenerateRequest, ImageRecord, ModelRef } from '../../service/types.ts';
import { pictureIn } from './compareSelectors.ts';
import { closeStudio, modelInfo, openStudio, studio } from './testStudio.ts';

const base: ModelRef = { base: 'm', adapters: [] };
const tuned: ModelRef = { base: 'm', adapters: [{ kind: 'file', file: 'loras/style', strength: 1 }] };

/** The weights that lie behind the two, as an engine would hash them. */
let content: { base: string; lora: string };
let made: string[];

const hashOf = (ref: ModelRef): string => (ref.adapters.length ? `${content.base}+${content.lora}` : content.base);

beforeEach(async () => {
  content = { base: 'first', lora: 'first' };
  made = [];
  const verbs = {
    modelHash: hashOf,
    importLora: () => ((content.lora = 'second'), { file: 'loras/style', rank: 1, modules: 1, format: 'kohya' }),
    deleteModel: () => undefined,
    setPredictionType: (_id: string, type: string) => ((content.base = type), modelInfo()),
    generate: (_job: string, { items, ...settings }: GenerateRequest): ImageRecord[] =>
      items.map((item) => {
        const modelHash = hashOf(settings.model);
        made.push(modelHash);
        const id = crypto.randomUUID();
        return { ...settings, ...item, id, modelHash, ranOn: 'engine', createdAt: '', file: id, latentsFile: id };
      }),
  };
  await openStudio({ engine: verbs });
  studio().setCompare({ compareA: base, compareB: tuned, comparePrompts: ['a house', ''], compareSeeds: [1] });
  await studio().makeComparison();
  expect(studio().compareProblem).toBeNull();
});

afterEach(closeStudio);

const shown = () => [base, tuned].map((ref) => pictureIn(studio())(ref, 'a house', 1)?.modelHash);

it('makes each picture once', async () => {
  expect(shown()).toEqual(['first', 'first+first']);
  await studio().makeComparison();
  expect(made).toEqual(['first', 'first+first']);
});

it('shows no picture of a LoRA that had the name before', async () => {
  const lora = writeSafetensors({ 'lora_unet_x.lora_down.weight': { shape: [1], data: new Float32Array(1) } }, {});
  await studio().addLora({ file: new File([lora as Uint8Array<ArrayBuffer>], 'style.safetensors') });
  await studio().readModelHashes([base, tuned]);
  expect(shown()).toEqual(['first', undefined]);
  await studio().makeComparison();
  expect(shown()).toEqual(['first', 'first+second']);
});

it('shows no picture of a model that had the id before, and the old ones when it is back', async () => {
  content.base = 'second';
  await studio().deleteModel('m');
  expect(shown()).toEqual([undefined, undefined]);
  await studio().makeComparison();
  expect(shown()).toEqual(['second', 'second+first']);
  content.base = 'first';
  await studio().readModels();
  await studio().readModelHashes([base, tuned]);
  expect(shown()).toEqual(['first', 'first+first']);
  expect(made).toHaveLength(4);
});

it('shows no picture of a model from before it was said what it predicts', async () => {
  await studio().setPredictionType('m', 'v_prediction');
  expect(shown()).toEqual([undefined, undefined]);
  await studio().makeComparison();
  expect(shown()).toEqual(['v_prediction', 'v_prediction+first']);
});

it('keeps finished pictures in view whatever is set on Generate, until somebody asks for the same here', async () => {
  studio().setDraft({ steps: 7, width: 64, negativePrompt: 'fog', sampler: 'engine' });
  expect(shown()).toEqual(['first', 'first+first']);
  studio().compareAsGenerated();
  expect(shown()).toEqual([undefined, undefined]);
  await studio().makeComparison();
  expect(shown()).toEqual(['first', 'first+first']);
  const [image] = studio().images;
  expect(image).toMatchObject({ steps: 7, width: 64, negativePrompt: 'fog', sampler: 'engine' });
  // The earlier ones are there too.
  studio().compareAsModelsAre();
  expect(shown()).toEqual(['first', 'first+first']);
  expect(made).toHaveLength(4);
});

it('draws a blind test as the comparison is drawn', async () => {
  studio().setDraft({ steps: 7 });
  await studio().startBlindTest({ rounds: 1, questions: ['general'], prompts: [{ prompt: 'a house' }] });
  expect(studio().blind!.record.plan!.settings.map(({ steps }) => steps)).toEqual([30, 30]);
});
