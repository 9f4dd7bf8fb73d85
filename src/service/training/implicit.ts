/** The implicit reward of pairs (training/implicitReward.ts), by our kernels: first the reference over all of them, then the model, so that one of the
 *  two holds the device at a time. */
import { alphasCumprod, readNoiseSchedule } from '../../diffusion/schedule.ts';
import { SchedulerConfigReader } from '../../diffusion/schedulerConfig.ts';
import type { DenoiserSize } from '../../models/denoiser.ts';
import '../../shared/disposable.ts';
import { WinnowError } from '../../shared/errors.ts';
import { limits } from '../../shared/limits.ts';
import type { TrainConfig } from '../../training/config.ts';
import { bankErrors, fixedBank, implicitOf, type PairErrors } from '../../training/implicitReward.ts';
import { presetNamed } from '../../training/presets.ts';
import type { JobSignal } from '../jobs.ts';
import type { ModelPool, ResolvedModel } from '../model/modelPool.ts';
import { isLarge } from '../model/weightWidth.ts';
import type { GenerationContext } from '../sampling/generation.ts';
import { latentSizeOf } from '../sampling/latentSize.ts';
import type { ImplicitEvent, ImplicitMargins, ImplicitRequest, Listener, LostPicture, ModelRef } from '../types.ts';
import type { RunStore } from '../../data/runStore.ts';
import { encodePictures } from './encodePictures.ts';
import { preparePairs } from './preparePairs.ts';
import { readSources, type Sources } from './sources.ts';

/** The engine as it is for this, which may need more than one device. */
export interface ImplicitDevices {
  context(): Promise<GenerationContext>;
  survive(error: unknown): Promise<WinnowError>;
}

/** Pairs with a picture that is gone or damaged are left out.
 *  @throws BadArguments where there is nothing to hold the model against, or a number is out of bounds; as resolving the models and reading the
 *  pairs do. */
export async function implicitMargins(
  devices: ImplicitDevices,
  runs: RunStore,
  signal: JobSignal,
  request: ImplicitRequest,
  listener: Listener<ImplicitEvent>,
): Promise<ImplicitMargins> {
  const asked = await completed(request, runs);
  for (;;) {
    try {
      return await marginsOn(await devices.context(), signal, asked, listener);
    } catch (error) {
      const { what } = await devices.survive(error);
      listener({ type: 'recovered', message: `${what} It was opened again, and this began anew.` });
    }
  }
}

interface Asked {
  model: ModelRef;
  reference: ModelRef;
  pairs: ImplicitRequest['pairs'];
  draws: number;
  seed: number;
  timestepRange: [number, number];
  beta: number;
}

async function completed(request: ImplicitRequest, runs: RunStore): Promise<Asked> {
  const { model, pairs, draws = 10, seed = 0 } = request;
  const last = model.adapters.at(-1);
  const config = last?.kind === 'run' ? (await runs.load(last.run)).config : presetNamed('standard')!.config;
  const { beta = config.beta, timestepRange = config.timestepRange, reference = beforeLast(model) } = request;
  const wrong = (what: string, remedy: string): WinnowError => new WinnowError('BadArguments', what, remedy);
  if (pairs.length === 0)
    throw wrong('There are no pairs to look at.', 'Choose some that are labelled, or make a few first.');
  if (!Number.isInteger(draws) || draws < 1 || draws > limits.draws)
    throw wrong(`${draws} draws were asked for.`, `Choose 1 to ${limits.draws}.`);
  if (!Number.isSafeInteger(seed) || seed < 0) throw wrong(`The seed is ${seed}.`, 'Choose a whole number from 0 on.');
  if (!(beta > 0 && beta <= 1e9)) throw wrong(`Beta is ${beta}.`, 'Choose a number above 0.');
  const [min, max] = timestepRange;
  if (!(Number.isInteger(min) && Number.isInteger(max) && min >= 0 && min < max && max <= 1000))
    throw wrong(
      `The timesteps are from ${min} to ${max}.`,
      'Choose whole numbers from 0 to 1000, the first the smaller.',
    );
  return { model, reference, pairs, draws, seed, timestepRange, beta };
}

