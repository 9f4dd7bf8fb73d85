/** Vite plugin: the service worker, made of what was built, with the list of all files of the output. Headers go along for hosts that read
 *  `_headers`, and the content security policy into the page for those that do not. */
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { getManifest } from '@serwist/build';
import { build, type Plugin, type ResolvedConfig } from 'vite';
import { contentSecurityPolicy, siteHeaders } from '../src/shared/siteHeaders.ts';

const NAME = 'service-worker.js';
/** Vite's, which changes with the content. */
const hashed = /assets\/.*-[\w-]{8}\.\w+$/;

export function serviceWorker(): Plugin {
  let config: ResolvedConfig;
  return {
    name: 'winnow:service-worker',
    apply: 'build',
    configResolved: (resolved) => void (config = resolved),
    transformIndexHtml: () => [
      {
        tag: 'meta',
        attrs: { 'http-equiv': 'Content-Security-Policy', content: contentSecurityPolicy },
        injectTo: 'head-prepend',
      },
    ],
    closeBundle: {
      sequential: true,
      order: 'post',
      async handler(error) {
        if (error) return;
        const out = resolve(config.root, config.build.outDir);
        const lines = Object.entries(siteHeaders).map(([name, value]) => `  ${name}: ${value}\n`);
        writeFileSync(join(out, '_headers'), `/*\n${lines.join('')}`);
        const { manifestEntries, warnings } = await getManifest({
          globDirectory: out,
          globPatterns: ['**/*'],
          globIgnores: ['_headers', NAME],
          dontCacheBustURLsMatching: hashed,
          maximumFileSizeToCacheInBytes: 256 * 2 ** 20,
        });
        if (warnings.length > 0) throw new Error(warnings.join('\n'));
        await build({
          configFile: false,
          root: config.root,
          publicDir: false,
          logLevel: 'warn',
          define: {
            'process.env.NODE_ENV': '"production"',
            SITE_FILES: JSON.stringify(manifestEntries),
          },
          build: {
            outDir: config.build.outDir,
            emptyOutDir: false,
            target: config.build.target,
            rolldownOptions: {
              input: 'workers/service.worker.ts',
              output: { format: 'iife', entryFileNames: NAME },
            },
          },
        });
      },
    },
  };
}
