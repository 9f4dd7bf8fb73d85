/** The record that a run begins or goes on with, and the model it trains; what cannot train is refused. */
import { alphasCumprod, readNoiseSchedule, signalToNoise } from '../../diffusion/schedule.ts';
import { SchedulerConfigReader } from '../../diffusion/schedulerConfig.ts';
import type { Executor } from '../../graph/executor.ts';
import type { SessionOptions } from '../../onnx/session.ts';
import { losses, settingsOf } from '../../losses/table.ts';
import { WinnowError } from '../../shared/errors.ts';
import { limits } from '../../shared/limits.ts';
import type { TrainConfig } from '../../training/config.ts';
import type { StepSpec } from '../../training/stepGraph.ts';
import type { ResolvedModel } from '../model/modelPool.ts';
import type { StepForecast } from '../planning/forecast.ts';
import { isLarge } from '../model/weightWidth.ts';
import type { GenerationContext } from '../sampling/generation.ts';
import type { EngineChoices, ModelRef, RunRecord, TrainPair, TrainRequest } from '../types.ts';
import type { RunStore } from '../../data/runStore.ts';

export interface TrainContext extends GenerationContext {
  executor: Executor;
  /** For people. */
  adapterName: string;
  /** Of what was measured on the adapter. */
  adapterKey: string;
  /** What a step will take, with the kernels of this context. */
  plan(spec: StepSpec): StepForecast;
  /** Largest binding, in bytes. */
  maxBindingBytes: number;
  runs: RunStore;
  choices: EngineChoices;
  sessionOptions(provider: 'webgpu' | 'wasm'): SessionOptions;
}

/** The engine as it is for a run, which may need more than one device (service/device/devices.ts). */
export interface TrainDevices {
  /** What a run needs, on the device there is. Rejects with DeviceLost where too many were lost. */
  context(): Promise<TrainContext>;
  /** Gives the loss that work was rejected with, where there is to be another device; rejects with any other error. */
  survive(error: unknown): Promise<WinnowError>;
}

export interface OpenedRun {
  /** As it is on disk; of a new run, as it will be. */
  record: RunRecord;
  /** Of the model, as it is to be remembered. */
  ref: ModelRef;
  model: ResolvedModel;
  /** Where they lie now. */
  pairs: TrainPair[];
  resumes: boolean;
  /** What the record becomes where more steps are asked for. */
  extended: (record: RunRecord) => RunRecord;
}

/** Reads a run's record, or makes a new one; writes nothing.
 *  @throws BadArguments without pairs, with ties for a loss that does not read them, with a gamma that weighs none of the timesteps, or for more
 *  steps of a run that is not at its end; UnsupportedArchitecture for a model that cannot be trained, NotFound, BadFile. */
export async function openRun(context: TrainContext, request: TrainRequest): Promise<OpenedRun> {
  const { env, runs, choices, adapterName } = context;
  const earlier = request.resume ? await runs.load(request.run) : undefined;
  if (!earlier && request.pairs.length === 0) {
    throw new WinnowError(
      'BadArguments',
      'There are no labelled pairs to train on.',
      Object.values(request.config.repeats).includes(0)
        ? 'The settings leave some out (repeats): let more kinds count, or judge a few pairs first.'
        : 'Judge a few pairs first; only left and right answers train.',
    );
  }
  const ref = await withSteps(request.model, runs);
  const model = earlier ? await context.pool.resolveRecorded(ref, earlier.modelHash) : await context.pool.resolve(ref);
  const { notTrainable, title } = model.folder.info;
  if (notTrainable !== null)
    throw new WinnowError(
      'UnsupportedArchitecture',
      `${title} cannot be trained. ${notTrainable}`,
      'Choose another model to train.',
    );
  const pairs = earlier && request.pairs.length === 0 ? earlier.pairs : request.pairs;
  const { loss } = (earlier ?? request).config;
  if (!losses[loss].readsPreference && pairs.some(({ strength }) => strength === 'tie'))
    throw new WinnowError(
      'BadArguments',
      `There are ties among the pairs, and the loss ${loss} does not read them.`,
      'Leave them out, or train with the loss soft.',
    );
  const now = env.now().toISOString();
  if (earlier) {
    const extended = request.more === undefined ? same : extension(earlier, request.more, now);
    return { record: earlier, ref, model, pairs, resumes: true, extended };
  }
  const { run, name, config } = request;
  checkGamma(config, model);
  const record: RunRecord = {
    version: 1,
    id: run,
    name,
    model: ref,
    modelHash: model.hash,
    dataHash: '',
    pairs,
    config,
    status: 'preparing',
    step: 0,
    reference: referenceOf(config, choices, model),
    step0Logit: null,
    choices,
    adapter: adapterName,
    checkpoints: [],
    samples: [],
    createdAt: now,
    updatedAt: now,
  };
  return { record, ref, model, pairs, resumes: false, extended: same };
}

