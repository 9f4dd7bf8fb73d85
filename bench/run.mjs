/** Runs a TypeScript benchmark of this folder under Node, through Vite: `node bench/run.mjs kernels [filter]`. */
import { join } from 'node:path';
import process from 'node:process';
import { createServer } from 'vite';

const root = join(import.meta.dirname, '..');
const server = await createServer({
  root,
  configFile: false,
  appType: 'custom',
  logLevel: 'error',
  cacheDir: join(root, '.cache', 'bench'),
  oxc: { target: 'node20' },
  optimizeDeps: { noDiscovery: true },
  server: { middlewareMode: true, hmr: false, watch: null },
});
const { main } = await server.ssrLoadModule(join(import.meta.dirname, `${process.argv[2]}.ts`));
await main(process.argv.slice(3));
await server.close();
process.exit(0);
