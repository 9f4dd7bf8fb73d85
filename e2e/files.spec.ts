/** The browser's private file system as a FileStore: the rows that src/data/files.test.ts runs on memory and on a folder. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, type Page, test } from '@playwright/test';
import { build, type Rollup } from 'vite';
import { fileStoreCases } from '../src/data/fileStoreCases.ts';

async function bundle(name: string): Promise<string> {
  const entry = join(import.meta.dirname, name);
  const built = (await build({
    configFile: false,
    publicDir: false,
    logLevel: 'error',
    build: {
      write: false,
      minify: false,
      lib: { entry, formats: ['es'], fileName: 'cases' },
      // Never started here.
      rollupOptions: { external: /onnxruntime-web|onnx\/files/ },
    },
  })) as Rollup.RollupOutput[];
  return built[0]!.output[0].code;
}

/** An empty page of the studio's origin that may import it as /cases.js. */
async function open(page: Page, name: string): Promise<void> {
  const code = await bundle(name);
  await page.route('**/cases.js', (route) =>
    route.fulfill({
      contentType: 'text/javascript',
      headers: { 'Cross-Origin-Embedder-Policy': 'require-corp' },
      body: code,
    }),
  );
  await page.goto('/icon.svg');
}

test('OPFS does what every FileStore does, in a worker and on a page', async ({ page }) => {
  await open(page, 'opfsCases.worker.ts');
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

/** Of a golden case, as a person has a judge's folder. */
function judgeFiles(name: string): Record<string, string> {
  const folder = join(import.meta.dirname, '../tools/judges/cases', name);
  const read = (file: string): string => readFileSync(join(folder, file)).toString('base64');
  return {
    'config.json': read('config.json'),
    'preprocessor_config.json': read('preprocessor_config.json'),
    'model.safetensors': read('weights.safetensors'),
    ...Object.fromEntries(readdirSync(join(folder, 'tokenizer')).map((file) => [file, read(`tokenizer/${file}`)])),
  };
}

test('a judge does not look again at pictures that it saw before the page was loaded anew', async ({ page }) => {
  await open(page, '../src/service/sampling/testEmbeddingPage.ts');
  const files = judgeFiles('judge-clip');
  const session = (prompt: string): Promise<{ ran: string[]; scores: number[] }> =>
    page.evaluate(
      async ({ files, prompt }) => {
        type Session = (...given: unknown[]) => Promise<{ ran: string[]; scores: number[] }>;
        const { session } = (await import(new URL('/cases.js', location.href).href)) as { session: Session };
        return session(files, prompt);
      },
      { files, prompt },
    );
  const first = await session('a tree');
  expect(first.ran.filter((tower) => tower === 'image')).toHaveLength(3);
  await page.reload();
  const second = await session('a tree');
  expect(second.scores).toEqual(first.scores);
  expect(second.ran).not.toContain('image');
  // Beside other words it reads those alone.
  const other = await session('a house');
  expect(other.ran).toEqual(['text']);
  expect(other.scores).not.toEqual(first.scores);
});
