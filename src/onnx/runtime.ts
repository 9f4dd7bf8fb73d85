/** Loads the build of onnxruntime-web that suits a provider, once. The only file that names the package.
 *
 *  wasm: the plain build. The builds with the WebGPU provider can run on the CPU too, but slowly: a net of 12 convolutions and norms
 *  takes 40 ms in the plain build, 65 ms with JSPI and 110 ms with asyncify in Chromium (20 ms against 240 ms under Node 20).
 *  webgpu: the native WebGPU provider, with JSPI where the browser has it (16.8 MB, and faster), else with asyncify (26.8 MB).
 *  Never the bare package in a browser: that is the old JavaScript provider, which ignores the device it is given.
 *  Under Node it is the bare package, which there is the plain wasm build; the browser builds cannot start threads in Node
 *  (they fetch file: URLs). onnxruntime-web has no WebGPU under Node. */
import { assert } from '../shared/assert.ts';
import { WinnowError } from '../shared/errors.ts';

export type Ort = typeof import('onnxruntime-web');
export type OnnxProvider = 'wasm' | 'webgpu';

/** Locations of a build's two files, both served from our own origin. */
interface BuildFiles {
  mjs: string;
  wasm: string;
}

const loaded = new Map<OnnxProvider, { ort: Promise<Ort>; threads: number }>();

const isNode = typeof process !== 'undefined' && process.versions?.node !== undefined;

/** Threads of the wasm provider if nobody asks for a number. */
export function defaultThreads(): number {
  if (isNode) return Math.min(process.getBuiltinModule('node:os').availableParallelism(), 4);
  return globalThis.crossOriginIsolated ? Math.min(navigator.hardwareConcurrency, 4) : 1;
}

/** The package, ready to create sessions. A build's number of threads is fixed when it is first used. */
export async function loadOrt(provider: OnnxProvider, threads?: number): Promise<{ ort: Ort; threads: number }> {
  let build = loaded.get(provider);
  if (!build) {
    // The WebGPU provider leaves only bookkeeping to the CPU.
    const count = provider === 'webgpu' ? 1 : (threads ?? defaultThreads());
    build = { ort: load(provider, count), threads: count };
    loaded.set(provider, build);
  }
  assert(
    provider === 'webgpu' || threads === undefined || threads === build.threads,
    `onnxruntime runs on ${build.threads} threads, which cannot become ${threads} any more`,
  );
  try {
    return { ort: await build.ort, threads: build.threads };
  } catch (error) {
    loaded.delete(provider);
    throw onnxRuntimeFailed('load', error);
  }
}

async function load(provider: OnnxProvider, threads: number): Promise<Ort> {
  if (isNode) {
    assert(provider === 'wasm', 'onnxruntime-web has no WebGPU under Node');
    // A variable, so that no bundler packs the bare entry for browsers.
    const nodeEntry = 'onnxruntime-web';
    return configure((await import(/* @vite-ignore */ nodeEntry)) as Ort, threads);
  }
  if (provider === 'wasm') {
    const [ort, files] = await Promise.all([import('onnxruntime-web/wasm'), import('./files/plain.ts')]);
    return configure(ort, threads, files);
  }
  if ('Suspending' in WebAssembly) {
    const [ort, files] = await Promise.all([import('onnxruntime-web/jspi'), import('./files/jspi.ts')]);
    return configure(ort, threads, files);
  }
  const [ort, files] = await Promise.all([import('onnxruntime-web/webgpu'), import('./files/asyncify.ts')]);
  return configure(ort, threads, files);
}

function configure(ort: Ort, threads: number, files?: BuildFiles): Ort {
  ort.env.wasm.numThreads = threads;
  ort.env.logLevel = 'error';
  // Resolved here: onnxruntime would take a relative address as relative to its own chunk.
  if (files)
    ort.env.wasm.wasmPaths = {
      mjs: new URL(files.mjs, location.href).href,
      wasm: new URL(files.wasm, location.href).href,
    };
  return ort;
}

/** What a person sees when onnxruntime does not start or does not run. */
export function onnxRuntimeFailed(doing: 'load' | 'load a model' | 'run a model', cause: unknown): WinnowError {
  return new WinnowError(
    'OnnxRuntimeFailed',
    `onnxruntime failed to ${doing}: ${cause instanceof Error ? cause.message : String(cause)}`,
    'Reload the page; if it happens again, choose our own kernels ("engine") instead of onnxruntime.',
  );
}
