/** The engine as a system of the peer benchmark (one DPO step beside jax-js, tfjs and onnxruntime-web): the product's own trainer, step
 *  graph and executor on given weights, reference errors and inputs. */
import { ParameterStore } from '../src/models/parameterStore.ts';
import { openDenoiser } from '../src/models/families.ts';
import type { TensorSource } from '../src/models/weights.ts';
import { feed } from '../src/graph/feed.ts';
import { Graph, type Value } from '../src/graph/graph.ts';
import type { OpKind, OpParams } from '../src/graph/ops.ts';
import { layoutArenas } from '../src/training/arena.ts';
import type { Denoiser } from '../src/training/denoiser.ts';
import { defaultLoss, type StepSpec } from '../src/training/stepGraph.ts';
import { type StepBatch, Trainer } from '../src/training/trainer.ts';
import { losses } from '../src/losses/table.ts';
import { type EngineDevice, openDevice } from '../src/webgpu/device.ts';
import { createGpuExecutor, type GpuExecutor } from '../src/webgpu/executor.ts';
import { stepTasks } from '../src/service/planning/stepTasks.ts';
import { tuneKernels } from '../src/webgpu/tune.ts';
import { heaviestTasks, type Task } from '../src/webgpu/workload.ts';
import { evaluate } from '../src/oracle/run.ts';

interface Tensor {
  shape: number[];
  data: Float32Array;
}
type Tensors = Map<string, Tensor>;

interface CaseFiles {
  config: {
    unet: Record<string, unknown>;
    beta: number;
    adamw: { lr: number; beta1: number; beta2: number; eps: number; weight_decay: number };
    lora: { rank: number; alpha: number };
  };
  weights: Tensors;
  reference: Tensors;
  inputs: Tensors;
  lora: Tensors;
}

export const info = { name: 'winnow', version: '0.1.0', layout: 'NCHW', wantsDevice: false };

async function tunedFor(engine: EngineDevice, tasks: readonly Task[]): Promise<GpuExecutor> {
  const { variants, flopsPerSecond } = await tuneKernels(engine, evaluate, { tasks });
  return createGpuExecutor(engine, { variants, flopsPerSecond });
}

const sourceOf = (tensors: Tensors): TensorSource => ({
  names: [...tensors.keys()],
  shape: (name) => tensors.get(name)?.shape,
  read: async (name) => tensors.get(name)!.data,
});

const toOurs = (name: string): string =>
  name.replace(/\.lora_A$/, '.lora_down.weight').replace(/\.lora_B$/, '.lora_up.weight');
const toTheirs = (name: string): string =>
  name.replace(/\.lora_down\.weight$/, '.lora_A').replace(/\.lora_up\.weight$/, '.lora_B');

export async function load(
  { config, weights, reference, inputs, lora }: CaseFiles,
  _device: null,
  { mode }: { mode: 'full' | 'lora' },
) {
  const engine = await openDevice(navigator.gpu);
  const model = openDenoiser({ ...config.unet, _class_name: 'UNet2DConditionModel' });
  const [, , height, width] = inputs.get('noisy')!.shape as [number, number, number, number];
  const tokens = inputs.get('context')!.shape[1]!;
  const denoiser: Denoiser = {
    inputs: (graph, batch) => model.inputs(graph, { batch, height, width, tokens }),
    build: (graph, values, options) => model.build(graph, values, options),
  };
  const trained: Tensors =
    mode === 'full' ? weights : new Map([...lora].map(([name, tensor]) => [toOurs(name), tensor]));
  const scale = config.lora.alpha / config.lora.rank;
  const spec: StepSpec = {
    denoiser,
    pairs: 1,
    loss: defaultLoss,
    mode: mode === 'full' ? { kind: 'full' } : { kind: 'lora', scaleOf: () => scale },
    layout: layoutArenas(
      [...trained].map(([name, { shape }]) => ({ name, shape })),
      engine.device.limits.maxStorageBufferBindingSize / 4,
    ),
    reference: 'input',
    accumulation: 1,
  };
  const executor = await tunedFor(engine, stepTasks(spec, engine.device.limits));
  const frozen = new ParameterStore(executor, sourceOf(weights));
  const trainer = await Trainer.create({ executor, spec, frozen, initial: async (name) => trained.get(name)!.data });
  const timestep = new Float32Array(2).fill(inputs.get('timestep')!.data[0]!);
  const batch: StepBatch = {
    sample: inputs.get('noisy')!.data,
    target: inputs.get('noise')!.data,
    timestep,
    conditioning: { encoder_hidden_states: inputs.get('context')! },
    referenceErrors: Float32Array.of(reference.get('r_w')!.data[0]!, reference.get('r_l')!.data[0]!),
    beta: config.beta,
  };
  const { lr, beta1, beta2, eps, weight_decay: weightDecay } = config.adamw;
  let t = 0;

  async function run(learningRate: number) {
    const { micro } = await trainer.run([batch], {
      lr: learningRate,
      beta1,
      beta2,
      eps,
      weightDecay,
      maxGradNorm: 0,
      t: ++t,
    });
    const { policyErrors, referenceErrors } = micro[0]!;
    const errors = {
      mW: policyErrors.subarray(0, 1),
      mL: policyErrors.subarray(1),
      rW: referenceErrors.subarray(0, 1),
      rL: referenceErrors.subarray(1),
    };
    const { loss, logit } = losses.sigmoid.forward({ ...errors, beta: config.beta }, spec.loss.params);
    return { m_w: policyErrors[0]!, m_l: policyErrors[1]!, logit: logit[0]!, loss };
  }

  const system = {
    notes: { memory: trainer.memory, dispatches: trainer.dispatchCount, flops: trainer.flops },
    scalars: undefined as Record<string, number> | undefined,
    step: () => run(lr),
    /** At learning rate 0 the update leaves every weight as it is. */
    async grads() {
      system.scalars = await run(0);
      const grads = await trainer.tensors('grad');
      return new Map([...grads].map(([name, data]) => [toTheirs(name), data]));
    },
    async forward() {
      forwardProgram ??= prepareForward();
      const { program, noisePred } = await forwardProgram;
      feed(program.graph, { ...batch.conditioning, sample: batch.sample, timestep }, (value, data) =>
        program.write(value, data),
      );
      return (await program.runAndRead([noisePred]))[0]!;
    },
  };

  let forwardProgram: ReturnType<typeof prepareForward> | undefined;
  /** A plan of its own, without gradients, on the weights as they were read. */
  async function prepareForward() {
    const graph = new Graph();
    const values = denoiser.inputs(graph, 2);
    const adapters = new Map<string, Value>();
    const noisePred = denoiser.build(graph, values, {
      lora: (path) => {
        const [down, up] = [trained.get(`${path}.lora_down.weight`), trained.get(`${path}.lora_up.weight`)];
        if (mode === 'full' || !down || !up) return undefined;
        const value = (name: string, { shape }: Tensor): Value => {
          const made = graph.state(name, shape);
          adapters.set(name, made);
          return made;
        };
        return {
          down: value(`${path}.lora_down.weight`, down),
          up: value(`${path}.lora_up.weight`, up),
          scale,
          rank: config.lora.rank,
        };
      },
    });
    graph.output('noise_pred', noisePred);
    const store = mode === 'full' ? new ParameterStore(executor, sourceOf(weights)) : frozen;
    const program = await executor.compile(graph, { bindings: await store.bindings(graph), label: 'forward' });
    for (const [name, value] of adapters) program.write(value, trained.get(name)!.data);
    return { program, noisePred };
  }

  return system;
}

