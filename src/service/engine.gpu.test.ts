/** The engine's verbs end to end on a tiny random Stable Diffusion folder and this machine's WebGPU: the studio's own service, no page. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openNodeGpu } from '../cli/device.ts';
import { folderReader } from '../cli/files.ts';
import { readPngText } from '../data/formats/png.ts';
import { openSafetensors } from '../data/formats/safetensors.ts';
import type { TrainConfig } from '../training/config.ts';
import { presetNamed } from '../training/presets.ts';
import { Engine } from './engineService.ts';
import { MemoryFileStore } from './memoryFiles.ts';
import { testEnvironment } from './testEnvironment.ts';
import type { ImageRecord, MemoryForecast, ModelRef, StepMetrics, TrainPair } from './types.ts';

const model = 'tools/reference/cases/pipeline-tiny-v/pipeline';
const base: ModelRef = { base: model, adapters: [] };
const settings = {
  model: base,
  negativePrompt: '',
  steps: 2,
  guidanceScale: 3,
  width: 32,
  height: 32,
  scheduler: 'DDIMScheduler',
  sampler: 'auto' as const,
};

let gpu: GPU;
let files: MemoryFileStore;
let engine: Engine;
let pairs: TrainPair[];

const newEngine = (): Engine =>
  new Engine(testEnvironment({ gpu, files, embeddedModels: [model], openModel: folderReader }));

const config = (changes: Partial<TrainConfig>): TrainConfig => ({
  ...presetNamed('standard')!.config,
  rank: 2,
  alpha: 2,
  learningRate: 1e-2,
  warmupSteps: 0,
  beta: 500,
  steps: 6,
  pairsPerStep: 2,
  saveEvery: 3,
  sampleEvery: 0,
  ...changes,
});

const train = async (
  run: string,
  changes: Partial<TrainConfig>,
  { resume = false, onStep = (_: StepMetrics): void => {} } = {},
): Promise<StepMetrics[]> => {
  await engine.train(
    `train ${run}`,
    { run, name: run, model: base, config: config(changes), pairs, resume },
    (event) => {
      if (event.type === 'step') onStep(event.metrics);
    },
  );
  return engine.metrics(run);
};

/** What must not differ by a bit. Times may. */
const numbers = (metrics: StepMetrics[]): unknown[] => metrics.map(({ elapsedMs: _, ...rest }) => rest);

beforeAll(async () => {
  gpu = (await openNodeGpu()).gpu;
  files = new MemoryFileStore();
  engine = newEngine();
  const items = Array.from({ length: 6 }, (_, seed) => ({ prompt: `a tree ${seed >> 1}`, seed }));
  const images = await engine.generate('seed images', { ...settings, items }, () => {});
  const pairUp = (a: ImageRecord, b: ImageRecord): TrainPair => ({
    pair: a.id,
    prompt: a.prompt,
    winnerLatents: a.latentsFile,
    loserLatents: b.latentsFile,
  });
  pairs = [pairUp(images[0]!, images[1]!), pairUp(images[2]!, images[3]!), pairUp(images[4]!, images[5]!)];
}, 300_000);

afterAll(() => engine.dispose());

it('makes the same picture with our kernels and with onnxruntime, its parameters inside', async () => {
  const make = async (sampler: 'engine' | 'onnx'): Promise<ImageRecord> =>
    (
      await engine.generate(`by ${sampler}`, { ...settings, sampler, items: [{ prompt: 'a tree', seed: 9 }] }, () => {})
    )[0]!;
  const [ours, theirs] = [await make('engine'), await make('onnx')];
  expect(ours.ranOn).toBe('engine');
  expect(theirs.ranOn).toBe('onnx-wasm');
  const latents = async (record: ImageRecord): Promise<Float32Array> =>
    (await openSafetensors(await files.read(record.latentsFile))).read('latents');
  const [a, b] = [await latents(ours), await latents(theirs)];
  expect(Math.max(...a.map((x, i) => Math.abs(x - b[i]!)))).toBeLessThan(1e-4);
  const text = readPngText(await files.read(ours.file));
  expect(text.get('parameters')).toMatch(/^a tree\nSteps: 2, Sampler: DDIM, CFG scale: 3, Seed: 9, Size: 32x32/);
  expect(JSON.parse(text.get('winnow')!)).toEqual(ours);
});

