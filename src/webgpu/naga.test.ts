/** Every module that the engine generates, in naga: the WGSL compiler of Firefox and Deno, which takes less than Chrome's. It runs as WebAssembly, so
 *  no adapter is needed, and models are laid out from their configs alone. Neither browser offers the feature `subgroups`, which kernels of the
 *  variants `quad` and `subgroup` ask for: so all others are held here, with weights of every width. */
import { NagaError, nagaVersion, parseWgsl, validate, writeWgsl } from 'naga-wasm';
import { describe, expect, it } from 'vitest';
import { folderReader } from '../cli/files.ts';
import { buildCase, weightDtypes } from '../graph/caseData.ts';
import { cases } from '../graph/cases.ts';
import { Graph, type ParameterDtype } from '../graph/graph.ts';
import type { OpKind } from '../graph/ops.ts';
import { textEncoderGraph } from '../models/clip/textEncoder.ts';
import { denoiserGraph } from '../models/denoiser.ts';
import { openDenoiser } from '../models/families.ts';
import { vaeDecoderGraph, vaeEncoderGraph } from '../models/sd/vae.ts';
import { parametersOf } from '../models/weights.ts';
import { nano } from '../service/layouts.ts';
import { type PartConfigs, readModelConfigs } from '../service/model/modelConfigs.ts';
import { DESKTOP_LIMITS } from '../service/planning/forecast.ts';
import { stepSpecOf } from '../service/planning/stepSpec.ts';
import { latentSizeOf } from '../service/sampling/latentSize.ts';
import type { TrainConfig } from '../training/config.ts';
import { presetNamed } from '../training/presets.ts';
import { buildStepGraph, buildUpdateGraph, type StepSpec } from '../training/stepGraph.ts';
import { DEFAULT_LIMITS, planGraph, type PlanOptions } from './plan.ts';
import { roofKernels } from './roofs/roofs.ts';
import { moduleOf, specialize } from './specialize.ts';
import { chooseVariant } from './variants.ts';

type Layout = Pick<PartConfigs, 'unet' | 'vae' | 'texts' | 'tokens' | 'size' | 'sizeMultiple'>;

const ofFolder = (path: string): Promise<Layout> => readModelConfigs(folderReader(path), { tokenizers: 'found' });
const layouts: Record<string, () => Promise<Layout>> = {
  'the benchmark’s nano': async () => ({
    unet: openDenoiser(nano),
    texts: [],
    tokens: 16,
    size: { width: 16, height: 16 },
    sizeMultiple: 1,
  }),
  postcard: () => ofFolder('public/models/postcard'),
  'Stable Diffusion 1.5': () => ofFolder('tools/reference/configs/stable-diffusion-v1-5'),
  SDXL: () => ofFolder('tools/reference/configs/stable-diffusion-xl-base-1.0'),
};

/** What is compiled of a model: steps of either mode and their update, a forward pass with guidance, the parts beside it. What a step computes
 *  twice has the modules of what it computes once. */
function graphsOf({ unet, vae, texts, tokens, size, sizeMultiple }: Layout, dtype: ParameterDtype): Graph[] {
  const latents = latentSizeOf(size, sizeMultiple);
  const kept = { dtypeOf: () => dtype };
  const shapes = new Map(
    parametersOf(denoiserGraph(unet, { batch: 1, ...latents, tokens }).graph).map(({ name, shape }) => [name, shape]),
  );
  const weights = { names: [...shapes.keys()], shape: (name: string) => shapes.get(name) };
  const step = (changes: Partial<TrainConfig>, reference: 'engine' | 'input'): StepSpec => ({
    ...stepSpecOf(
      { folder: { unet: { model: unet }, tokens }, weights },
      { ...presetNamed('standard')!.config, rank: 8, alpha: 8, pairsPerStep: 1, ...changes },
      latents,
      reference,
      DEFAULT_LIMITS.maxStorageBufferBindingSize,
    ),
    ...kept,
  });
  return [
    buildStepGraph(step({ mode: 'lora', targets: 'all' }, 'engine')).graph,
    buildStepGraph(step({ mode: 'full', ema: 0.99 }, 'input')).graph,
    buildUpdateGraph(step({ mode: 'lora', targets: 'attention', accumulation: 2, ema: 0.99 }, 'engine')).graph,
    denoiserGraph(unet, { batch: 2, ...latents, tokens }, () => kept).graph,
    ...texts.flatMap(({ config }) =>
      [false, true].map((embedded) => textEncoderGraph(config, { tokens, states: [unet.textStates], embedded }, kept)),
    ),
    ...(vae ? [vaeDecoderGraph(vae, latents, kept), vaeEncoderGraph(vae, size, kept)] : []),
  ];
}

