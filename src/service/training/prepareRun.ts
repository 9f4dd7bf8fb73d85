/** From what a run trains on to what steps: text encoded, kernels compiled, weights and moments where they were. */
import { alphasCumprod, readNoiseSchedule } from '../../diffusion/schedule.ts';
import { SchedulerConfigReader } from '../../diffusion/schedulerConfig.ts';
import { preferenceOf } from '../../losses/preference.ts';
import type { Conditioning } from '../../models/conditioning.ts';
import { ParameterStore } from '../../models/parameterStore.ts';
import { withAliases } from '../../models/weights.ts';
import '../../shared/disposable.ts';
import { engineReference, type FrozenReference } from '../../training/frozenReference.ts';
import { initialLora } from '../../training/lora.ts';
import type { LoopData, PreparedPair } from '../../training/runStep.ts';
import type { StepSpec } from '../../training/stepGraph.ts';
import { Trainer } from '../../training/trainer.ts';
import type { ResolvedModel } from '../model/modelPool.ts';
import type { RunRecord } from '../types.ts';
import { restoreState } from './checkpoint.ts';
import { onnxReference } from './onnxReference.ts';
import type { TrainContext } from './openRun.ts';
import type { Sources } from './sources.ts';
import { stepSpecOf } from '../planning/stepSpec.ts';

/** Everything that a run needs to step, to save and to sample. */
export interface Prepared extends AsyncDisposable {
  model: ResolvedModel;
  data: LoopData;
  spec: StepSpec;
  trainer: Trainer;
  reference: FrozenReference;
  /** The model's own weights on the device; in full mode a second, frozen copy under `reference.<key>`, where the engine is the reference. */
  frozen: ParameterStore;
  /** Of the pictures, in pixels. */
  size: { width: number; height: number };
  /** The step of the save that it goes on from; null for a run that begins. */
  resumedAt: number | null;
}

/** Call it in a turn. What was made is let go where it fails.
 *  @param check called between parts of the work; throws where the run is not to go on. */
export async function prepareRun(
  context: TrainContext,
  record: RunRecord,
  model: ResolvedModel,
  sources: Sources,
  { check, preparing }: { check(): void; preparing(what: string, done: number, total: number): void },
): Promise<Prepared> {
  const { config } = record;
  const schedule = readNoiseSchedule(new SchedulerConfigReader(model.folder.scheduler, 'DDPMScheduler'));
  const { sizeMultiple, predictionType } = model.folder.info;
  const { latentSize } = sources;
  const size = { height: latentSize.height * sizeMultiple, width: latentSize.width * sizeMultiple };
  const data: LoopData = {
    ...(await encodeTexts(context, record, model, sources, size, { check, preparing })),
    prediction: predictionType,
    alphasCumprod: alphasCumprod(schedule),
  };

  check();
  preparing('Preparing the kernels', 0, 1);
  const spec = stepSpecOf(
    model,
    { ...config, recompute: record.recompute ?? config.recompute },
    latentSize,
    record.reference === 'engine' ? 'engine' : 'input',
    context.maxBindingBytes,
  );
  await using owned = new AsyncDisposableStack();
  // Models that pictures were made with would lie beside the trainer's.
  const planned = context.plan(spec);
  owned.use(await context.cache.reserve(planned.peakBytes));
  const frozen = owned.use(
    new ParameterStore(
      context.executor,
      withAliases(model.weights, (name) => (name.startsWith('reference.') ? [name.slice('reference.'.length)] : [])),
    ),
  );
  const lora = config.mode === 'lora' ? initialLora(spec.layout.entries, config.rank, config.seed) : undefined;
  const trainer = owned.use(
    await context.cache.withRoom(() =>
      Trainer.create({
        executor: context.executor,
        spec: { ...spec, recompute: planned.recompute },
        frozen,
        initial: async (name) => {
          check();
          return lora?.get(name) ?? model.weights.read(name);
        },
      }),
    ),
  );
  check();
  let reference: FrozenReference = engineReference;
  if (record.reference === 'onnx') {
    preparing('Preparing the reference', 0, 1);
    reference = owned.use(
      await onnxReference(
        spec.denoiser,
        model.weights,
        config.pairsPerStep,
        context.sessionOptions(record.choices.onnxProvider),
      ),
    );
    check();
  }
  const resumedAt = await restoreState(context.env.files, record, trainer);
  const kept = owned.move();
  return {
    model,
    data,
    spec,
    trainer,
    reference,
    frozen,
    size,
    resumedAt,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** Every prompt of the run, encoded: those that train and those that samples are drawn from, so that the text encoders need not come back
 *  while the step holds the GPU. */
async function encodeTexts(
  context: TrainContext,
  { config }: RunRecord,
  model: ResolvedModel,
  sources: Sources,
  size: { width: number; height: number },
  { check, preparing }: { check(): void; preparing(what: string, done: number, total: number): void },
): Promise<Pick<LoopData, 'pairs' | 'unconditional'>> {
  const parts = context.frozenParts(model);
  const told = async (prompt: string | null): Promise<Conditioning> => {
    check();
    return model.folder.unet.model.conditioning(await parts.encodeText(prompt, model.texts), size);
  };
  try {
    const pairs: PreparedPair[] = [];
    for (const [i, { pair, winner, loser }] of sources.pairs.entries()) {
      if (i % 8 === 0) preparing('Encoding the prompts', i, sources.pairs.length);
      const preference = preferenceOf(config, pair.strength);
      pairs.push({ id: pair.pair, winner, loser, conditioning: await told(pair.prompt), preference });
    }
    const unconditional = await told(null);
    if (config.sampleEvery > 0) for (const prompt of config.samplePrompts) await told(prompt);
    return { pairs, unconditional };
  } finally {
    await parts.releaseStreamed('all');
  }
}
