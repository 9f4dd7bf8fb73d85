/** `npm start`: builds the studio if its sources are newer than the last build, serves it on localhost, opens it where there is a desktop. */
import { build, preview } from 'vite';
import { isStale } from './stale.mjs';

if (
  isStale('dist/index.html', [
    'src',
    'workers',
    'public',
    'index.html',
    'package.json',
    'vite.config.ts',
    'tools/vite-ort-assets.ts',
    'tools/vite-licences.ts',
    'tools/vite-service-worker.ts',
    'tools/emvalCaller.ts',
  ])
) {
  await build({ logLevel: 'warn' });
}
const desktop =
  process.platform === 'darwin' ||
  process.platform === 'win32' ||
  Boolean(process.env.DISPLAY || process.env.WAYLAND_DISPLAY);
const server = await preview({
  preview: { open: desktop && !process.env.CI, port: Number(process.env.PORT ?? 4173) },
  logLevel: 'warn',
});
console.log(`Winnow is at ${server.resolvedUrls?.local[0] ?? 'http://localhost:4173/'}  (Ctrl-C stops it)`);