interface On extends PlanOptions {
  offered: readonly string[];
}

/** A device that offers no more than all do, and a desktop's: together every variant of every class that can be without subgroups, but for `tile2`,
 *  which is the text of `tile` with another number in it. */
const devices: On[] = [
  { limits: DEFAULT_LIMITS, offered: ['register workgroup', 'tile spread workgroup'] },
  { limits: DESKTOP_LIMITS, offered: ['register workgroup', 'winograd tile spread workgroup'] },
];
/** A GPU so slow that what is heavy runs in turns, each a module that differs in where it begins. */
const inTurns: On[] = [
  ...devices,
  { maxFlops: 1000, offered: ['register workgroup', 'tile spread workgroup', 'winograd workgroup'] },
];

/** Code → name of its kernel. */
function modulesOf(graphs: Iterable<Graph>, on = devices): Map<string, string> {
  const seen = new Set<string>();
  const modules = new Map<string, string>();
  for (const graph of graphs) {
    for (const { offered, ...device } of on) {
      for (const variants of offered) {
        const variant = chooseVariant({ default: variants });
        // A buffer that is too large for a device is another test's matter.
        const { dispatches } = planGraph(graph, { ...device, variant, onExceeded: () => undefined });
        for (const { dispatch } of dispatches) {
          const { kernel, constants } = dispatch;
          const key = `${kernel.code.length} ${kernel.name} ${JSON.stringify(constants)}`;
          if (seen.has(key)) continue;
          seen.add(key);
          modules.set(moduleOf(dispatch), kernel.name);
        }
      }
    }
  }
  return modules;
}

/** What naga says against a module; undefined where it takes it. Otherwise the module as naga writes it: with all its constants computed. */
function throughNaga(code: string): { refused?: string; written: string } {
  let module: ReturnType<typeof parseWgsl> | undefined;
  let info: ReturnType<typeof validate> | undefined;
  try {
    module = parseWgsl(code);
    info = validate(module);
    return { written: writeWgsl(module, info) };
  } catch (error) {
    if (!(error instanceof NagaError)) throw error;
    return { refused: `${error.kind}: ${error.formatted}`, written: '' };
  } finally {
    info?.free();
    module?.free();
  }
}

const casesOf = (op: OpKind): Graph[] =>
  cases[op].flatMap((testCase) =>
    weightDtypes(op).map((weights) => buildCase(op, testCase as never, 1, weights).graph),
  );

const bytesOf: Record<string, number> = {
  f32: 4,
  u32: 4,
  'vec2<f32>': 8,
  'vec4<f32>': 16,
  'vec4<f16>': 8,
  'atomic<u32>': 4,
};

/** Of a module as naga writes it. */
function workgroupOf(written: string): { invocations: number; bytes: number } {
  const sizes = /@workgroup_size\((\d+), (\d+), (\d+)\)/.exec(written)!.slice(1).map(Number);
  const declared = [...written.matchAll(/^var<workgroup> \w+: (?:array<(.+), (\d+)>|(.+));/gm)];
  const bytes = declared.map(([, element, count = '1', alone]) => Number(count) * bytesOf[element ?? alone!]!);
  return { invocations: sizes.reduce((a, b) => a * b), bytes: bytes.reduce((a, b) => a + b, 0) };
}

