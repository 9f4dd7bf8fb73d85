/** Runs ONNX models with onnxruntime-web. One session is created, or run, at a time in the whole program. */
import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-web';
import type { Tensor } from '../graph/feed.ts';
import { assert } from '../shared/assert.ts';
import '../shared/disposable.ts';
import { decodeF16, encodeF16 } from '../shared/float16.ts';
import { cpuPrefix } from './builder.ts';
import { nodeNames } from './proto.ts';
import { loadOrt, type OnnxProvider, onnxRuntimeFailed, type Ort } from './runtime.ts';

/** The engine's own device (webgpu/device.ts), and how what it does is awaited. */
export interface SharedDevice {
  readonly device: GPUDevice;
  /** Rejects with DeviceLost as soon as the device is lost. */
  wait<T>(work: Promise<T>): Promise<T>;
}

export interface SessionOptions {
  provider: OnnxProvider;
  /** For 'webgpu': both then share one queue. onnxruntime never destroys it. */
  device?: SharedDevice;
  /** Threads of the wasm provider. The first session's number holds for all. */
  threads?: number;
  /** Files beside the model that hold its large tensors, by the names that it has for them. */
  externalData?: readonly { path: string; data: Uint8Array }[];
}

export interface OnnxSession extends AsyncDisposable {
  readonly provider: OnnxProvider;
  readonly threads: number;
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /** Feeds every input by name, returns the outputs asked for, or every one: f32, row-major, the caller's to keep. Work of ours that the inputs
   *  depend on must have been submitted before. */
  run(feeds: Readonly<Record<string, Tensor>>, outputs?: readonly string[]): Promise<Record<string, Float32Array>>;
}

// onnxruntime refuses a second session while one is being created on a device (webgpuRegisterDevice), and running two at once corrupts
// them (microsoft/onnxruntime issues 27592, 29851, 32561).
let last: Promise<unknown> = Promise.resolve();

function oneAtATime<T>(work: () => Promise<T>): Promise<T> {
  const result = last.then(work);
  last = result.catch(() => undefined);
  return result;
}

/** Loads a model. `bytes` is what emitOnnx returns, or a file's content. */
export async function createSession(
  bytes: Uint8Array,
  { provider, device, threads, externalData }: SessionOptions,
): Promise<OnnxSession> {
  assert(provider !== 'webgpu' || device, "the webgpu provider needs the engine's device");
  const { ort, threads: running } = await loadOrt(provider, threads);
  const shared = provider === 'webgpu' ? device : undefined;
  return oneAtATime(async () => {
    const creating = ort.InferenceSession.create(bytes, {
      executionProviders: [shared ? webgpuProvider(bytes, shared.device) : 'wasm'],
      logSeverityLevel: 3,
      ...(externalData && { externalData }),
    });
    try {
      return wrap(ort, await named('load a model', creating, shared), { provider, threads: running, shared });
    } catch (error) {
      // It may still come, on a device that is lost.
      creating.then((session) => session.release()).catch(() => undefined);
      throw error;
    }
  });
}

function webgpuProvider(model: Uint8Array, device: GPUDevice): InferenceSession.WebGpuExecutionProviderOption {
  const onCpu = nodeNames(model).filter((name) => name.startsWith(cpuPrefix));
  // An empty list is an error to onnxruntime.
  return { name: 'webgpu', device, ...(onCpu.length > 0 && { forceCpuNodeNames: onCpu }) };
}

/** What onnxruntime does, its failures by name. One that waits for a device that is lost may never come back by itself. */
function named<T>(doing: 'load a model' | 'run a model', work: Promise<T>, shared?: SharedDevice): Promise<T> {
  const done = work.catch((error: unknown) => {
    throw onnxRuntimeFailed(doing, error);
  });
  return shared ? shared.wait(done) : done;
}

function wrap(
  ort: Ort,
  session: InferenceSession,
  { provider, threads, shared }: { provider: OnnxProvider; threads: number; shared: SharedDevice | undefined },
): OnnxSession {
  const types = new Map(session.inputMetadata.map((input) => [input.name, input.isTensor ? input.type : undefined]));
  async function run(
    feeds: Readonly<Record<string, Tensor>>,
    outputs: readonly string[] = session.outputNames,
  ): Promise<Record<string, Float32Array>> {
    const results = await session.run(
      Object.fromEntries(Object.entries(feeds).map(([name, feed]) => [name, toTensor(ort, feed, types.get(name))])),
      outputs,
    );
    return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, toFloats(name, tensor)]));
  }
  return {
    provider,
    threads,
    inputNames: session.inputNames,
    outputNames: session.outputNames,
    run: (feeds, outputs) => oneAtATime(() => named('run a model', run(feeds, outputs), shared)),
    // One that does not let itself be released has lost its device.
    [Symbol.asyncDispose]: () => oneAtATime(() => session.release()).catch(() => undefined),
  };
}

/** In the type that the model asks for: files of others take ids in 64 bits, numbers in half width, or bytes. */
function toTensor(ort: Ort, { data, shape }: Tensor, type: string | undefined): OrtTensor {
  if (type === 'int64')
    return new ort.Tensor(
      'int64',
      BigInt64Array.from(data, (value) => BigInt(value)),
      shape,
    );
  if (type === 'uint8') return new ort.Tensor('uint8', Uint8Array.from(data), shape);
  if (data instanceof Int32Array) return new ort.Tensor('int32', data, shape);
  return type === 'float16'
    ? new ort.Tensor('float16', encodeF16(data), shape)
    : new ort.Tensor('float32', data, shape);
}

function toFloats(name: string, tensor: OrtTensor): Float32Array {
  const { data, type } = tensor;
  if (type === 'float16') {
    // A Float16Array where the browser has one.
    const { buffer, byteOffset, length } = data as Uint16Array;
    return decodeF16(new Uint16Array(buffer, byteOffset, length));
  }
  if (data instanceof Float64Array) return Float32Array.from(data);
  assert(data instanceof Float32Array, `output ${name} is ${type}, expected float32`);
  return data;
}