/** A run stands for what it trained on top of what it started from. */
function beforeLast({ adapters, ...model }: ModelRef): ModelRef {
  const last = adapters.at(-1);
  if (!last)
    throw new WinnowError(
      'BadArguments',
      'A model as it came has no implicit reward: it is what a tuned one is held against.',
      'Name a run or a LoRA on top of it, or the model that it came from.',
    );
  const before = adapters.slice(0, -1);
  return { ...model, adapters: last.kind === 'run' ? [...before, { ...last, step: 0 }] : before };
}

async function marginsOn(
  context: GenerationContext,
  signal: JobSignal,
  { pairs: all, ...asked }: Asked,
  listener: Listener<ImplicitEvent>,
): Promise<ImplicitMargins> {
  const { env, pool } = context;
  const [policy, reference] = [await pool.resolve(asked.model), await base(pool, asked)];
  // The latents are those that a run would train on; the posterior's mean, so that they are the same at every draw.
  const config: TrainConfig = { ...presetNamed('standard')!.config, posterior: 'mean', sampleEvery: 0 };
  const progress = {
    check: () => signal.check(),
    preparing: (what: string, done: number, total: number): void => listener({ type: 'preparing', what, done, total }),
  };
  const lost: LostPicture[] = [];
  const sources = await readSources(env, reference, all, config, {
    ...progress,
    lost: (picture) => void lost.push(picture),
  });
  const pairs = sources.pairs.map(({ pair }) => pair);
  if (pairs.length === 0)
    throw new WinnowError(
      'NotFound',
      `No pair has two pictures that can be read. ${lost[0]!.message}`,
      'Bring the pictures back, or choose other pairs.',
    );
  await encodePictures(context, reference, sources, progress, signal);
  const prepared = await signal.turn(() => preparePairs(context, config, reference, sources, progress));
  const { info, scheduler } = policy.folder;
  const data = {
    alphasCumprod: alphasCumprod(readNoiseSchedule(new SchedulerConfigReader(scheduler, 'DDPMScheduler'))),
    prediction: info.predictionType,
  };
  const bank = fixedBank(asked);
  const total = 2 * 2 * pairs.length * asked.draws;
  let before = 0;
  const errorsOf = async (model: ResolvedModel): Promise<PairErrors[]> => {
    const errors: PairErrors[] = [];
    for (const [bucket, size] of sizesOf(sources, model).entries()) {
      const at = sources.pairs.flatMap((pair, i) => (pair.bucket === bucket ? [i] : []));
      const found = await bankErrors(
        // One batch a turn: other jobs draw in between.
        (...args) =>
          signal.turn(async () => {
            await using predictor = await context.predictors.use(model, 'engine', size);
            return await predictor.value.predict(...args);
          }),
        at.map((i) => prepared.pairs[i]!),
        {
          batch: size.batch,
          bank,
          data,
          onBatch: (done) => listener({ type: 'progress', done: before + done, total }),
        },
      );
      before += 2 * at.length * asked.draws;
      for (const [k, i] of at.entries()) errors[i] = found[k]!;
    }
    return errors;
  };
  const r = await errorsOf(reference);
  const m = await errorsOf(policy);
  return {
    beta: asked.beta,
    timesteps: [...bank.timesteps],
    pairs: pairs.map(({ pair }, i) => ({ pair, ...implicitOf(m[i]!, r[i]!, asked.beta) })),
    lost,
  };
}

async function base(pool: ModelPool, { model, reference }: Omit<Asked, 'pairs'>): Promise<ResolvedModel> {
  if (model.base !== reference.base)
    throw new WinnowError(
      'BadArguments',
      `${model.base} and ${reference.base} are two models, and an implicit reward is one model's over the one it came from.`,
      'Hold a model against one with the same base.',
    );
  return pool.resolve(reference);
}

/** A small model's pictures go through it a few at a time. */
function sizesOf({ sizes }: Sources, { folder: { info, tokens } }: ResolvedModel): DenoiserSize[] {
  const batch = isLarge(info.parameters.unet) ? 2 : 8;
  return sizes.map((size) => ({ batch, ...latentSizeOf(size, info.sizeMultiple), tokens }));
}
