/** The tuner chooses by what kernels take, whatever clock the browser has, on what is to run. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type NodeDevice, openNodeDevice } from '../cli/device.ts';
import { Graph, type Value } from '../graph/graph.ts';
import { evaluate } from '../oracle/run.ts';
import { MATRIX_FEATURE, SIZE_FEATURE } from '../shared/subgroupMatrices.ts';
import type { EngineDevice } from './device.ts';
import { classes, classGraph, orderOf, raced, tuneKernels, type Tuning } from './tune.ts';
import { chooseVariant, type KernelVariants } from './variants.ts';
import { heaviestTasks, type Task } from './workload.ts';

let engine: NodeDevice;
/** However busy the machine is. */
const AMPLE = 3_600_000;
const tuned = new Map<string, Tuning>();

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function hideFeature(device: GPUDevice, hidden: string): void {
  const features = new Set([...device.features].filter((name) => name !== hidden));
  Object.defineProperty(device, 'features', { value: features, configurable: true });
}

/** Without timestamps; waits for the GPU end at ticks of so many milliseconds, as in Firefox. */
function dullClock(device: GPUDevice, tick: number): void {
  hideFeature(device, 'timestamp-query');
  const done = device.queue.onSubmittedWorkDone.bind(device.queue);
  device.queue.onSubmittedWorkDone = async () => {
    await done();
    if (tick > 0) await wait(tick - (performance.now() % tick));
    return undefined;
  };
}

/** The device as one that says of itself what is given. */
function saying(own: NodeDevice, told: Partial<EngineDevice['adapter']>): NodeDevice {
  const adapter = { ...own.adapter, ...told };
  return new Proxy(own, { get: (of, key) => (key === 'adapter' ? adapter : Reflect.get(of, key, of)) });
}

beforeAll(async () => {
  // One whose race nobody knows the end of.
  engine = saying(await openNodeDevice(), { architecture: 'unheard of' });
  for (const [clock, tick] of [
    ['own', undefined],
    ['submit', 0],
    ['ticks of 100 ms', 100],
  ] as const) {
    if (tick !== undefined) dullClock(engine.device, tick);
    tuned.set(clock, await tuneKernels(engine, evaluate));
  }
}, 300_000);
afterAll(() => engine?.destroy());

/** What runs of each class, however the record says it: a lead that is not clear has every class raced. */
function chosen(variants: KernelVariants): string[] {
  const { software } = engine.adapter;
  return Object.keys(classes).map((kernelClass) => {
    const options = raced(kernelClass, classGraph(kernelClass, 256), software, engine.device.features);
    return `${kernelClass} ${chooseVariant(variants)(kernelClass, options)}`;
  });
}

describe.each(['own', 'submit', 'ticks of 100 ms'])('by the clock: %s', (clock) => {
  it('chooses the same kernels', () => {
    const { variants, measuredMs, flopsPerSecond } = tuned.get(clock)!;
    expect(chosen(variants)).toEqual(chosen(tuned.get('own')!.variants));
    expect(Object.values(measuredMs).every((ms) => ms > 0)).toBe(true);
    expect(flopsPerSecond).toBeGreaterThan(0);
  });
});

it('takes on SwiftShader without a race what wins one there', async () => {
  if (!/swiftshader/.test(engine.adapter.device)) return;
  const own = await openNodeDevice();
  const known = await tuneKernels(own, evaluate);
  expect(Object.keys(known.measuredMs)).toEqual(['gemm quad']);
  expect(chosen(known.variants)).toEqual(chosen(tuned.get('own')!.variants));
  expect(known.flopsPerSecond).toBeGreaterThan(0);
  own.destroy();
});

it('races there what it finds wrong', async () => {
  if (!/swiftshader/.test(engine.adapter.device)) return;
  const own = await openNodeDevice();
  let calls = 0;
  const { measuredMs } = await tuneKernels(own, (graph, feeds) => {
    const right = evaluate(graph, feeds);
    calls += 1;
    return calls === 1 ? (value) => right(value).map((x) => 2 * x) : right;
  });
  expect(Object.keys(measuredMs)).toEqual(expect.arrayContaining(['gemm quad', 'gemm workgroup']));
  own.destroy();
});

