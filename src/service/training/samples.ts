/** The fixed prompts and seeds through the weights as they are now. */
import { encodePng } from '../../data/formats/png.ts';
import type { DenoiserSize } from '../../models/denoiser.ts';
import '../../shared/disposable.ts';
import { loraModules } from '../../training/lora.ts';
import { resultKind } from '../../training/trainer.ts';
import { ResolvedModel, type WeightChange } from '../model/modelPool.ts';
import { makePicture, rgbaFromPlanar } from '../sampling/generation.ts';
import type { NoisePredictor } from '../sampling/noisePredictor.ts';
import type { RunRecord, SampleRecord } from '../types.ts';
import type { TrainContext } from './openRun.ts';
import { currentPredictor } from './policyPredictor.ts';
import type { Prepared } from './prepareRun.ts';
import { StopAsked } from './runControl.ts';
import { samplePath } from '../../data/runStore.ts';
import type { Training } from './trainLoop.ts';

/** Draws those of this step's samples that there are not, each in a turn of its own. False where a stop came in between: what was drawn is
 *  kept, and what was not is drawn when the run goes on from here. */
export async function drawSamples(training: Training): Promise<boolean> {
  const { context, prepared, run, signal, control, listener } = training;
  const { model, size } = prepared;
  const { config, step, id } = run.record;
  const shots = config.samplePrompts
    .flatMap((prompt) => config.sampleSeeds.map((seed) => ({ prompt, seed })))
    .map((shot, index) => ({ ...shot, index }))
    .filter((shot) => !run.record.samples.some((sample) => isShot(sample, step, shot)));
  if (shots.length === 0) return true;
  const check = (): void => {
    signal.check();
    control.check();
  };
  try {
    await using owned = new AsyncDisposableStack();
    // In a turn: another job may be drawing with the model's frozen parts.
    const made = new AsyncDisposableStack();
    owned.defer(() => signal.lastly(() => made.disposeAsync()));
    made.defer(() => context.frozenParts(model).releaseStreamed('all'));
    const ranOn = await context.backendFor('auto', model);
    // Our kernels sample with the tensors in training where they lie; onnxruntime needs them merged.
    const make = async (wanted: DenoiserSize): Promise<NoisePredictor> =>
      ranOn === 'engine'
        ? currentPredictor(context, prepared, wanted)
        : context.predictors.make(await currentModel(context, prepared, run.record), ranOn, wanted);
    let known: NoisePredictor | undefined;
    const predictor = async (wanted: DenoiserSize): Promise<NoisePredictor> => (known ??= made.use(await make(wanted)));
    for (const [done, { prompt, seed, index }] of shots.entries()) {
      listener({ type: 'doing', doing: { what: 'Drawing samples', done, total: shots.length } });
      check();
      const { defaults } = model.folder.info;
      const picture = await signal.turn(() =>
        makePicture(
          context,
          model,
          { prompt, seed, negativePrompt: '', ...defaults, ...size, ranOn, predictor },
          check,
        ),
      );
      const { width, height } = size;
      const file = samplePath(id, step, index);
      await context.env.files.write(
        file,
        encodePng({ width, height, data: rgbaFromPlanar(picture.image, width, height) }),
      );
      const sample = { step, prompt, seed, file };
      // Each as it is drawn: where the run is cut off here, what was drawn is not drawn again.
      await run.update((record) => ({ ...record, samples: [...record.samples, sample] }));
      listener({ type: 'sample', sample });
    }
    return true;
  } catch (error) {
    if (error instanceof StopAsked) return false;
    throw error;
  } finally {
    listener({ type: 'doing', doing: null });
  }
}

const isShot = (sample: SampleRecord, step: number, { prompt, seed }: { prompt: string; seed: number }): boolean =>
  sample.step === step && sample.prompt === prompt && sample.seed === seed;

/** The model as it is now. */
async function currentModel(
  { env }: TrainContext,
  { model, spec, trainer }: Prepared,
  { config, step, id }: RunRecord,
): Promise<ResolvedModel> {
  if (step === 0) return model;
  const tensors = await trainer.tensors(resultKind(spec));
  const made = { strength: 1, hash: `${id}@${step}` };
  const change: WeightChange =
    config.mode === 'lora'
      ? { ...made, kind: 'lora', modules: loraModules(tensors, config.rank, config.alpha), texts: [] }
      : {
          ...made,
          kind: 'full',
          weights: {
            names: spec.layout.entries.map(({ name }) => name),
            shape: (name) => spec.layout.byName.get(name)?.shape,
            read: async (name) => tensors.get(name)!,
          },
        };
  return ResolvedModel.of(model.folder, [...model.changes, change], env.sha256);
}
