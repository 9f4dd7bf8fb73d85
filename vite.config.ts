/** The studio: index.html, the workers it names, and onnxruntime's wasm files beside them. Relative base, so that any static host serves it. */
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';
import { isolationHeaders, siteHeaders } from './src/shared/siteHeaders.ts';
import { firstChunk } from './tools/vite-first-chunk.ts';
import { licences } from './tools/vite-licences.ts';
import { ortAssets } from './tools/vite-ort-assets.ts';
import { serviceWorker } from './tools/vite-service-worker.ts';
import { words } from './tools/vite-words.ts';
import { uplotLocale } from './tools/vite-uplot-locale.ts';

/** Shown under Settings. */
const licencesOf = licences();

export default defineConfig({
  base: './',
  plugins: [words(), react(), ortAssets(), uplotLocale(), licencesOf.page, serviceWorker()],
  worker: { format: 'es', plugins: () => [licencesOf.worker] },
  // Hot reload writes scripts into the page: there the policy is left out.
  server: { headers: isolationHeaders },
  preview: { headers: siteHeaders, port: 4173 },
  optimizeDeps: { exclude: ['onnxruntime-web', 'uplot', '@jsquash/jpeg', '@jsquash/webp'] },
  build: {
    target: 'es2023',
    chunkSizeWarningLimit: 1500,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // zod and what it is told before any schema is made are one chunk: a chunk runs whole before those that import it.
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            { name: 'zod', test: /node_modules\/zod\/|shared\/noEval\.ts/, priority: 1 },
            firstChunk('first', '../src/studio/app/main.tsx'),
          ],
        },
      },
    },
  },
});
