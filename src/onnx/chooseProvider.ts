/** Measures which of onnxruntime's providers runs a model faster on this machine. */
import { createSession, type Feed, type OnnxSession, type SessionOptions } from './session.ts';
import type { OnnxProvider } from './runtime.ts';

/** What was measured, kept with a run so that a resumed one uses the same. */
export interface ProviderChoice {
  provider: OnnxProvider;
  threads: number;
  /** Milliseconds of one run once warm, with its inputs and outputs in ordinary memory. */
  wasmMs: number;
  /** Absent where there is no device, or a software one, to measure. */
  webgpuMs?: number;
  /** Why the webgpu provider could not run this model here. */
  webgpuError?: string;
}

/** A session on the faster provider, and the measurement. Without a device there is wasm only. A software adapter is not measured: it runs
 *  on the cores wasm has without the detour (the embedded model's UNet takes 5.4 s on SwiftShader and 0.07 s on wasm), and would need half
 *  a minute to say so. */
export async function chooseProvider(
  bytes: Uint8Array,
  feeds: Readonly<Record<string, Feed>>,
  { device, threads }: Omit<SessionOptions, 'provider'>,
): Promise<{ session: OnnxSession; choice: ProviderChoice }> {
  const wasm = await createSession(bytes, { provider: 'wasm', ...(threads && { threads }) });
  const wasmMs = await fastestMs(wasm, feeds, Infinity);
  const choice: ProviderChoice = { provider: 'wasm', threads: wasm.threads, wasmMs };
  if (!device || device.adapterInfo.isFallbackAdapter) return { session: wasm, choice };

  let webgpu: OnnxSession | undefined;
  try {
    webgpu = await createSession(bytes, { provider: 'webgpu', device });
    choice.webgpuMs = await fastestMs(webgpu, feeds, wasmMs);
  } catch (error) {
    choice.webgpuError = error instanceof Error ? error.message : String(error);
  }
  if (webgpu && choice.webgpuMs !== undefined && choice.webgpuMs < wasmMs) {
    await wasm.release();
    return { session: webgpu, choice: { ...choice, provider: 'webgpu' } };
  }
  await webgpu?.release();
  return { session: wasm, choice };
}

/** Fastest of three runs after one that compiles and allocates; a run twice as slow as `hopelessMs` ends it. */
async function fastestMs(session: OnnxSession, feeds: Readonly<Record<string, Feed>>, hopelessMs: number): Promise<number> {
  await session.run(feeds);
  let fastest = Infinity;
  for (let i = 0; i < 3; i++) {
    const start = performance.now();
    await session.run(feeds);
    fastest = Math.min(fastest, performance.now() - start);
    if (fastest > 2 * hopelessMs) break;
  }
  return fastest;
}
