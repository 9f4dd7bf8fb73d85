/** Kind `dpo`: a whole training run on given draws, by the product's own trainer. */
import { readLora } from '../../data/formats/lora.ts';
import { kohyaKey } from '../../data/formats/loraKeys.ts';
import { type SchedulerConfig, SchedulerConfigReader } from '../../diffusion/schedulerConfig.ts';
import {
  addNoise,
  alphasCumprod,
  type NoiseScheduleConfig,
  readNoiseSchedule,
  signalToNoise,
  trainingTarget,
} from '../../diffusion/schedule.ts';
import { Graph } from '../../graph/graph.ts';
import type { Executor } from '../../graph/executor.ts';
import { minSnrScale } from '../../losses/minSnr.ts';
import { isLossName, lossNames, losses } from '../../losses/table.ts';
import { type Conditioning, stacked } from '../../models/conditioning.ts';
import type { DenoiserModel, DenoiserSize } from '../../models/denoiser.ts';
import { openDenoiser } from '../../models/families.ts';
import { ParameterStore } from '../../models/parameterStore.ts';
import { parametersOf, type TensorSource } from '../../models/weights.ts';
import type { SessionOptions } from '../../onnx/session.ts';
import '../../shared/disposable.ts';
import { concatFloats } from '../../shared/arrays.ts';
import type { Shape } from '../../shared/shape.ts';
import { layoutArenas } from '../../training/arena.ts';
import type { Denoiser } from '../../training/denoiser.ts';
import { learningRateFactor } from '../../training/optimisers/schedule.ts';
import type { TrainMode } from '../../training/policy.ts';
import type { LossSpec } from '../../training/stepGraph.ts';
import { referenceGraph } from '../../training/frozenReference.ts';
import { batchFeeds, type StepBatch, Trainer } from '../../training/trainer.ts';
import { readFolderJson, readOptional } from '../model/modelConfigs.ts';
import { onnxReference } from '../training/onnxReference.ts';
import { type Backend, executorBackend } from './backends.ts';
import {
  badCase,
  type CaseInputs,
  field,
  type GoldenCase,
  openTensors,
  openWeights,
  optionalNumber,
} from './caseFile.ts';
import { type CaseResult, compareCase, type Outputs } from './compare.ts';

/** WebGPU's default limit of one binding, in f32. */
const MAX_BINDING_ELEMENTS = 2 ** 25;

/** What is trained: start values by the engine's names, and the name the case has for each. */
interface Trained {
  mode: TrainMode;
  tensors: { name: string; shape: Shape; caseName: string; data: () => Promise<Float32Array> }[];
}

async function openTrained(
  golden: GoldenCase,
  model: DenoiserModel,
  denoiser: Denoiser,
  weights: TensorSource,
): Promise<Trained> {
  if (golden.fields.mode === 'full') {
    const graph = new Graph();
    denoiser.build(graph, denoiser.inputs(graph, 2), {});
    return {
      mode: { kind: 'full' },
      tensors: parametersOf(graph).map(({ name, shape }) => ({
        name,
        shape,
        caseName: name,
        data: () => weights.read(name),
      })),
    };
  }
  if (golden.fields.mode !== 'lora')
    throw badCase(`case.json: mode is ${JSON.stringify(golden.fields.mode)}, expected "lora" or "full"`);
  const sites = model.loraTargets('all');
  const {
    modules: { unet: modules },
  } = await readLora(await openTensors(golden.reader, 'lora.safetensors'), { unet: sites });
  return {
    mode: { kind: 'lora', scaleOf: (path) => modules.get(path)!.alpha / modules.get(path)!.rank },
    tensors: sites.flatMap(({ path, weightShape: [out, ...rest] }) => {
      const module = modules.get(path);
      if (!module) return [];
      const tensor = (part: 'down' | 'up', shape: Shape): Trained['tensors'][number] => ({
        name: `${path}.lora_${part}.weight`,
        shape,
        caseName: `${kohyaKey(path)}.lora_${part}.weight`,
        data: async () => module[part],
      });
      return [tensor('down', [module.rank, ...rest]), tensor('up', [out!, module.rank, ...rest.slice(1).map(() => 1)])];
    }),
  };
}

function lossOf(golden: GoldenCase): LossSpec {
  const loss = field(golden, 'loss', 'string');
  if (!isLossName(loss))
    throw badCase(`case.json: there is no loss ${JSON.stringify(loss)}; losses are ${lossNames.join(', ')}`);
  return {
    loss,
    params: Object.fromEntries(
      Object.entries(losses[loss].fields).map(([name, field]) => [
        name,
        optionalNumber(golden, field.golden ?? name) ?? field.default!,
      ]),
    ),
    sdpoMu: optionalNumber(golden, 'sdpo_mu') ?? null,
  };
}

