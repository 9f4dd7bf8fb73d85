/** The demo's page: the studio's engine worker and public files, without the studio. */
import { join } from 'node:path';
import { defineConfig } from 'vite';
import { ortAssets } from '../vite-ort-assets.ts';

const top = join(import.meta.dirname, '..', '..');
const headers = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };

export default defineConfig({
  root: import.meta.dirname,
  base: './',
  publicDir: join(top, 'public'),
  plugins: [ortAssets()],
  worker: { format: 'es' },
  preview: { headers, port: 4175 },
  build: { target: 'es2023', outDir: join(top, '.cache', 'demo'), emptyOutDir: true, assetsInlineLimit: 0 },
});
