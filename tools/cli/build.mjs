/** Builds src/cli/main.ts into one module for Node (and the chunks it loads on demand). Run by `npm ci` (prepare) and by the launcher when
 *  sources are newer. */
import { mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { isStale } from '../stale.mjs';

const folderOf = (root) => join(root, '.cache', 'cli');
export const bundlePath = (root) => join(folderOf(root), 'main.mjs');

const HOUR_MS = 3_600_000;

/** Logs why it builds, on stderr: stdout belongs to the verb. */
export async function buildCli(root, { force = false } = {}) {
  if (
    !force &&
    !isStale(bundlePath(root), [join(root, 'src'), join(root, 'package.json'), fileURLToPath(import.meta.url)])
  )
    return;
  process.stderr.write('building the command line\n');
  const { build } = await import('vite');
  const folder = folderOf(root);
  const made = `${folder}-${process.pid}`;
  await build({
    root,
    configFile: false,
    logLevel: 'error',
    publicDir: false,
    build: {
      target: 'node20',
      ssr: join(root, 'src', 'cli', 'main.ts'),
      outDir: made,
      emptyOutDir: true,
      minify: false,
      rollupOptions: {
        output: { entryFileNames: 'main.mjs', chunkFileNames: '[name]-[hash].mjs', format: 'es' },
        external: [/^onnxruntime-web/, 'webgpu'],
      },
    },
  });
  // Moved in at once, main.mjs last: another winnow may be running, and another may be building.
  mkdirSync(folder, { recursive: true });
  const files = readdirSync(made).filter((name) => statSync(join(made, name)).isFile());
  for (const name of files.filter((name) => name !== 'main.mjs')) renameSync(join(made, name), join(folder, name));
  renameSync(join(made, 'main.mjs'), bundlePath(root));
  rmSync(made, { recursive: true, force: true });
  for (const name of readdirSync(folder)) {
    if (!files.includes(name) && Date.now() - statSync(join(folder, name)).mtimeMs > HOUR_MS)
      rmSync(join(folder, name), { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildCli(process.cwd(), { force: true });