it('starts at ln 2 exactly with the engine as reference, within 2e-3 with onnxruntime, and both train alike', async () => {
  const withEngine = await train('engine', { reference: 'engine' });
  const withOnnx = await train('onnx', { reference: 'onnx' });
  expect(withEngine[0]!.loss).toBe(Math.LN2);
  for (const pair of withEngine[0]!.pairs) expect(pair.logit).toBe(0);
  for (const pair of withOnnx[0]!.pairs) expect(Math.abs(pair.logit)).toBeLessThan(2e-3);
  expect(withEngine.at(-1)!.loss).not.toBe(Math.LN2);
  withEngine.forEach((step, i) => expect(withOnnx[i]!.loss).toBeCloseTo(step.loss, 2));
});

it('draws fresh noise with an eta, and refuses it for a sampler that reads none', async () => {
  const latents = async (change: { eta?: number; scheduler?: string }): Promise<Float32Array> => {
    const request = { ...settings, ...change, items: [{ prompt: 'a tree', seed: 9 }] };
    const [record] = await engine.generate('eta', request, () => {});
    return (await openSafetensors(await files.read(record!.latentsFile))).read('latents');
  };
  expect(await latents({ eta: 0.5 })).not.toEqual(await latents({}));
  expect(await latents({ eta: 0.5 })).toEqual(await latents({ eta: 0.5 }));
  await expect(latents({ eta: 0.5, scheduler: 'EulerDiscreteScheduler' })).rejects.toMatchObject({
    name: 'BadArguments',
  });
});

it('refuses ties where the loss does not read them', async () => {
  const ties = pairs.map((pair): TrainPair => ({ ...pair, strength: 'tie' }));
  const request = {
    run: 'ties',
    name: 'ties',
    model: base,
    config: config({ loss: 'sigmoid' }),
    pairs: ties,
    resume: false,
  };
  await expect(engine.train('ties', request, () => {})).rejects.toMatchObject({
    name: 'BadArguments',
    message: expect.stringContaining('the loss sigmoid does not read them') as string,
  });
});

it('refuses a gamma of min-SNR that weighs none of the timesteps', async () => {
  const run = (timestepRange: [number, number]): Promise<unknown> => {
    const settings = config({ loss: 'sigmoid', minSnrGamma: 5, timestepRange, steps: 1, sampleEvery: 0 });
    const request = { run: 'gamma', name: 'gamma', model: base, config: settings, pairs, resume: false };
    return engine.train('gamma', request, () => {});
  };
  await expect(run([700, 1000])).rejects.toMatchObject({
    name: 'BadArguments',
    // Read in the studio, too, where no field has its name of the settings file.
    message: expect.stringMatching(
      /gamma of 5 changes nothing at timesteps 700 to 999.+Leave Min-SNR out, or let lower timesteps count, too\.$/,
    ) as string,
  });
  await run([0, 1000]);
});

it.each(['lora', 'full'] as const)('forecasts, byte for byte, what a %s run then holds', async (mode) => {
  let memory: MemoryForecast | undefined;
  // So few pairs leave none to hold out.
  const settings = config({ mode, reference: 'engine', steps: 1, heldOut: 0 });
  await engine.train(
    `train forecast ${mode}`,
    { run: `forecast ${mode}`, name: 'forecast', model: base, config: settings, pairs, resume: false },
    (event) => {
      if (event.type === 'started') memory = event.memory;
      if (event.type === 'started') expect(event.record.recompute).toBe('none');
    },
  );
  // What the tests before left prepared lies beside it, and is none of the run's.
  const { parts, peakBytes } = await engine.forecast(base, settings);
  const { kept = 0, ...own } = parts;
  expect(memory).toMatchObject({ parts: own, peakBytes: peakBytes - kept });
});

