/** The studio: index.html, the workers it names, and onnxruntime's wasm files beside them. Relative base, so that any static host serves it. */
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';
import { ortAssets } from './tools/vite-ort-assets.ts';
import { uplotLocale } from './tools/vite-uplot-locale.ts';

/** Cross-origin isolation gives onnxruntime its wasm threads. The studio works without it, on one thread. */
export const isolationHeaders = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

export default defineConfig({
  base: './',
  plugins: [react(), ortAssets(), uplotLocale()],
  worker: { format: 'es' },
  server: { headers: isolationHeaders },
  preview: { headers: isolationHeaders, port: 4173 },
  optimizeDeps: { exclude: ['onnxruntime-web', 'uplot', '@jsquash/jpeg', '@jsquash/webp'] },
  build: { target: 'es2023', chunkSizeWarningLimit: 1500, assetsInlineLimit: 0, modulePreload: { polyfill: false } },
});
