/** The browser's private file system as a FileStore: the rows that src/data/files.test.ts runs on memory and on a folder. */
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { build, type Rollup } from 'vite';
import { fileStoreCases } from '../src/data/fileStoreCases.ts';

async function bundle(): Promise<string> {
  const entry = join(import.meta.dirname, 'opfsCases.worker.ts');
  const built = (await build({
    configFile: false,
    publicDir: false,
    logLevel: 'error',
    build: { write: false, minify: false, lib: { entry, formats: ['es'], fileName: 'cases' } },
  })) as Rollup.RollupOutput[];
  return built[0]!.output[0].code;
}

test('OPFS does what every FileStore does, in a worker and on a page', async ({ page }) => {
  const code = await bundle();
  await page.route('**/cases.js', (route) =>
    route.fulfill({
      contentType: 'text/javascript',
      headers: { 'Cross-Origin-Embedder-Policy': 'require-corp' },
      body: code,
    }),
  );
  await page.goto('/icon.svg');
  for (const where of ['worker', 'page'] as const) {
    const results = await page.evaluate(async (where) => {
      const address = new URL('/cases.js', location.href).href;
      if (where === 'page')
        return ((await import(address)) as { runCases(where: string): Promise<unknown> }).runCases('page');
      return new Promise<unknown>((resolve, reject) => {
        const worker = new Worker(address, { type: 'module' });
        worker.addEventListener('message', ({ data }) => resolve(data));
        worker.addEventListener('error', (event) => reject(new Error(event.message)));
      });
    }, where);
    expect(Array.isArray(results), String(results)).toBe(true);
    for (const { name, got, gives } of results as { name: string; got: unknown; gives: unknown }[])
      expect(got, `${where}: ${name}`).toEqual(gives);
    expect(results).toHaveLength(fileStoreCases.length);
  }
});