describe('raced', () => {
  const subgroups = new Set(['subgroups']);
  const of = (kernelClass: string, software: boolean, features = subgroups): string[] =>
    raced(kernelClass, classGraph(kernelClass, 256), software, features);

  it.each(Object.keys(classes))('%s: no kernel of one invocation a group on a GPU', (kernelClass) => {
    expect(of(kernelClass, false)).toContain('workgroup');
    expect(of(kernelClass, false)).not.toContain('register');
    for (const variant of ['quad', 'subgroup']) expect(of(kernelClass, false, new Set())).not.toContain(variant);
  });

  it.each(['gemm', 'conv2d', 'conv2dGradWeight', 'attention'])('%s: large tiles on a GPU alone', (kernelClass) => {
    expect(of(kernelClass, false)).toContain('tile');
    expect(of(kernelClass, true)).not.toContain('tile');
  });

  it('takes 3x3 convolutions by Winograd on a GPU alone, and at the size at which each is checked', () => {
    for (const size of [32, 256])
      expect(raced('conv2d', classGraph('conv2d', size), false, subgroups)).toContain('winograd');
    expect(of('conv2d', true)).not.toContain('winograd');
    expect(of('conv2dGradWeight', false)).not.toContain('winograd');
  });

  it('two tiles at a time, and broadcasts within a subgroup, on a GPU alone', () => {
    for (const kernelClass of ['gemm', 'conv2d', 'conv2dGradWeight']) {
      expect(of(kernelClass, false)).toContain('tile2');
      expect(of(kernelClass, true)).not.toContain('tile2');
    }
    expect(of('gemm', false)).toContain('subgroup');
    expect(of('gemm', true)).not.toContain('subgroup');
    for (const variant of ['subgroup16', 'subgroup32']) {
      expect(of('gemm', false)).not.toContain(variant);
      expect(of('gemm', false, new Set(['subgroups', SIZE_FEATURE]))).toContain(variant);
    }
  });

  it('multiplies matrices of subgroups on a GPU alone, where they were asked for', () => {
    const asked = new Set(['subgroups', MATRIX_FEATURE]);
    expect(of('gemm', false, asked)).toContain('matrix');
    expect(of('gemm', true, asked)).not.toContain('matrix');
    expect(of('gemm', false)).not.toContain('matrix');
  });

  it('spreads norms over workgroups on a GPU alone, and at the size at which each is checked', () => {
    for (const size of [32, 256])
      expect(raced('norm', classGraph('norm', size), false, subgroups)).toEqual(['workgroup', 'spread']);
    expect(of('norm', true)).not.toContain('spread');
  });

  it('offers norms and reductions of one invocation a group where shaders run on the CPU', () => {
    for (const kernelClass of ['norm', 'reduce']) expect(of(kernelClass, true)).toContain('register');
  });
});

it('ranks one that is not offered everywhere by what runs in its place', () => {
  const of = (count: number, ms: Record<string, number>): { count: number; times: Map<string, number> } => ({
    count,
    times: new Map(Object.entries(ms)),
  });
  const timed = [
    of(10, { workgroup: 8, tile: 4, winograd: 3 }),
    of(2, { workgroup: 20, tile: 5 }),
    of(1, { workgroup: 1 }),
  ];
  const { order, msOf } = orderOf(['workgroup', 'tile', 'winograd'], timed);
  expect(order).toEqual(['winograd', 'tile', 'workgroup']);
  expect(order.map(msOf)).toEqual([30 + 10 + 1, 40 + 10 + 1, 80 + 40 + 1]);
});

