/** The built studio, served as `npm start` serves it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { build, type Plugin, preview } from 'vite';
import { isStale } from '../../stale.mjs';

const root = join(import.meta.dirname, '..', '..', '..');

/** @param instead what is served in the place of files of the site, by path.
 *  @param built a build to be served, made elsewhere; made here where the sources are newer than the last one. */
export async function serveSite(
  instead: Record<string, string> = {},
  built?: string,
): Promise<{ url: string; close(): Promise<void> }> {
  const outDir = built ?? join(root, '.cache', 'torture', 'site');
  const configFile = join(root, 'vite.config.ts');
  const sources = ['src', 'workers', 'public', 'index.html', 'package.json', 'vite.config.ts'];
  if (
    !built &&
    isStale(
      join(outDir, 'index.html'),
      sources.map((name) => join(root, name)),
    )
  )
    await build({ root, configFile, logLevel: 'warn', build: { outDir, emptyOutDir: true } });
  if (!existsSync(join(outDir, 'index.html'))) throw new Error(`there is no build in ${outDir}`);
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
  return { url: server.resolvedUrls!.local[0]!, close: () => server.close() };
}