interface Optimiser {
  lr: number;
  beta1: number;
  beta2: number;
  eps: number;
  weightDecay: number;
}

/** Fields and defaults of torch.optim.AdamW. */
function optimiserOf(golden: GoldenCase): Optimiser {
  const {
    name,
    lr = 1e-3,
    betas = [0.9, 0.999],
    eps = 1e-8,
    weight_decay: weightDecay = 1e-2,
  } = field(golden, 'optimizer', 'object');
  if (name !== 'adamw') throw badCase(`case.json: the optimizer is ${JSON.stringify(name)}, expected "adamw"`);
  const [beta1, beta2] = betas as [number, number];
  return { lr: lr as number, beta1, beta2, eps: eps as number, weightDecay: weightDecay as number };
}

function warmupOf(golden: GoldenCase): number {
  const { lr_schedule: schedule = 'constant' } = golden.fields;
  if (schedule === 'constant') return 0;
  const steps = (schedule as { warmup_steps?: unknown } | null)?.warmup_steps;
  if (typeof steps !== 'number') throw badCase(`case.json: lr_schedule is ${JSON.stringify(schedule)}`);
  return steps;
}

/** What step k tells of each pair. */
async function pairConditioning({ inputs }: GoldenCase, k: number, model: DenoiserModel): Promise<Conditioning> {
  const { sample: _, timestep: __, ...told } = model.inputs(new Graph(), sizeOf(inputs));
  return inputs.feeds(Object.values(told), `step.${k}.`);
}

/** Of every step, for as many samples as there are pairs. */
function sizeOf(inputs: CaseInputs): Omit<DenoiserSize, 'guidance'> {
  const [batch, , height, width] = inputs.shape('step.0.latents_w') as [number, number, number, number];
  return { batch, height, width, tokens: inputs.shape('step.0.encoder_hidden_states')[1]! };
}

/** The batch of step k: winners, then losers, sharing timestep, noise and text. */
async function stepBatch(
  golden: GoldenCase,
  k: number,
  noise: NoiseScheduleConfig,
  alphas: Float32Array,
  beta: number,
  model: DenoiserModel,
): Promise<StepBatch> {
  const { inputs } = golden;
  const read = (name: string): Promise<Float32Array> => inputs.read(`step.${k}.${name}`);
  const twice = (x: Float32Array): Float32Array => concatFloats([x, x]);
  const latents = concatFloats([await read('latents_w'), await read('latents_l')]);
  const eps = twice(await read('noise'));
  const pairTimestep = await inputs.readInt32(`step.${k}.timestep`);
  const timestep = twice(Float32Array.from(pairTimestep));
  const optional = async (name: string): Promise<Float32Array | undefined> =>
    inputs.has(`step.${k}.${name}`) ? read(name) : undefined;
  const told = await pairConditioning(golden, k, model);
  const gamma = optionalNumber(golden, 'min_snr_gamma');
  return {
    sample: addNoise(alphas, latents, eps, timestep),
    target: trainingTarget(noise.prediction_type, alphas, latents, eps, timestep),
    timestep,
    conditioning: stacked([told, told]),
    preference: await optional('preference'),
    logitScale: gamma === undefined ? undefined : minSnrScale(signalToNoise(alphas, pairTimestep), gamma),
    beta,
  };
}

interface Reference extends AsyncDisposable {
  errors(batch: StepBatch): Promise<Float32Array>;
}

/** A reference with weights of its own beside an adapter: a program of the same executor. */
function executorReference(denoiser: Denoiser, weights: TensorSource, pairs: number, backend: Backend): Reference {
  return {
    errors: async (batch) =>
      (await backend.run(referenceGraph(denoiser, pairs), batchFeeds(batch), weights)).get('errors')!,
    [Symbol.asyncDispose]: async () => {},
  };
}

export interface DpoHost {
  executor: Executor;
  /** Asked only for the onnx reference. */
  onnx: () => Promise<SessionOptions>;
  reference: 'engine' | 'onnx';
}

export async function verifyDpo(golden: GoldenCase, host: DpoHost): Promise<CaseResult> {
  const beta = field(golden, 'beta', 'number');
  return await compareCase(golden, await trainCase(golden, host), {
    backend: `${host.executor.kind}, reference ${host.reference}`,
    slack: (name) => (name.endsWith('.logit') ? logitSlack(golden, name, beta, host.reference) : undefined),
  });
}

