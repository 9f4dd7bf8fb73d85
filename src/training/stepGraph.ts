/** The graph of one training step: reference errors, policy errors, preference loss, gradients, clipping, AdamW, average of the weights.
 *
 *  A batch holds 2B samples: B winners, then the B losers of the same pairs, with the pair's timestep and noise in both halves
 *  (Diffusion-DPO, arXiv 2311.12908, final loss; SalesforceAIResearch/DiffusionDPO train.py:1122-1145). */
import { backward } from '../autodiff/backward.ts';
import { Graph, type ParameterDtype, type Value } from '../graph/graph.ts';
import type { LossParams } from '../losses/loss.ts';
import { defaultLossSettings, type LossName, type LossSettings, paramsOf } from '../losses/table.ts';
import type { LayerOptions } from '../models/layers.ts';
import type { Shape } from '../shared/shape.ts';
import type { ArenaLayout } from './arena.ts';
import type { RecomputeChoice } from './config.ts';
import type { Denoiser } from './denoiser.ts';
import { policyOf, type TrainMode } from './policy.ts';

export interface LossSpec {
  loss: LossName;
  /** The numbers of its formula. */
  params: LossParams;
  /** Diffusion-SDPO's mu; null leaves the safeguard out. */
  sdpoMu: number | null;
}

export const lossSpecOf = (loss: LossName, settings: LossSettings): LossSpec => ({
  loss,
  params: paramsOf(loss, settings),
  sdpoMu: settings.sdpoMu,
});

export const defaultLoss = lossSpecOf('sigmoid', defaultLossSettings);

export interface StepSpec {
  denoiser: Denoiser;
  /** The same at the sizes of further buckets: pictures of several sizes train, each micro-batch at one of them. */
  otherSizes?: readonly Denoiser[];
  pairs: number;
  loss: LossSpec;
  mode: TrainMode;
  /** Trained tensors. full: checkpoint keys. lora: `<module path>.lora_down.weight` and `.lora_up.weight`. */
  layout: ArenaLayout;
  /** How frozen weights are kept (models/layers.ts LayerOptions); trained tensors are f32. */
  dtypeOf?: LayerOptions['dtypeOf'];
  /** engine: the same kernels with the adapter off (lora) or a frozen second copy of the weights under `reference.<key>` (full), in the
   *  same submit. input: r [2B] comes from outside. */
  reference: 'engine' | 'input';
  /** Micro-batches per step; above 1 the update is a graph of its own. */
  accumulation: number;
  /** Whether an average of the trained tensors is kept (optimisers/ema.ts). */
  ema?: boolean;
  /** Samples of a batch of a look at pairs (service/training/looks.ts), a forward pass beside the step; none if left out. */
  lookBatch?: number;
  /** What the backward pass computes anew (training/recompute.ts); `auto` if left out. */
  recompute?: RecomputeChoice;
}

export interface StepOutputs {
  /** [2B] mean squared errors of policy and reference. */
  policyErrors: Value;
  referenceErrors: Value;
  /** [B] */
  logit: Value;
  /** [1] batch mean in f32; for display losses/ gives it in f64 from the errors. */
  loss: Value;
}

/** Flat states: trained tensors, their gradients (over a micro-batch; and summed over micro-batches if there are several), AdamW's moments, the
 *  average of the trained tensors where one is kept. */
export interface StepStates {
  param: Value[];
  grad: Value[];
  sum: Value[];
  m: Value[];
  v: Value[];
  ema: Value[];
}

export interface UpdateValues {
  /** [1] global gradient norm before clipping. */
  gradNorm: Value;
}

/** Its inputs, by name: the denoiser's; `target` [2B, C, H, W], the noise, or v, or x0, as the model's prediction type asks; `beta` [1];
 *  `logit_scale` [B], 1 or min(SNR, gamma) / SNR; `preference` [B], the chance that the winner is the better one; with an outside reference
 *  `reference_errors` [2B]; with the update `hyper` [8] (graph/ops.ts adamw), and `ema_weight` [1], 1 - decay, where an average is kept. */
export interface StepGraph {
  graph: Graph;
  outputs: StepOutputs;
  states: StepStates;
  /** Present if the update is part of this graph (accumulation 1). */
  update?: UpdateValues;
}

export interface UpdateGraph {
  graph: Graph;
  states: StepStates;
  update: UpdateValues;
}

type UpdateSpec = Pick<StepSpec, 'layout' | 'accumulation' | 'ema'>;