type MicroInputs = Record<'x' | 'w' | 'dy' | 'a' | 'b' | 'g' | 'bb', Tensor> & Record<string, Tensor>;

/** Single ops of the benchmark, each as a graph of its own. */
export async function microOps(_device: null, I: MicroInputs) {
  const engine = await openDevice(navigator.gpu);
  const reshaped = ({ data }: Tensor, shape: number[]): Tensor => ({ data, shape });

  /** Compiles a graph once; every call runs it and reads all results. */
  async function prepare(
    tensors: Tensor[],
    build: (graph: Graph, values: Value[]) => Value[],
  ): Promise<() => Promise<Float32Array[]>> {
    const graph = new Graph();
    const values = tensors.map(({ shape }, i) => graph.input(`input ${i}`, shape));
    const results = build(graph, values);
    results.forEach((value, i) => graph.output(`result ${i}`, value));
    const executor = await tunedFor(engine, heaviestTasks(graph, engine.device.limits));
    const program = await executor.compile(graph);
    values.forEach((value, i) => program.write(value, tensors[i]!.data));
    return () => program.runAndRead(results);
  }
  const single = <K extends OpKind>(
    op: K,
    params: OpParams[K],
    tensors: Tensor[],
  ): Promise<() => Promise<Float32Array[]>> => prepare(tensors, (graph, values) => [graph.op(op, params, values)]);

  const conv = { stride: 1, padding: [1, 1, 1, 1] as const, scale: 1 };
  const norm = { groups: 32, eps: 1e-5, silu: true };
  const attention = (d: number, backward: boolean): Promise<() => Promise<Float32Array[]>> =>
    prepare(
      ['q', 'k', 'v', 'do'].map((name) => reshaped(I[`${name}${d}`]!, [8, 256, d])),
      (graph, [q, k, v, grad]) => {
        const params = { heads: 1, causal: false };
        const [o, lse] = graph.node('attention', params, [q!, k!, v!]) as [Value, Value];
        if (!backward) return [o];
        const inputs = [grad!, q!, k!, v!, lse];
        const [dq, delta] = graph.node('attentionGradQuery', params, [...inputs, o]) as [Value, Value];
        return [o, dq, ...graph.node('attentionGradKeyValue', params, [...inputs, delta])];
      },
    );
  return {
    conv_fwd: await single('conv2d', { ...conv, bias: false, residual: false }, [I.x, I.w]),
    conv_dgrad: await single('conv2dGradInput', { ...conv, height: 16, width: 16, residual: false }, [I.dy, I.w]),
    conv_wgrad: await single('conv2dGradWeight', { ...conv, kernelHeight: 3, kernelWidth: 3, bias: false }, [
      I.dy,
      I.x,
    ]),
    // a b: the product with b's columns as they lie is linear's gradient by its input.
    matmul256: await single('linearGradInput', { residual: false, scale: 1 }, [I.a, I.b]),
    attn16_fwd: await attention(16, false),
    attn32_fwd: await attention(32, false),
    attn16_fwdbwd: await attention(16, true),
    attn32_fwdbwd: await attention(32, true),
    gnsilu_fwd: await single('groupNorm', norm, [I.x, I.g, I.bb]),
    gnsilu_fwdbwd: await prepare([I.x, I.g, I.bb, I.dy], (graph, [x, weight, bias, dy]) => {
      const [y, stats] = graph.node('groupNorm', norm, [x!, weight!, bias!]) as [Value, Value];
      const inputs = [dy!, x!, weight!, bias!, stats];
      return [
        y,
        graph.op('groupNormGradInput', { ...norm, residual: false, weights: false }, inputs),
        ...graph.node('groupNormGradParams', norm, inputs),
      ];
    }),
  };
}
