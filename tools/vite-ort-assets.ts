/** Vite plugin: takes onnxruntime-web's entries that load their WebAssembly from a file of its own, not the ones that carry the loader
 *  inside. The loader then starts its threads from that small file instead of from our bundle. The files themselves are named by
 *  src/onnx/files/ with `?url`, so Vite serves them in development and copies them to the output in a build. */
import { defaultClientConditions, type Plugin } from 'vite';

export function ortAssets(): Plugin {
  return {
    name: 'winnow:ort-assets',
    config: () => ({ resolve: { conditions: ['onnxruntime-web-use-extern-wasm', ...defaultClientConditions] } }),
  };
}
