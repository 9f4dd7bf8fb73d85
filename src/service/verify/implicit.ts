/** Kind `implicit`: logits and margins of pairs over a given bank, for a model with an adapter against the model without. */
import { readLora } from '../../data/formats/lora.ts';
import { type SchedulerConfig, SchedulerConfigReader } from '../../diffusion/schedulerConfig.ts';
import { alphasCumprod, readNoiseSchedule } from '../../diffusion/schedule.ts';
import { Graph } from '../../graph/graph.ts';
import type { DenoiserSize } from '../../models/denoiser.ts';
import { openDenoiser } from '../../models/families.ts';
import '../../shared/disposable.ts';
import { sizeOf } from '../../shared/shape.ts';
import { type Bank, bankErrors, implicitOf, type PairErrors, type RatedPair } from '../../training/implicitReward.ts';
import type { WeightChange } from '../model/modelPool.ts';
import { readFolderJson } from '../model/modelConfigs.ts';
import type { Changed, NoisePredictor } from '../sampling/noisePredictor.ts';
import { badCase, field, type GoldenCase, openTensors, openWeights } from './caseFile.ts';
import { type CaseResult, compareCase } from './compare.ts';

export interface ImplicitHost {
  /** For people. */
  name: string;
  predictor(model: Changed, size: DenoiserSize): Promise<NoisePredictor>;
}

/** Of another engine than ours no more is asked than of a reference (docs/golden-cases.md). */
export async function verifyImplicit(
  golden: GoldenCase,
  { name, predictor }: ImplicitHost,
  slackOfEngine: number,
): Promise<CaseResult> {
  const { inputs, reader } = golden;
  const model = openDenoiser(await readFolderJson(reader, 'config.json'));
  const folder: Changed['folder'] = { unet: { model, weights: await openWeights(reader) } };
  const {
    modules: { unet: modules },
  } = await readLora(await openTensors(reader, 'lora.safetensors'), { unet: model.loraTargets('all') });
  const adapter: WeightChange = { kind: 'lora', modules, texts: [], strength: 1, hash: '' };

  const [pairs, , height, width] = inputs.shape('latents_w') as [number, number, number, number];
  const tokens = inputs.shape('encoder_hidden_states')[1]!;
  const size = { batch: 2 * pairs, height, width, tokens };
  const [bank, rated] = [await bankOf(golden), await pairsOf(golden, model, { ...size, batch: pairs })];
  const schedule = readNoiseSchedule(
    new SchedulerConfigReader(field(golden, 'scheduler_config', 'object') as SchedulerConfig, 'DDPMScheduler'),
  );
  const data = { alphasCumprod: alphasCumprod(schedule), prediction: schedule.prediction_type };
  const errorsOf = async (changes: readonly WeightChange[]): Promise<PairErrors[]> => {
    await using denoiser = await predictor({ folder, changes }, size);
    return await bankErrors((...args) => denoiser.predict(...args), rated, { batch: size.batch, bank, data });
  };
  const policy = await errorsOf([adapter]);
  const reference = await errorsOf([]);

  const beta = field(golden, 'beta', 'number');
  const found = policy.map((errors, i) => implicitOf(errors, reference[i]!, beta));
  const draws = bank.timesteps.length;
  // As a logit's: the margin is their mean.
  const slack = policy.flatMap((errors) =>
    Array.from(
      { length: draws },
      (_, k) => (beta / 2) * 1e-6 * Math.max(errors[k]!, errors[draws + k]!) + slackOfEngine,
    ),
  );
  const meanOf = (i: number): number => slack.slice(i * draws, (i + 1) * draws).reduce((a, b) => a + b, 0) / draws;
  return compareCase(
    golden,
    new Map([
      ['logit', found.flatMap(({ logits }) => logits)],
      ['margin', found.map(({ margin }) => margin)],
    ]),
    { backend: name, slack: (tensor) => (tensor === 'logit' ? slack : found.map((_, i) => meanOf(i))) },
  );
}

async function bankOf({ inputs }: GoldenCase): Promise<Bank> {
  const timesteps = [...(await inputs.readInt32('bank.timestep'))];
  const noise = await inputs.read('bank.noise');
  const [draws, ...one] = inputs.shape('bank.noise');
  if (draws !== timesteps.length) throw badCase(`the bank has ${timesteps.length} timesteps and ${draws} noises`);
  const elements = sizeOf(one);
  return { timesteps, noise: (k) => noise.subarray(k * elements, (k + 1) * elements) };
}

async function pairsOf(
  { inputs }: GoldenCase,
  model: ReturnType<typeof openDenoiser>,
  size: DenoiserSize,
): Promise<RatedPair[]> {
  const { sample: _, timestep: __, ...told } = model.inputs(new Graph(), size);
  const feeds = await inputs.feeds(Object.values(told));
  const winners = await inputs.read('latents_w');
  const losers = await inputs.read('latents_l');
  const rows = (data: Float32Array, i: number): Float32Array => {
    const elements = data.length / size.batch;
    return data.subarray(i * elements, (i + 1) * elements);
  };
  return Array.from({ length: size.batch }, (_, i) => ({
    winner: rows(winners, i),
    loser: rows(losers, i),
    conditioning: Object.fromEntries(
      Object.entries(feeds).map(([name, { shape, data }]) => [
        name,
        { shape: [1, ...shape.slice(1)], data: rows(data as Float32Array, i) },
      ]),
    ),
  }));
}
