/** The prepared step: programs compiled once, tensors on the executor, replayed for every batch. Knows nothing of files, prompts or runs. */
import type { Executor, MemoryReport, Program, Storage } from '../graph/executor.ts';
import { feed, type Feeds } from '../graph/feed.ts';
import { graphFlops } from '../graph/flops.ts';
import type { Value } from '../graph/graph.ts';
import type { Conditioning } from '../models/conditioning.ts';
import type { ParameterStore } from '../models/parameterStore.ts';
import '../shared/disposable.ts';
import { sizeOf } from '../shared/shape.ts';
import { type Recompute, recomputed } from './recompute.ts';
import {
  buildStepGraph,
  buildUpdateGraph,
  type StepGraph,
  type StepSpec,
  type StepStates,
  type UpdateGraph,
} from './stepGraph.ts';

/** One micro-batch of B pairs, row-major: winners, then losers. */
export interface StepBatch {
  /** Whose size it has: 0 of StepSpec's denoiser, 1 on of its other sizes; 0 if left out. */
  bucket?: number;
  /** [2B, C, H, W] */
  sample: Float32Array;
  target: Float32Array;
  /** [2B] */
  timestep: Float32Array;
  /** Of 2B samples. */
  conditioning: Conditioning;
  /** [2B]; with an outside reference. */
  referenceErrors?: Float32Array | undefined;
  /** [B], 1 if left out. */
  logitScale?: Float32Array | undefined;
  preference?: Float32Array | undefined;
  beta: number;
}

/** What the denoiser of a batch is fed, and what its prediction is held against. */
export const batchFeeds = ({ sample, timestep, conditioning, target }: StepBatch): Feeds => ({
  ...conditioning,
  sample,
  timestep,
  target,
});

/** AdamW's numbers for one step, and the decay of the average where one is kept. t counts from 1. maxGradNorm 0 means no clipping. */
export interface UpdateSettings {
  lr: number;
  beta1: number;
  beta2: number;
  eps: number;
  weightDecay: number;
  maxGradNorm: number;
  t: number;
  emaDecay?: number;
}

/** [2B], [2B], [B]. */
export interface MicroResult {
  policyErrors: Float32Array;
  referenceErrors: Float32Array;
  logit: Float32Array;
}

/** What is kept of each trained tensor for a run to go on: its weights, AdamW's moments, and the average of the weights where there is one. */
export const trainedKinds = ({ ema = false }: Pick<StepSpec, 'ema'>): readonly TrainedKind[] =>
  ema ? ['param', 'm', 'v', 'ema'] : ['param', 'm', 'v'];
export type TrainedKind = 'param' | 'm' | 'v' | 'ema';

/** What training comes to, and is sampled, looked at and taken away: the average of the weights where one is kept, else the weights. */
export const resultKind = ({ ema = false }: Pick<StepSpec, 'ema'>): 'param' | 'ema' => (ema ? 'ema' : 'param');

/** The bias corrections belong to the betas as the kernel has them, in f32. */
const hyperOf = ({ lr, beta1, beta2, eps, weightDecay, maxGradNorm, t }: UpdateSettings): Float32Array =>
  Float32Array.of(
    lr,
    beta1,
    beta2,
    eps,
    weightDecay,
    1 - Math.fround(beta1) ** t,
    1 - Math.fround(beta2) ** t,
    maxGradNorm,
  );

type ArenaKind = keyof StepStates;

export class Trainer implements Disposable {
  readonly spec: StepSpec;
  /** What `auto` came to. */
  readonly recompute: Recompute;
  private readonly storages: Record<ArenaKind, Storage[]>;
  private readonly steps: StepPrograms;
  private readonly updateGraph: UpdateGraph | undefined;
  private readonly updateProgram: Program | undefined;
  private readonly owned: Disposable;

  private constructor(
    owned: Disposable,
    spec: StepSpec,
    recompute: Recompute,
    storages: Record<ArenaKind, Storage[]>,
    steps: StepPrograms,
    update: { graph: UpdateGraph; program: Program } | undefined,
  ) {
    this.owned = owned;
    this.spec = spec;
    this.recompute = recompute;
    this.storages = storages;
    this.steps = steps;
    this.updateGraph = update?.graph;
    this.updateProgram = update?.program;
  }