it('leaves out what computes wrongly here, and says which', async () => {
  let calls = 0;
  const { variants, failures } = await tuneKernels(engine, (graph, feeds) => {
    const right = evaluate(graph, feeds);
    calls += 1;
    return calls === 1 ? (value) => right(value).map((x) => 1.001 * x) : right;
  });
  const [wrong] = Object.keys(failures);
  expect(failures).toEqual({
    [wrong!]: expect.stringMatching(/^it is off by 0.00\d+ of its largest result$/) as string,
  });
  const [kernelClass, variant] = wrong!.split(' ');
  expect((variants[kernelClass!] ?? variants['default'])!.split(' ')[0]).not.toBe(variant);
});

it('trains nothing where nothing is right', async () => {
  const off = tuneKernels(engine, (graph, feeds) => (value) => evaluate(graph, feeds)(value).map((x) => 2 * x));
  await expect(off).rejects.toThrow('Nothing that computes gemm is right on this adapter');
});

/** On an adapter that says it is a GPU, which races what is to run. */
describe('on the shapes that are to run', () => {
  let own: NodeDevice;
  let tasks: Task[];
  let gpu: EngineDevice;

  const open = async (): Promise<void> => {
    own?.destroy();
    own = await openNodeDevice();
    gpu = saying(own, { software: false });
  };

  beforeAll(async () => {
    await open();
    const graph = new Graph();
    const input = (...shape: number[]): Value => graph.input('x', shape);
    const conv = { stride: 1, padding: [1, 1, 1, 1] as const, bias: false, residual: false, scale: 1 };
    graph.output('c', graph.op('conv2d', conv, [input(2, 32, 12, 12), input(48, 32, 3, 3)]));
    const product = { bias: false, residual: false, scale: 1 };
    graph.output('p', graph.op('linear', product, [input(72, 64), graph.parameter('w', [64, 64], 'f16')]));
    graph.output(
      'a',
      graph.op('attention', { heads: 2, causal: false }, [input(1, 16, 16), input(1, 7, 16), input(1, 7, 16)]),
    );
    tasks = heaviestTasks(graph, own.device.limits);
  });
  afterAll(() => own?.destroy());

  const ranks = ({ variants }: Tuning, kernelClass: string): string[] => variants[kernelClass]!.split(' ');

  it('races every class on its own, and says what it took', async () => {
    const told: string[] = [];
    const tuning = await tuneKernels(gpu, evaluate, {
      tasks,
      budgetMs: AMPLE,
      onProgress: (kernelClass) => told.push(kernelClass),
    });
    expect(told).toEqual(['conv2d', 'gemm', 'attention', 'conv2dGradWeight', 'norm', 'reduce']);
    expect([tuning.failures, tuning.left]).toEqual([{}, []]);
    for (const kernelClass of ['conv2d', 'gemm']) {
      const ms = (variant: string): number => tuning.measuredMs[`${kernelClass} ${variant}`]!;
      const ranked = ranks(tuning, kernelClass);
      const own = kernelClass === 'conv2d' ? ['winograd'] : kernelClass === 'gemm' ? ['subgroup'] : [];
      expect(new Set(ranked)).toEqual(new Set(['workgroup', 'quad', 'tile', 'tile2', ...own]));
      expect(ranked).toEqual(ranked.toSorted((a, b) => ms(a) - ms(b)));
    }
    // No task has norms: they are raced among themselves.
    const norms = ['workgroup', 'spread'].map((variant) => tuning.measuredMs[`norm ${variant}`]!);
    expect(ranks(tuning, 'norm')).toEqual([norms[0]! <= norms[1]! ? 'workgroup' : 'spread']);
    expect(tuning.flopsPerSecond).toBeGreaterThan(0);
  });

  it('races norms on those that are to run', async () => {
    await open();
    const graph = new Graph();
    const [x, scale] = [graph.input('x', [2, 32, 40, 40]), graph.input('w', [32])];
    const [y] = graph.node('groupNorm', { groups: 8, eps: 1e-5, silu: true }, [x, scale, scale]) as [Value, Value];
    graph.output('y', y);
    const norms = heaviestTasks(graph, own.device.limits);
    expect(norms).toMatchObject([{ name: 'groupNorm 2x32x40x40 by 32', flops: 0, kernelClass: 'norm' }]);
    const tuning = await tuneKernels(gpu, evaluate, { tasks: norms, budgetMs: AMPLE });
    expect(new Set(ranks(tuning, 'norm'))).toEqual(new Set(['workgroup', 'spread']));
    expect(tuning.measuredMs['norm spread']).toBeGreaterThan(0);
    expect(tuning.failures).toEqual({});
  });

  it('leaves over what the time does not reach, for the next time', async () => {
    const first = await tuneKernels(gpu, evaluate, { tasks, budgetMs: 0 });
    expect(first.left).toEqual(['gemm', 'attention', 'conv2dGradWeight', 'norm', 'reduce']);
    expect([first.variants['gemm'], first.variants['default']]).toEqual([undefined, 'workgroup']);
    const told: string[] = [];
    const second = await tuneKernels(gpu, evaluate, {
      tasks,
      budgetMs: AMPLE,
      known: { ...first, slow: [] },
      onProgress: (kernelClass) => told.push(kernelClass),
    });
    expect(told).toEqual(first.left);
    expect(second.left).toEqual([]);
    expect(second.variants).toMatchObject({ conv2d: first.variants['conv2d'], gemm: expect.any(String) as string });
  });

  it('drops a kernel that the driver computes wrongly, and one that it cannot compile', async () => {
    await open();
    const make = own.device.createShaderModule.bind(own.device);
    own.device.createShaderModule = (described) =>
      make({
        ...described,
        code:
          described.label === 'gemm.tile'
            ? // Whether it is baked in or data.
              described.code.replace(/\by \*= ([\w.]*SCALE);/, 'y *= 1.001 * $1;')
            : described.label === 'conv2d.tile'
              ? described.code.replace('fn main', 'fn main(')
              : described.code,
      });
    const tuning = await tuneKernels(gpu, evaluate, { tasks, budgetMs: AMPLE });
    expect(tuning.failures).toEqual({
      'gemm tile': expect.stringMatching(/^it is off by 0\.00\d+ of its largest result$/) as string,
      // Its products are that kernel's.
      'conv2d winograd': expect.stringMatching(/^it is off by 0\.00\d+ of its largest result$/) as string,
      'conv2d tile': expect.stringMatching(/^it does not compile: .*conv2d\.tile\.wgsl/) as string,
    });
    for (const kernelClass of ['gemm', 'conv2d']) expect(ranks(tuning, kernelClass)).not.toContain('tile');
  });

  it('drops a kernel that compiles for more than its share of the time, and asks once more the next time', async () => {
    let stuck = true;
    const openSlow = async (): Promise<void> => {
      await open();
      hideFeature(own.device, 'subgroups');
      const make = own.device.createComputePipelineAsync.bind(own.device);
      own.device.createComputePipelineAsync = async (described) => {
        if (stuck && described.label?.startsWith('gemm.tile')) await new Promise(() => {});
        return make(described);
      };
    };
    const products = tasks.filter(({ kernelClass }) => kernelClass === 'gemm');
    await openSlow();
    const tuning = await tuneKernels(gpu, evaluate, { tasks: products, budgetMs: 1000 });
    const slow = ['gemm tile', 'gemm tile2'];
    const why = 'it takes more than 0.33 s to compile';
    expect(tuning.failures).toEqual(Object.fromEntries(slow.map((candidate) => [candidate, why])));
    expect(tuning.slow).toEqual(slow);
    expect(ranks(tuning, 'gemm')).toEqual(['workgroup']);

    await openSlow();
    const twice = await tuneKernels(gpu, evaluate, { tasks: products, budgetMs: 1000, known: { ...tuning, left: [] } });
    expect(twice).toMatchObject({ failures: tuning.failures, slow: [] });

    stuck = false;
    await openSlow();
    const later = await tuneKernels(gpu, evaluate, {
      tasks: products,
      budgetMs: AMPLE,
      known: { ...tuning, left: [] },
    });
    expect(later).toMatchObject({ failures: {}, slow: [] });
    expect(new Set(ranks(later, 'gemm'))).toEqual(new Set(['workgroup', 'tile', 'tile2']));
  });
});
