/** From what a run trains on to what steps: text encoded, kernels compiled, weights and moments where they were. */
import { alphasCumprod, readNoiseSchedule } from '../../diffusion/schedule.ts';
import { SchedulerConfigReader } from '../../diffusion/schedulerConfig.ts';
import { ParameterStore } from '../../models/parameterStore.ts';
import { withAliases } from '../../models/weights.ts';
import '../../shared/disposable.ts';
import { engineReference, type FrozenReference } from '../../training/frozenReference.ts';
import { initialLora } from '../../training/lora.ts';
import { heldOutOf } from '../../data/heldOut.ts';
import type { LoopData } from '../../training/runStep.ts';
import type { StepSpec } from '../../training/stepGraph.ts';
import { Trainer } from '../../training/trainer.ts';
import type { ResolvedModel } from '../model/modelPool.ts';
import type { MemoryForecast, RunRecord } from '../types.ts';
import type { Size } from './buckets.ts';
import { onnxReference } from './onnxReference.ts';
import { Looks } from './looks.ts';
import type { TrainContext } from './openRun.ts';
import { preparePairs } from './preparePairs.ts';
import type { Sources } from './sources.ts';
import { forecastOf, withLooks } from '../planning/forecast.ts';
import { denoiserAt, stepSpecOf } from '../planning/stepSpec.ts';
import { latentSizeOf } from '../sampling/latentSize.ts';

/** Everything that a run needs to step, to save and to sample. */
export interface Prepared extends AsyncDisposable {
  model: ResolvedModel;
  data: LoopData;
  spec: StepSpec;
  trainer: Trainer;
  reference: FrozenReference;
  /** The model's own weights on the device; in full mode a second, frozen copy under `reference.<key>`, where the engine is the reference. */
  frozen: ParameterStore;
  /** Of the pictures, in pixels; of several sizes that of most pairs. */
  size: Size;
  memory: MemoryForecast;
  /** Where pairs are held out. */
  looks?: Looks;
}

/** Call it in a turn, once the pictures from elsewhere are encoded. The weights are those that a run begins with. What was made is let go where it fails.
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
  const [latentSize, ...otherSizes] = sources.sizes.map((size) => latentSizeOf(size, sizeMultiple));
  const { pairs: all, unconditional } = await preparePairs(context, config, model, sources, { check, preparing });
  const { pairs: heldOut } = heldOutOf(record.pairs, config);
  const data: LoopData = {
    pairs: all.filter((_, i) => !heldOut.has(i)),
    unconditional,
    prediction: predictionType,
    alphasCumprod: alphasCumprod(schedule),
  };

  check();
  preparing('Preparing the kernels', 0, 1);
  const spec: StepSpec = {
    ...stepSpecOf(
      model,
      { ...config, recompute: record.recompute ?? config.recompute, heldOut: heldOut.size > 0 ? config.heldOut : 0 },
      latentSize!,
      record.reference === 'engine' ? 'engine' : 'input',
      context.maxBindingBytes,
    ),
    ...(otherSizes.length > 0 && { otherSizes: otherSizes.map((size) => denoiserAt(model, size)) }),
  };
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
        workingBytes: planned.workingBytes,
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
        spec.otherSizes,
      ),
    );
    check();
  }
  const looks = Looks.of(record.pairs, all, {
    data,
    config,
    denoiser: spec.denoiser,
    stepFlops: trainer.flops,
    sizes: [latentSize!, ...otherSizes].map((size) => ({
      batch: spec.lookBatch ?? 1,
      ...size,
      tokens: model.folder.tokens,
    })),
  });
  const kept = owned.move();
  return {
    model,
    data,
    spec,
    trainer,
    reference,
    frozen,
    size: mostUsed(sources),
    memory:
      otherSizes.length > 0
        ? planned
        : withLooks(forecastOf(spec, trainer.memory, trainer.flops), planned.parts.looks ?? 0),
    ...(looks && { looks }),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

function mostUsed({ pairs, sizes }: Sources): Size {
  const counts = sizes.map((_, i) => pairs.filter(({ bucket }) => bucket === i).length);
  return sizes[counts.indexOf(Math.max(...counts))]!;
}