const products = [
  'linear',
  'linearGradInput',
  'linearGradWeight',
  'conv2d',
  'conv2dGradInput',
  'conv2dGradWeight',
] as const;

function hold(modules: ReadonlyMap<string, string>): void {
  const { maxComputeInvocationsPerWorkgroup, maxComputeWorkgroupStorageSize } = DEFAULT_LIMITS;
  let most = 0;
  for (const [code, name] of modules) {
    const { refused, written } = throughNaga(code);
    expect(refused, `${name}.wgsl\n${code}`).toBeUndefined();
    const { invocations, bytes } = workgroupOf(written);
    expect(invocations, name).toBeLessThanOrEqual(maxComputeInvocationsPerWorkgroup);
    expect(bytes, name).toBeLessThanOrEqual(maxComputeWorkgroupStorageSize);
    most = Math.max(most, bytes);
  }
  console.log(`naga ${nagaVersion}: ${modules.size} modules, at most ${most} bytes of workgroup memory`);
}

it('takes the kernels that peaks are measured by', () => {
  hold(
    new Map(
      Object.values(roofKernels).map(({ kernel, constants }) => [specialize(kernel, { ...constants }), kernel.name]),
    ),
  );
});

describe('naga takes every module, within the least that WebGPU offers', () => {
  it('of every case of every op', () => hold(modulesOf((Object.keys(cases) as OpKind[]).flatMap(casesOf), inTurns)));

  it('of every product and convolution by two tiles at a time', () => {
    const large = new Graph();
    const [x, weight] = [large.input('x', [8192, 320]), large.input('weight', [320, 320])];
    large.output('y', large.op('linear', { bias: false, residual: false, scale: 1 }, [x, weight]));
    const graphs = [...products.flatMap(casesOf), large];
    const modules = [
      ...modulesOf(
        graphs,
        devices.map((device) => ({ ...device, offered: ['tile2'] })),
      ),
    ].filter(([, name]) => name.endsWith('.tile2'));
    expect(modules.length).toBeGreaterThan(50);
    hold(new Map(modules));
  });

  it.each(Object.keys(layouts))('of %s', async (name) => {
    const layout = await layouts[name]!();
    hold(modulesOf((['f32', 'f16', 'bf16'] as const).flatMap((dtype) => graphsOf(layout, dtype))));
  });
});

it('takes products and attention in f16', () => {
  const graphs = (['linear', 'conv2d', 'attention'] as const).flatMap(casesOf);
  const modules = modulesOf(graphs, [{ arithmetic: 'f16', offered: ['half workgroup'] }]);
  const halves = [...modules].filter(([, name]) => name.endsWith('.half'));
  expect(halves.length).toBeGreaterThan(20);
  hold(new Map(halves));
});

it('refuses what only Chrome takes', () => {
  for (const variant of ['quad', 'subgroup workgroup', 'matrix workgroup']) {
    const modules = modulesOf(casesOf('linear'), [{ offered: [variant] }]);
    const asking = [...modules].filter(([, name]) => name !== 'gemm.workgroup' && name !== 'splitSum');
    expect(asking.length).toBeGreaterThan(5);
    for (const [code, name] of asking) expect(throughNaga(code).refused, name).toMatch(/^parse: .*subgroups/);
  }
  const pointer = `@group(0) @binding(0) var<storage, read_write> y: array<f32>;
fn put(at: ptr<storage, f32, read_write>) { *at = 1; }
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) { put(&y[id.x]); }`;
  expect(throughNaga(pointer).refused).toMatch(/^validation: /);
});

it('adds up the workgroup memory of a module', () => {
  const { written } = throughNaga(`const ROWS = 300u;
var<workgroup> tile: array<vec4f, 4 * ROWS>;
var<workgroup> count: u32;
@compute @workgroup_size(8, 4) fn main() { tile[0].x += f32(count); }`);
  expect(workgroupOf(written)).toEqual({ invocations: 32, bytes: 19204 });
});
