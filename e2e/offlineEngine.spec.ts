/** The engine on the built files: what is loaded before the first pair, onnxruntime under the content security policy, and a picture that is drawn
 *  when the host is gone. */
import '../src/shared/disposable.ts';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from '@playwright/test';
import { dist, kept, pair, staticHost, watch } from './host.ts';

const assets = readdirSync(join(dist, 'assets'));

test.describe('the first load', () => {
  // Where two pictures take longer than three seconds to decode, as on a machine at work, the rest is asked for before they show.
  test.describe.configure({ retries: 2 });

  test('at most 200 kB of JavaScript come before the first pair shows', async ({ page }) => {
    await using host = await staticHost();
    const scripts: string[] = [];
    page.on('request', (request) => {
      const name = new URL(request.url()).pathname.slice('/some/where/'.length);
      if (/\.m?js$/.test(name)) scripts.push(name);
    });
    await page.addInitScript(() => {
      const shown = (): boolean => document.querySelectorAll('[aria-label$="image is better"] img').length === 2;
      new MutationObserver((_, observer) => {
        if (!shown()) return;
        observer.disconnect();
        const fetched = performance.getEntriesByType('resource').map(({ name }) => name);
        Object.assign(globalThis, { before: fetched });
      }).observe(document, { childList: true, subtree: true });
    });
    await page.goto(host.address);
    await pair(page);
    const before = await page.evaluate(() => (globalThis as unknown as { before: string[] }).before);
    const names = before.map((url) => url.slice(host.address.length)).filter((name) => /\.m?js$/.test(name));
    expect(names).toContainEqual(expect.stringMatching(/^assets\/first-/));
    const bytes = names.reduce((sum, name) => sum + gzipSync(readFileSync(join(dist, name))).length, 0);
    expect(bytes / 1000, names.join(' ')).toBeLessThanOrEqual(200);
    // The rest comes by itself.
    for (const screen of ['Train', 'Compare', 'Data'])
      await expect.poll(() => scripts.some((name) => name.includes(`/${screen}Screen-`))).toBe(true);
  });
});

test('a picture is drawn when the host is gone, on more threads than it allowed', async ({ context, page }) => {
  await using host = await staticHost();
  const complaints = await watch(context, host.address);
  await page.goto(host.address);
  await expect(page.getByText('one: this page is not cross-origin isolated')).toBeVisible({ timeout: 300_000 });
  await kept(page);
  await expect(page.getByText('one; more when this page is opened again')).toBeVisible();
  await page.close();
  await host[Symbol.asyncDispose]();

  const later = await context.newPage();
  await later.goto(host.address);
  await expect(later.getByText(/^[2-9] for onnxruntime$/)).toBeVisible({ timeout: 300_000 });
  await later.goto(`${host.address}#/generate`);
  await later.getByRole('textbox', { name: 'Images', exact: true }).fill('1');
  await later.getByRole('textbox', { name: 'Prompt', exact: true }).fill('a red house in the hills');
  await later.keyboard.press('Control+Enter');
  await expect(
    later.getByRole('figure', { name: 'Current image' }).getByRole('img', { name: /, seed \d+$/ }),
  ).toBeVisible({ timeout: 300_000 });
  expect(complaints).toEqual([]);
});

const onnx = join(import.meta.dirname, '../tools/judges/onnx/judges/timm/tiny.onnx');

for (const [build, entry] of [
  ['jspi', 'ort.jspi.min-'],
  ['asyncify', 'ort.webgpu.min-'],
] as const) {
  test(`onnxruntime with WebGPU (${build}) runs where no code may be made of text`, async ({
    context,
    page,
    baseURL,
  }) => {
    const complaints = await watch(context, baseURL!);
    const file = (start: string, end: string): string =>
      `${baseURL}assets/${assets.find((name) => name.startsWith(start) && name.endsWith(end))!}`;
    await page.goto('/');
    await pair(page);
    const [webgpu, wasm] = await page.evaluate(
      async ({ module, mjs, wasm, bytes }) => {
        const ort = (await import(module)) as typeof import('onnxruntime-web');
        Object.assign(ort.env.wasm, { numThreads: 1, wasmPaths: { mjs, wasm } });
        const data = Float32Array.from({ length: 3 * 32 * 32 }, (_, i) => Math.sin(i));
        const results: number[][] = [];
        for (const name of ['webgpu', 'wasm']) {
          const session = await ort.InferenceSession.create(Uint8Array.from(bytes), { executionProviders: [name] });
          const { output } = await session.run({ input: new ort.Tensor('float32', data, [1, 3, 32, 32]) });
          results.push([...((await output!.getData()) as Float32Array)]);
        }
        return results;
      },
      {
        module: file(entry, '.js'),
        mjs: file(`ort-wasm-simd-threaded.${build}-`, '.mjs'),
        wasm: file(`ort-wasm-simd-threaded.${build}-`, '.wasm'),
        bytes: [...readFileSync(onnx)],
      },
    );
    expect(wasm!.length).toBeGreaterThan(0);
    webgpu!.forEach((value, i) => expect(value).toBeCloseTo(wasm![i]!, 4));
    // That the policy is there, and would have said so.
    const refused = page.evaluate(async () => {
      // What the test itself evaluates is exempt until it first waits.
      await new Promise((resolve) => setTimeout(resolve));
      // oxlint-disable-next-line typescript/no-implied-eval -- it is to be refused
      return new Function('return 1')() as number;
    });
    await expect(refused).rejects.toThrow(/unsafe-eval|Content Security Policy/);
    expect(complaints.filter((one) => !one.includes('forbids eval'))).toEqual([]);
  });
}
