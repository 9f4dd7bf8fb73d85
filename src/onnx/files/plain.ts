/** Where the plain wasm build of onnxruntime-web is served from: Vite copies the files at build time. */
export { default as mjs } from 'onnxruntime-web/ort-wasm-simd-threaded.mjs?url';
export { default as wasm } from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url';