  /** Builds, plans and compiles; for further sizes when they are first needed. `initial` gives every tensor of the layout; `frozen` holds the rest of the model (in full mode under
   *  `reference.<key>` too, if the reference is the engine) and stays its maker's. Where anything is refused, nothing of the trainer is left. */
  static async create(options: {
    executor: Executor;
    spec: StepSpec;
    frozen: ParameterStore;
    initial: (name: string) => Promise<Float32Array>;
    /** Of several sizes: what their programs may hold of inputs and activations together, in bytes; that of one if it alone takes more. */
    workingBytes?: number;
  }): Promise<Trainer> {
    const { executor, spec, frozen, initial, workingBytes = Infinity } = options;
    const { step: graph, recompute } = recomputed(buildStepGraph(spec), spec.recompute ?? 'auto');
    using owned = new DisposableStack();
    const make = (what: string): Storage[] =>
      spec.layout.arenas.map((elements, i) => owned.use(executor.storage(`${what}.${i}`, elements)));
    const storages = {
      param: make('param'),
      grad: make('grad'),
      sum: spec.accumulation > 1 ? make('gradSum') : [],
      m: make('adam.m'),
      v: make('adam.v'),
      ema: spec.ema ? make('ema') : [],
    };
    for (const { name, arena, offset } of spec.layout.entries) {
      const data = await initial(name);
      storages.param[arena]!.write(data, offset);
      storages.ema[arena]?.write(data, offset);
    }

    const compile = async (graph: StepGraph): Promise<Program> =>
      executor.compile(graph.graph, {
        bindings: new Map([...(await frozen.bindings(graph.graph)), ...arenaBindings(graph.states, storages)]),
        label: 'train step',
      });
    const steps = owned.use(
      new StepPrograms(
        { graph, program: await compile(graph) },
        async (size) => {
          const other = { ...spec, denoiser: spec.otherSizes![size - 1]! };
          return recomputed(buildStepGraph(other), recompute).step;
        },
        { compile, workingBytes, workingBytesOf: (other) => workingOf(executor.plan(other.graph)) },
      ),
    );
    const updateGraph = spec.accumulation > 1 ? buildUpdateGraph(spec) : undefined;
    const update = updateGraph && {
      graph: updateGraph,
      program: owned.use(
        await executor.compile(updateGraph.graph, {
          bindings: arenaBindings(updateGraph.states, storages),
          label: 'update',
        }),
      ),
    };
    return new Trainer(owned.move(), spec, recompute, storages, steps, update);
  }

  /** Of both programs and all storages. The update's states are the step's. */
  get memory(): MemoryReport {
    const { plannedBytes: step, allocatedBytes } = this.steps.memory;
    if (!this.updateProgram) return { plannedBytes: step, allocatedBytes };
    const { plannedBytes: update, allocatedBytes: updateAllocated } = this.updateProgram.memory;
    return {
      plannedBytes: {
        ...step,
        inputs: step.inputs + update.inputs,
        activations: step.activations + update.activations,
        total: step.total + update.total - update.state,
      },
      allocatedBytes: allocatedBytes + updateAllocated - update.state,
    };
  }

  /** What one step runs: the micro-batch's program and, with accumulation, the update's. For profiling. */
  get programs(): readonly Program[] {
    const { program } = this.steps.first;
    return this.updateProgram ? [program, this.updateProgram] : [program];
  }

  /** Floating-point operations of one step, of the first size: others are about as large. */
  get flops(): number {
    return (
      this.spec.accumulation * graphFlops(this.steps.first.graph.graph) +
      (this.updateGraph ? graphFlops(this.updateGraph.graph) : 0)
    );
  }

  get dispatchCount(): number {
    return this.steps.first.program.dispatchCount + (this.updateProgram?.dispatchCount ?? 0);
  }

  /** Runs one step over `accumulation` micro-batches and updates the trained tensors. */
  async run(
    batches: readonly StepBatch[],
    update: UpdateSettings,
  ): Promise<{ micro: MicroResult[]; gradNorm: number }> {
    const hyper = { hyper: hyperOf(update), ...this.emaWeight(update) };
    const micro: MicroResult[] = [];
    let gradNorm: Float32Array | undefined;
    for (const batch of batches) {
      const result = await this.runMicro(batch, hyper);
      micro.push(result);
      gradNorm = result.gradNorm;
    }
    if (this.updateProgram && this.updateGraph) {
      const { updateProgram } = this;
      feed(this.updateGraph.graph, hyper, (value, data) => updateProgram.write(value, data));
      [gradNorm] = await this.updateProgram.runAndRead([this.updateGraph.update.gradNorm]);
    }
    return { micro, gradNorm: gradNorm![0]! };
  }

  /** One submit: the step and the copies of its few numbers. The norm is there if the update is part of the graph. */
  private async runMicro(batch: StepBatch, hyper: Feeds): Promise<MicroResult & { gradNorm?: Float32Array }> {
    const {
      graph: { graph, outputs, update },
      program,
    } = await this.steps.at(batch.bucket ?? 0);
    const ones = new Float32Array(this.spec.pairs).fill(1);
    feed(
      graph,
      {
        ...batchFeeds(batch),
        beta: Float32Array.of(batch.beta),
        logit_scale: batch.logitScale ?? ones,
        preference: batch.preference ?? ones,
        ...(batch.referenceErrors && { reference_errors: batch.referenceErrors }),
        ...(update && hyper),
      },
      (value, data) => program.write(value, data),
    );
    const [policyErrors, logit, ...rest] = (await program.runAndRead([
      outputs.policyErrors,
      outputs.logit,
      ...(batch.referenceErrors ? [] : [outputs.referenceErrors]),
      ...(update ? [update.gradNorm] : []),
    ])) as [Float32Array, Float32Array, ...Float32Array[]];
    const referenceErrors = batch.referenceErrors ?? rest.shift()!;
    return { policyErrors, logit, referenceErrors, ...(update ? { gradNorm: rest[0]! } : {}) };
  }