it('forecasts each use of a model as its own runs are', async () => {
  const { generate, lora, full } = await engine.modelForecast(model, { width: 32, height: 32 });
  for (const [forecast, changes] of [
    [lora, { mode: 'lora', reference: 'engine' }],
    [full, { mode: 'full', reference: 'onnx' }],
  ] as const) {
    const { parts, peakBytes } = await engine.forecast(
      base,
      config({ rank: 8, alpha: 8, targets: 'all', pairsPerStep: 1, accumulation: 1, heldOut: 0, ...changes }),
    );
    expect(forecast).toMatchObject({ parts, peakBytes });
    expect(forecast.secondsPerStep).toBeGreaterThan(0);
  }
  expect(generate.peakBytes).toBeLessThan(lora.peakBytes);
  await expect(engine.modelForecast(model, { width: 33, height: 32 })).rejects.toMatchObject({ name: 'BadArguments' });
});

for (const mode of ['lora', 'full'] as const) {
  it(`resumes a killed ${mode} run to the same numbers, bit for bit`, async () => {
    const learningRate = mode === 'full' ? 1e-4 : 1e-2;
    const whole = await train(`${mode} whole`, { mode, learningRate, reference: 'engine' });
    const half = engine.train(
      `train ${mode} killed`,
      {
        run: `${mode} killed`,
        name: 'killed',
        model: base,
        config: config({ mode, learningRate, reference: 'engine', recompute: 'blocks' }),
        pairs,
        resume: false,
      },
      (event) => {
        // Two steps past the save at step 3: the tab dies here, and a new one starts from the files.
        if (event.type === 'step' && event.metrics.step === 4) void engine.cancel(`train ${mode} killed`);
      },
    );
    await expect(half).rejects.toMatchObject({ name: 'Cancelled' });
    expect((await engine.metrics(`${mode} killed`)).length).toBe(5);
    await engine.dispose();
    engine = newEngine();
    let first: number | undefined;
    const resumed = await train(
      `${mode} killed`,
      { mode, learningRate, reference: 'engine' },
      { resume: true, onStep: ({ step }) => (first ??= step) },
    );
    expect(first).toBe(3);
    // What was computed twice is in the record, and changes no bit.
    expect(numbers(resumed)).toEqual(numbers(whole));
    expect((await engine.runs()).find(({ id }) => id === `${mode} killed`)!.recompute).toBe('blocks');
    const weights = async (run: string): Promise<Uint8Array> => {
      const record = (await engine.runs()).find(({ id }) => id === run)!;
      const { names, read } = await openSafetensors(await files.read(record.checkpoints.at(-1)!.file));
      return new Uint8Array(
        await new Blob(
          await Promise.all([...names].sort().map(async (name) => (await read(name)) as Float32Array<ArrayBuffer>)),
        ).arrayBuffer(),
      );
    };
    expect(await weights(`${mode} killed`)).toEqual(await weights(`${mode} whole`));
  });
}

it('accumulates micro-batches to nearly the step of one large batch', async () => {
  const large = await train('large', { reference: 'engine', pairsPerStep: 4, steps: 2 });
  const small = await train('small', { reference: 'engine', pairsPerStep: 2, accumulation: 2, steps: 2 });
  small.forEach((step, i) => {
    expect(step.loss).toBeCloseTo(large[i]!.loss, 4);
    expect(step.gradNorm / large[i]!.gradNorm).toBeCloseTo(1, 3);
    expect(step.pairs.map(({ pair, timestep }) => [pair, timestep])).toEqual(
      large[i]!.pairs.map(({ pair, timestep }) => [pair, timestep]),
    );
  });
});

it('trains on kernels of ours: every step issues their dispatches in one submit', async () => {
  const { GPUComputePassEncoder, GPUQueue } = globalThis;
  let dispatches = 0;
  let submits = 0;
  const [dispatch, submit] = [GPUComputePassEncoder.prototype.dispatchWorkgroups, GPUQueue.prototype.submit];
  GPUComputePassEncoder.prototype.dispatchWorkgroups = function (...args: Parameters<typeof dispatch>) {
    dispatches++;
    return dispatch.apply(this, args);
  };
  GPUQueue.prototype.submit = function (...args: Parameters<typeof submit>) {
    submits++;
    return submit.apply(this, args);
  };
  try {
    const perStep: { dispatches: number; submits: number }[] = [];
    await train(
      'counted',
      { reference: 'onnx', steps: 3, saveEvery: 0 },
      { onStep: () => perStep.push({ dispatches, submits }) },
    );
    expect(perStep[0]!.dispatches).toBeGreaterThan(50);
    for (const i of [1, 2]) {
      expect(perStep[i]!.dispatches - perStep[i - 1]!.dispatches).toBe(perStep[0]!.dispatches);
      expect(perStep[i]!.submits - perStep[i - 1]!.submits).toBe(1);
    }
  } finally {
    GPUComputePassEncoder.prototype.dispatchWorkgroups = dispatch;
    GPUQueue.prototype.submit = submit;
  }
});

