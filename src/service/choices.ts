/** What runs where, by measurement on this machine: kernel variants, the backend that draws pictures, onnxruntime's provider. Measured once per adapter and
 *  model, kept in the file store, copied into every run. */
import { type FileStore, readJson, writeJson } from '../data/files.ts';
import { choicesSchema } from '../records/runs.ts';
import type { Executor } from '../graph/executor.ts';
import { madeUpConditioning } from '../models/conditioning.ts';
import type { DenoiserModel, DenoiserSize } from '../models/denoiser.ts';
import { defaultThreads } from '../onnx/runtime.ts';
import type { SessionOptions } from '../onnx/session.ts';
import { timedByWall } from '../shared/clock.ts';
import '../shared/disposable.ts';
import { isWinnowError, WinnowError } from '../shared/errors.ts';
import type { ResolvedModel } from './model/modelPool.ts';
import { latentSizeOf } from './sampling/latentSize.ts';
import { enginePredictor, type NoisePredictor, onnxPredictor } from './sampling/noisePredictor.ts';
import { isLarge } from './model/weightWidth.ts';
import type { EngineChoices, BackendChoice } from './types.ts';

const path = (key: string): string => `settings/choices-${key}.json`;

/** Undefined where there are none, or none that can be read: they are measured anew. */
export async function savedChoices(files: FileStore, key: string): Promise<EngineChoices | undefined> {
  const saved = choicesSchema.safeParse(await readJson<unknown>(files, path(key)).catch(() => undefined));
  return saved.success ? saved.data : undefined;
}

export function saveChoices(files: FileStore, key: string, choices: EngineChoices): Promise<void> {
  return writeJson(files, path(key), choices);
}

type Backend = EngineChoices['sampler'];

/** What a UNet samples on: what measured fastest, or what the person wants; a large one on our kernels, which need not hold it in memory. */
export function backendFor(
  choice: BackendChoice,
  { sampler, onnxProvider }: EngineChoices,
  parameters: number,
): Backend {
  const onnx = onnxProvider === 'webgpu' ? 'onnx-webgpu' : 'onnx-wasm';
  if (choice !== 'onnx') return choice === 'engine' || isLarge(parameters) ? 'engine' : sampler;
  if (4 * parameters >= MAX_ONNX_BYTES) {
    throw new WinnowError(
      'BadArguments',
      `This UNet has ${(parameters / 1e6).toFixed(0)} million parameters, more than one ONNX file can hold.`,
      'Let Winnow choose the backend, or choose its own kernels.',
    );
  }
  return onnx;
}

/** protobuf's limit on a message. */
const MAX_ONNX_BYTES = 2 ** 31;

/** Times one guided denoising step on each candidate. A software adapter runs on the CPU cores that wasm has to itself and is measured
 *  tens of times slower (bench/NOTES.md), so there the GPU candidates are left out: compiling them would cost the first minute. */
export async function measureBackends(options: {
  model: ResolvedModel;
  executor: Executor;
  software: boolean;
  sessionOptions: (provider: 'webgpu' | 'wasm') => SessionOptions;
  hasOnnxWebgpu: boolean;
  onProgress: (what: string) => void;
}): Promise<Pick<EngineChoices, 'sampler' | 'onnxProvider' | 'wasmThreads' | 'measuredMs' | 'failures'>> {
  const { model, executor, software, sessionOptions, hasOnnxWebgpu, onProgress } = options;
  const { folder, weights } = model;
  // A large UNet has no choice (backendFor), and its small parts run on the CPU.
  if (isLarge(folder.info.parameters.unet))
    return { sampler: 'engine', onnxProvider: 'wasm', wasmThreads: defaultThreads(), measuredMs: {}, failures: {} };
  const latentSize = latentSizeOf(folder.info.defaultSize, folder.info.sizeMultiple);
  const size: DenoiserSize = { batch: 2, ...latentSize, tokens: folder.tokens };
  const denoiser = folder.unet.model;
  const candidates: [Backend, string, () => Promise<NoisePredictor>][] = [
    ['onnx-wasm', 'onnxruntime on the CPU', () => onnxPredictor(denoiser, weights, size, sessionOptions('wasm'))],
    ...(software
      ? []
      : ([
          ['engine', 'our own kernels', () => enginePredictor(executor, model, size)],
          ...(hasOnnxWebgpu
            ? [
                [
                  'onnx-webgpu',
                  'onnxruntime on the GPU',
                  () => onnxPredictor(denoiser, weights, size, sessionOptions('webgpu')),
                ],
              ]
            : []),
        ] as [Backend, string, () => Promise<NoisePredictor>][])),
  ];
  const measuredMs: Record<string, number> = {};
  const failures: Record<string, string> = {};
  for (const [name, title, make] of candidates) {
    onProgress(`Measuring ${title}`);
    try {
      await using predictor = await make();
      measuredMs[name] = await msPerStep(predictor, size, denoiser);
    } catch (error) {
      // The next device is measured anew.
      if (isWinnowError(error, 'DeviceLost')) throw error;
      // One that does not run here is no candidate; all failing is an error.
      failures[name] = error instanceof Error ? error.message : String(error);
      if (Object.keys(failures).length === candidates.length) throw error;
    }
  }
  const sampler = (Object.keys(measuredMs) as Backend[]).reduce((best, name) =>
    measuredMs[name]! < measuredMs[best]! ? name : best,
  );
  const onnxProvider =
    (measuredMs['onnx-webgpu'] ?? Infinity) < (measuredMs['onnx-wasm'] ?? Infinity) ? 'webgpu' : 'wasm';
  return { sampler, onnxProvider, wasmThreads: defaultThreads(), measuredMs, failures };
}

/** After one that compiles and allocates. What the clock of the browser adds to every read-back counts: a picture pays for it, too. */
async function msPerStep(predictor: NoisePredictor, size: DenoiserSize, denoiser: DenoiserModel): Promise<number> {
  const sample = new Float32Array(size.batch * denoiser.latentChannels * size.height * size.width).fill(0.5);
  const conditioning = madeUpConditioning(denoiser, size, (elements) => new Float32Array(elements).fill(0.1));
  const predict = (): Promise<Float32Array> => predictor.predict(sample, 500, conditioning);
  await predict();
  return timedByWall(predict);
}