  private emaWeight({ emaDecay = 0 }: UpdateSettings): Feeds {
    return this.spec.ema ? { ema_weight: Float32Array.of(1 - emaDecay) } : {};
  }

  /** Trained tensors (`param`), AdamW's moments (`m`, `v`), the average of the weights (`ema`), or the gradients of the last micro-batch before clipping (`grad`), by name. */
  async tensors(kind: TrainedKind | 'grad' = 'param'): Promise<Map<string, Float32Array>> {
    const arenas = await Promise.all(this.storages[kind].map((storage) => storage.read()));
    return new Map(
      this.spec.layout.entries.map(({ name, shape, arena, offset }) => [
        name,
        arenas[arena]!.slice(offset, offset + sizeOf(shape)),
      ]),
    );
  }

  /** One of them: for what must not be held all at once. */
  tensor(kind: TrainedKind, name: string): Promise<Float32Array> {
    const { shape, arena, offset } = this.spec.layout.byName.get(name)!;
    return this.storages[kind][arena]!.read(offset, sizeOf(shape));
  }

  /** Sets one, to go on from what was saved. */
  restore(kind: TrainedKind, name: string, data: Float32Array): void {
    const { arena, offset } = this.spec.layout.byName.get(name)!;
    this.storages[kind][arena]!.write(data, offset);
  }

  /** The flat arenas of what training has come to (`resultKind`), for programs that sample with it where it lies. */
  resultArenas(): readonly Storage[] {
    return this.storages[resultKind(this.spec)];
  }

  [Symbol.dispose](): void {
    this.owned[Symbol.dispose]();
  }
}

interface StepProgram {
  graph: StepGraph;
  program: Program;
}

/** The first size's, for as long as the trainer lives; those of others from when they are first needed until room is. */
class StepPrograms implements Disposable {
  readonly first: StepProgram;
  /** By size, the one that was used last behind the others. */
  private readonly others = new Map<number, StepProgram>();
  private readonly graphs = new Map<number, StepGraph>();
  private readonly build: (size: number) => Promise<StepGraph>;
  private readonly how: {
    compile(graph: StepGraph): Promise<Program>;
    workingBytes: number;
    workingBytesOf(graph: StepGraph): number;
  };

  constructor(first: StepProgram, build: StepPrograms['build'], how: StepPrograms['how']) {
    this.first = first;
    this.build = build;
    this.how = how;
  }

  async at(size: number): Promise<StepProgram> {
    if (size === 0) return this.first;
    const known = this.others.get(size);
    this.others.delete(size);
    if (known) {
      this.others.set(size, known);
      return known;
    }
    const graph = this.graphs.get(size) ?? (await this.build(size));
    this.graphs.set(size, graph);
    this.makeRoom(this.how.workingBytesOf(graph));
    const made = { graph, program: await this.how.compile(graph) };
    this.others.set(size, made);
    return made;
  }

  private makeRoom(bytes: number): void {
    for (const [size, { program }] of this.others) {
      const held = [this.first, ...this.others.values()].reduce(
        (sum, other) => sum + workingOf(other.program.memory.plannedBytes),
        0,
      );
      if (held + bytes <= this.how.workingBytes) return;
      this.others.delete(size);
      program[Symbol.dispose]();
    }
  }

  /** Of all that are there; parameters and states are the first's. */
  get memory(): MemoryReport {
    const { plannedBytes, allocatedBytes } = this.first.program.memory;
    const total = { ...plannedBytes };
    let allocated = allocatedBytes;
    for (const { program } of this.others.values()) {
      const { inputs, activations } = program.memory.plannedBytes;
      total.inputs += inputs;
      total.activations += activations;
      total.total += inputs + activations;
      allocated += program.memory.allocatedBytes - (program.memory.plannedBytes.total - inputs - activations);
    }
    return { plannedBytes: total, allocatedBytes: allocated };
  }

  [Symbol.dispose](): void {
    for (const { program } of [this.first, ...this.others.values()]) program[Symbol.dispose]();
    this.others.clear();
  }
}

const workingOf = ({ inputs, activations }: MemoryReport['plannedBytes']): number => inputs + activations;

function arenaBindings(states: StepStates, storages: Record<ArenaKind, Storage[]>): Map<Value, Storage> {
  return new Map(
    (Object.keys(states) as ArenaKind[]).flatMap((kind) =>
      states[kind].map((value, i) => [value, storages[kind][i]!] as const),
    ),
  );
}
