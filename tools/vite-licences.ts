/** Vite plugin: `licences.md`, the licences of all packages that are bundled, those of workers too (which Vite's own `build.license` leaves out). */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plugin, Rolldown } from 'vite';

/** `…/node_modules/@scope/name/…` → the package's folder, the innermost one. */
const packageOf = (module: string): string | undefined =>
  /^[^\0]*\/node_modules\/(?:@[^/]+\/)?[^/@.][^/]*(?=\/)/.exec(module)?.[0];

function licenceOf(folder: string): [name: string, section: string] {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<
    string,
    string
  >;
  const file = readdirSync(folder).find((one) => /^licen[cs]e/i.test(one));
  const text = file ? readFileSync(join(folder, file), 'utf8').trim() : '';
  return [`${name} ${version}`, `## ${name} ${version} (${license ?? 'see below'})\n\n${text}`];
}

/** In `plugins` and in `worker.plugins`: workers are bundled before the page. */
export function licences(): { page: Plugin; worker: Plugin } {
  const folders = new Set<string>();
  const collect = (bundle: Rolldown.OutputBundle): void => {
    for (const one of Object.values(bundle))
      if (one.type === 'chunk')
        for (const module of one.moduleIds) {
          const folder = packageOf(module);
          if (folder) folders.add(folder);
        }
  };
  return {
    worker: { name: 'winnow:licences-worker', generateBundle: (_, bundle) => collect(bundle) },
    page: {
      name: 'winnow:licences',
      apply: 'build',
      generateBundle(_, bundle) {
        collect(bundle);
        const sections = new Map([...folders].map(licenceOf));
        const all = [...sections].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, section]) => section);
        const title = `# Licences\n\nWinnow's own is Apache-2.0. It bundles these packages.\n\n`;
        this.emitFile({ type: 'asset', fileName: 'licences.md', source: `${title}${all.join('\n\n')}\n` });
      },
    },
  };
}