/** Trains it, and compares nothing: scalars of each step, the first step's gradients, the trained tensors. */
export async function trainCase(golden: GoldenCase, { executor, onnx, reference }: DpoHost): Promise<Outputs> {
  const model = openDenoiser(await readFolderJson(golden.reader, 'config.json'));
  const weights = await openWeights(golden.reader);
  const { batch: pairs, ...size } = sizeOf(golden.inputs);
  const denoiser: Denoiser = {
    inputs: (graph, batch) => model.inputs(graph, { batch, ...size }),
    build: (graph, inputs, options) => model.build(graph, inputs, options),
  };
  const trained = await openTrained(golden, model, denoiser, weights);
  const ownReference = (await readOptional(golden.reader, 'reference.safetensors'))
    ? await openWeights(golden.reader, 'reference.safetensors')
    : undefined;
  const referenceWeights = ownReference ?? weights;

  // An adapter's engine reference is the policy with the adapter off, so other weights need a program of their own.
  await using outside: Reference | null =
    reference === 'onnx'
      ? await onnxReference(denoiser, referenceWeights, pairs, await onnx())
      : trained.mode.kind === 'lora' && ownReference
        ? executorReference(denoiser, ownReference, pairs, executorBackend(executor))
        : null;

  const loss = lossOf(golden);
  const beta = field(golden, 'beta', 'number');
  const optimiser = optimiserOf(golden);
  const steps = field(golden, 'steps', 'number');
  const warmupSteps = warmupOf(golden);
  const noise = readNoiseSchedule(
    new SchedulerConfigReader(field(golden, 'scheduler_config', 'object') as SchedulerConfig, 'DDPMScheduler'),
  );
  const alphas = alphasCumprod(noise);

  const byName = new Map(trained.tensors.map((tensor) => [tensor.name, tensor]));
  using frozen = new ParameterStore(executor, withReference(weights, referenceWeights));
  using trainer = await Trainer.create({
    executor,
    spec: {
      denoiser,
      pairs,
      loss,
      mode: trained.mode,
      layout: layoutArenas(trained.tensors, MAX_BINDING_ELEMENTS),
      reference: outside ? 'input' : 'engine',
      accumulation: 1,
    },
    frozen,
    initial: (name) => byName.get(name)!.data(),
  });

  const outputs = new Map<string, ArrayLike<number>>();
  for (let k = 0; k < steps; k++) {
    const batch = await stepBatch(golden, k, noise, alphas, beta, model);
    if (outside) batch.referenceErrors = await outside.errors(batch);
    const lr = optimiser.lr * learningRateFactor({ lrSchedule: 'constant', warmupSteps, steps }, k);
    const { micro, gradNorm } = await trainer.run([batch], {
      ...optimiser,
      lr,
      maxGradNorm: optionalNumber(golden, 'max_grad_norm') ?? 0,
      t: k + 1,
    });
    const { policyErrors, referenceErrors, logit } = micro[0]!;
    const [mW, mL, rW, rL] = [
      policyErrors.subarray(0, pairs),
      policyErrors.subarray(pairs),
      referenceErrors.subarray(0, pairs),
      referenceErrors.subarray(pairs),
    ];
    const shown = losses[loss.loss].forward(
      { mW, mL, rW, rL, beta, logitScale: batch.logitScale, preference: batch.preference },
      loss.params,
    );
    const scalars = { m_w: mW, m_l: mL, r_w: rW, r_l: rL, logit, loss: [shown.loss], grad_norm: [gradNorm] };
    for (const [name, value] of Object.entries(scalars)) outputs.set(`step.${k}.${name}`, value);
    if (k === 0)
      for (const [name, grad] of await trainer.tensors('grad')) outputs.set(`grad.${byName.get(name)!.caseName}`, grad);
  }
  for (const [name, value] of await trainer.tensors('param')) outputs.set(`final.${byName.get(name)!.caseName}`, value);
  return outputs;
}

/** A logit is a small difference of large numbers: (beta / 2) 1e-6 max(m_w, m_l), and 2e-3 more where another engine is the reference. */
async function logitSlack(
  golden: GoldenCase,
  name: string,
  beta: number,
  reference: 'engine' | 'onnx',
): Promise<Float64Array> {
  const { expected } = golden;
  const at = (scalar: string): Promise<Float32Array> => expected.read(name.replace(/logit$/, scalar));
  const [winner, loser] = [await at('m_w'), await at('m_l')];
  return Float64Array.from(
    winner,
    (m, i) => (beta / 2) * 1e-6 * Math.max(m, loser[i]!) + (reference === 'onnx' ? 2e-3 : 0),
  );
}

/** `weights`, and the reference's under `reference.<key>`, as the step graph of full fine-tuning asks for them. */
function withReference(weights: TensorSource, reference: TensorSource): TensorSource {
  const prefix = 'reference.';
  const of = (name: string): [TensorSource, string] =>
    name.startsWith(prefix) ? [reference, name.slice(prefix.length)] : [weights, name];
  return {
    names: [...weights.names, ...reference.names.map((name) => prefix + name)],
    shape(name) {
      const [source, key] = of(name);
      return source.shape(key);
    },
    read(name) {
      const [source, key] = of(name);
      return source.read(key);
    },
  };
}
