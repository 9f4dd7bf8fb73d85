/** Builds tools/deno/main.ts into one module that Deno runs: it takes neither `?raw` nor this project's packages. */
import { join } from 'node:path';
import { build } from 'vite';

/** Gives the path of the module. */
export async function buildForDeno(root, folder) {
  await build({
    root,
    configFile: false,
    logLevel: 'error',
    publicDir: false,
    ssr: { noExternal: true },
    build: {
      target: 'es2023',
      ssr: join(root, 'tools', 'deno', 'main.ts'),
      outDir: folder,
      emptyOutDir: true,
      minify: false,
      rollupOptions: {
        output: { entryFileNames: 'main.mjs', format: 'es' },
        external: [/^onnxruntime-web/, 'webgpu'],
      },
    },
  });
  return join(folder, 'main.mjs');
}
