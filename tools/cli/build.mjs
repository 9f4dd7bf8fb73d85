/** Builds src/cli/main.ts into one module for Node. Run by `npm ci` (prepare) and by the launcher when sources are newer. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isStale } from '../stale.mjs';

export const bundlePath = (root) => join(root, '.cache', 'cli', 'main.mjs');

export async function buildCli(root, { force = false } = {}) {
  if (!force && !isStale(bundlePath(root), [join(root, 'src'), join(root, 'package.json'), fileURLToPath(import.meta.url)])) return;
  const { build } = await import('vite');
  await build({
    root,
    configFile: false,
    logLevel: 'warn',
    publicDir: false,
    build: {
      target: 'node20',
      ssr: join(root, 'src', 'cli', 'main.ts'),
      outDir: join(root, '.cache', 'cli'),
      emptyOutDir: true,
      minify: false,
      rollupOptions: { output: { entryFileNames: 'main.mjs', format: 'es' }, external: [/^onnxruntime-web/, 'webgpu'] },
    },
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildCli(process.cwd(), { force: true });