it('exports what it trained: merged and as LoRA in both spellings, which load again to the same weights', async () => {
  await train('export', { reference: 'engine' });
  const tuned: ModelRef = { base: model, adapters: [{ kind: 'run', run: 'export', strength: 1 }] };
  const loras: { name: string; bytes: Uint8Array }[] = [];
  for (const kind of ['kohya', 'peft'] as const) {
    const [made] = await engine.export(tuned, kind);
    loras.push({ name: made!.name, bytes: await files.read(made!.file) });
  }
  const folder = await engine.export(tuned, 'diffusers');
  expect(folder.map(({ name }) => name)).toContain('unet/diffusion_pytorch_model.safetensors');
  const picture = async (ref: ModelRef): Promise<Float32Array> => {
    const [record] = await engine.generate(
      randomUUID(),
      { ...settings, model: ref, items: [{ prompt: 'a tree', seed: 5 }] },
      () => {},
    );
    return (await openSafetensors(await files.read(record!.latentsFile))).read('latents');
  };
  const own = await picture(tuned);
  for (const { name, bytes } of loras) {
    const { file, rank } = await engine.importLora(name, bytes);
    expect(rank).toBe(2);
    expect(await picture({ base: model, adapters: [{ kind: 'file', file, strength: 1 }] })).toEqual(own);
    expect(await picture({ base: model, adapters: [{ kind: 'file', file, strength: 0 }] })).toEqual(
      await picture(base),
    );
  }
  expect(own).not.toEqual(await picture(base));
});

it('starts a second round from the tuned model, and exports the sum', async () => {
  const tuned: ModelRef = { base: model, adapters: [{ kind: 'run', run: 'export', strength: 1 }] };
  await engine.train(
    'round 2',
    {
      run: 'second',
      name: 'second',
      model: tuned,
      config: config({ reference: 'engine', steps: 3 }),
      pairs,
      resume: false,
    },
    () => {},
  );
  expect((await engine.metrics('second'))[0]!.loss).toBe(Math.LN2);
  const second: ModelRef = { base: model, adapters: [{ kind: 'run', run: 'second', strength: 1 }] };
  const [file] = await engine.export(second, 'kohya');
  expect((await engine.importLora(file!.name, await files.read(file!.file))).rank).toBe(4);
});

it('names what a person did wrong', async () => {
  await expect(
    train('none', { steps: 1 }).then(() =>
      engine.train('t', { run: 'x', name: 'x', model: base, config: config({}), pairs: [], resume: false }, () => {}),
    ),
  ).rejects.toMatchObject({ name: 'BadArguments' });
  await expect(
    engine.generate('g', { ...settings, width: 33, items: [{ prompt: 'a', seed: 0 }] }, () => {}),
  ).rejects.toMatchObject({ name: 'BadArguments' });
  await expect(
    engine.generate(
      'g',
      { ...settings, model: { base: model, adapters: [{ kind: 'run', run: 'nowhere', strength: 1 }] }, items: [] },
      () => {},
    ),
  ).rejects.toMatchObject({ name: 'NotFound' });
  await expect(
    engine.importLora('x.safetensors', new TextEncoder().encode('not a safetensors file')),
  ).rejects.toMatchObject({ name: 'NotSafetensors' });
  await expect(
    engine.generate('g', { ...settings, scheduler: 'NoSuchScheduler', items: [{ prompt: 'a', seed: 0 }] }, () => {}),
  ).rejects.toMatchObject({ name: 'UnsupportedConfig' });
});