function flatStates(graph: Graph, { layout, accumulation, ema = false }: UpdateSpec): StepStates {
  const make = (what: string): Value[] => layout.arenas.map((elements, i) => graph.state(`${what}.${i}`, [elements]));
  return {
    param: make('param'),
    grad: make('grad'),
    sum: accumulation > 1 ? make('gradSum') : [],
    m: make('adam.m'),
    v: make('adam.v'),
    ema: ema ? make('ema') : [],
  };
}

function appendUpdate(graph: Graph, states: StepStates): UpdateValues {
  const grads = states.sum.length > 0 ? states.sum : states.grad;
  const hyper = graph.input('hyper', [8]);
  const gradNorm = graph.op('globalNorm', {}, grads);
  grads.forEach((grad, i) =>
    graph.node('adamw', {}, [states.param[i]!, grad, states.m[i]!, states.v[i]!, gradNorm, hyper]),
  );
  if (states.ema.length > 0) {
    const weight = graph.input('ema_weight', [1]);
    states.ema.forEach((average, i) => graph.node('ema', {}, [average, states.param[i]!, weight]));
  }
  for (const sum of states.sum) graph.node('zero', {}, [sum]);
  graph.output('gradNorm', gradNorm);
  return { gradNorm };
}

/** The update alone: after the last of several micro-batches. */
export function buildUpdateGraph(spec: UpdateSpec): UpdateGraph {
  const graph = new Graph();
  const states = flatStates(graph, spec);
  return { graph, states, update: appendUpdate(graph, states) };
}

/** Forward, loss and backward of one micro-batch; with accumulation 1 the update too. */
export function buildStepGraph(spec: StepSpec): StepGraph {
  const { denoiser, pairs, layout, mode } = spec;
  const graph = new Graph();
  const batch = 2 * pairs;
  const states = flatStates(graph, spec);
  const inputs = denoiser.inputs(graph, batch);
  const target = graph.input('target', inputs.sample.shape);
  const beta = graph.input('beta', [1]);
  const logitScale = graph.input('logit_scale', [pairs]);
  const preference = graph.input('preference', [pairs]);
  const outsideErrors = spec.reference === 'input' ? graph.input('reference_errors', [batch]) : undefined;

  // One Value per frozen tensor, shared by policy and reference where both read it.
  const frozen = new Map<string, Value>();
  const frozenParameter = (name: string, shape: Shape, dtype: ParameterDtype): Value => {
    const known = frozen.get(name) ?? graph.parameter(name, shape, dtype);
    frozen.set(name, known);
    return known;
  };
  const { trained, options: policy } = policyOf(graph, spec, states.param, frozenParameter);
  const referenceParameter: typeof frozenParameter = (name, ...rest) =>
    frozenParameter(mode.kind === 'full' ? `reference.${name}` : name, ...rest);
  const dtypes = spec.dtypeOf ? { dtypeOf: spec.dtypeOf } : {};

  // The reference runs first: its activations are gone before the policy's begin.
  const referenceErrors =
    outsideErrors ??
    graph.scope('reference', () => {
      const pred = denoiser.build(graph, inputs, { parameter: referenceParameter, ...dtypes });
      return graph.op('meanSquaredError', {}, [pred, target]);
    });
  const { pred, policyErrors } = graph.scope('policy', () => {
    const pred = denoiser.build(graph, inputs, { ...policy, ...dtypes });
    return { pred, policyErrors: graph.op('meanSquaredError', {}, [pred, target]) };
  });

  const { sdpoMu, ...named } = spec.loss;
  const [loss, logit, dm] = graph.node('preferenceLoss', named, [
    policyErrors,
    referenceErrors,
    beta,
    logitScale,
    preference,
  ]) as [Value, Value, Value];
  const seed = sdpoMu === null ? dm : graph.op('sdpoSafeguard', { mu: sdpoMu }, [pred, target, dm]);

  const gradients = backward(graph, [{ value: policyErrors, grad: seed }], [...trained.values()]);
  for (const { name, arena, offset } of layout.entries)
    graph.place(gradients.get(trained.get(name)!)!, states.grad[arena]!, offset);

  graph.output('policyErrors', policyErrors);
  if (spec.reference === 'engine') graph.output('referenceErrors', referenceErrors);
  graph.output('logit', logit);
  graph.output('loss', loss);
  states.sum.forEach((sum, i) => graph.node('accumulate', { factor: 1 / spec.accumulation }, [sum, states.grad[i]!]));
  const update = spec.accumulation === 1 ? appendUpdate(graph, states) : undefined;
  return {
    graph,
    outputs: { policyErrors, referenceErrors, logit, loss },
    states,
    ...(update ? { update } : {}),
  };
}
