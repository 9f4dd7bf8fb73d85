/** The built studio, served as `npm start` serves it. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, type Plugin, preview } from 'vite';
import { isStale } from '../../stale.mjs';

const root = join(import.meta.dirname, '..', '..', '..');

const sources = ['src', 'workers', 'public', 'index.html', 'package.json', 'vite.config.ts'].map((name) =>
  join(root, name),
);
const configFile = join(root, 'vite.config.ts');

/** Where the studio is built from the sources as they are; built now if it is nowhere. */
async function builtSite(): Promise<string> {
  const own = join(root, '.cache', 'torture', 'site');
  const fresh = [join(root, 'dist'), own].find((folder) => !isStale(join(folder, 'index.html'), sources));
  if (fresh === undefined)
    await build({ root, configFile, logLevel: 'error', build: { outDir: own, emptyOutDir: true } });
  return fresh ?? own;
}

/** @param instead what is served in the place of files of the site, by path. */
export async function serveSite(
  instead: Record<string, string> = {},
): Promise<{ url: string; close(): Promise<void> }> {
  // A copy: another build may come meanwhile.
  const outDir = mkdtempSync(join(tmpdir(), 'winnow-torture-site-'));
  cpSync(await builtSite(), outDir, { recursive: true });
  const other: Plugin = {
    name: 'other-files',
    configurePreviewServer(server) {
      server.middlewares.use((request, response, next) => {
        const text = instead[request.url?.split('?')[0]?.slice(1) ?? ''];
        if (text === undefined) return next();
        response.writeHead(200, { 'Content-Type': 'application/json' }).end(text);
      });
    },
  };
  const server = await preview({
    root,
    configFile,
    logLevel: 'error',
    build: { outDir },
    preview: { port: 4190, host: 'localhost' },
    plugins: [other],
  });
  const close = async (): Promise<void> => {
    await server.close();
    rmSync(outDir, { recursive: true, force: true });
  };
  return { url: server.resolvedUrls!.local[0]!, close };
}
