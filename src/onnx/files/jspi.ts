/** Where the build of onnxruntime-web with WebGPU and JSPI is served from: Vite copies the files at build time. */
export { default as mjs } from 'onnxruntime-web/ort-wasm-simd-threaded.jspi.mjs?url';
export { default as wasm } from 'onnxruntime-web/ort-wasm-simd-threaded.jspi.wasm?url';