/** Min-SNR weighs timesteps with more signal than its gamma less (losses/minSnr.ts): where there are none it would be a setting without effect. */
function checkGamma({ loss, minSnrGamma, timestepRange: [least, end] }: TrainConfig, { folder }: ResolvedModel): void {
  if (minSnrGamma === null || !settingsOf(loss).includes('minSnrGamma')) return;
  const alphas = alphasCumprod(readNoiseSchedule(new SchedulerConfigReader(folder.scheduler, 'DDPMScheduler')));
  const [most] = signalToNoise(alphas, [least]);
  if (most! > minSnrGamma) return;
  throw new WinnowError(
    'BadArguments',
    `Min-SNR with a gamma of ${minSnrGamma} changes nothing at timesteps ${least} to ${end - 1}: their signal-to-noise ratio is ${most!.toPrecision(2)} at most.`,
    'Leave Min-SNR out, or let lower timesteps count, too.',
  );
}

const same = (record: RunRecord): RunRecord => record;

/** More steps of a run that has taken all of its own. @throws BadArguments */
function extension(
  { status, step, config, ended }: RunRecord,
  more: number,
  at: string,
): (run: RunRecord) => RunRecord {
  if (status !== 'finished' || ended || step !== config.steps)
    throw new WinnowError(
      'BadArguments',
      ended
        ? `This run ended at step ${ended.step} by itself: ${ended.words}`
        : `This run has taken ${step} of its ${config.steps} steps.`,
      ended
        ? 'Start a new run from its best checkpoint.'
        : 'Resume it first; more can be asked for when it is finished.',
    );
  const to = config.steps + more;
  if (!Number.isInteger(more) || more < 1 || to > limits.trainSteps)
    throw new WinnowError(
      'BadArguments',
      `${more} more steps were asked for.`,
      `Choose a whole number from 1 to ${limits.trainSteps - config.steps}.`,
    );
  return ({ config: own, extensions = [], ...record }) => ({
    ...record,
    config: { ...own, steps: to },
    extensions: [...extensions, { at, from: config.steps, to }],
  });
}

/** Runs on top at the steps that they are at: they may go on, and are then another model. */
async function withSteps(ref: ModelRef, runs: RunStore): Promise<ModelRef> {
  const fixed = ref.adapters.map(async (adapter) => {
    if (adapter.kind === 'file' || adapter.step !== undefined) return adapter;
    const last = (await runs.load(adapter.run)).checkpoints.at(-1);
    return last ? { ...adapter, step: last.step } : adapter;
  });
  return { ...ref, adapters: await Promise.all(fixed) };
}

/** auto, in full fine-tuning: onnxruntime, which spares a second copy of the weights on the GPU. For a LoRA: whichever ran a forward faster here.
 *  What onnxruntime could not hold in memory: the engine. */
export function referenceOf(
  { reference, mode }: TrainConfig,
  choices: EngineChoices,
  { folder }: Pick<ResolvedModel, 'folder'>,
): 'onnx' | 'engine' {
  if (reference !== 'auto') return reference;
  return isLarge(folder.info.parameters.unet) || (mode === 'lora' && choices.sampler === 'engine') ? 'engine' : 'onnx';
}
