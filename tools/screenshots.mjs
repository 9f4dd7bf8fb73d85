/** Makes the README's screenshots from a real session: `node tools/screenshots.mjs`, after a build. Judges the bundled pairs for the more
 *  colourful picture, trains the quick preset, compares. */
import { mkdirSync } from 'node:fs';
import { chromium } from 'playwright';
import { preview } from 'vite';
import { browserArgs, findBrowser } from './browser.mjs';

const out = 'docs/screenshots';
mkdirSync(out, { recursive: true });
const server = await preview({ preview: { port: 4176 }, logLevel: 'warn' });
const browser = await chromium.launch({ executablePath: findBrowser(), args: browserArgs() });
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  page.setDefaultTimeout(20 * 60_000);
  await page.goto(`${server.resolvedUrls.local[0]}#/models`);
  await page.getByRole('region', { name: 'Train every weight' }).getByText('within limits', { exact: true }).waitFor();
  await page.screenshot({ path: `${out}/models.png` });
  await page.goto(`${server.resolvedUrls.local[0]}#/label`);
  await page.getByRole('button', { name: 'Left image is better' }).waitFor();
  await page.waitForTimeout(1500);
  await page.screenshot({ path: `${out}/label.png` });
  const counter = page.getByText(/^\d+ labels?$/);
  for (let i = 0; i < 12; i++) {
    const left = await page.evaluate(() => {
      const saturation = [...document.querySelectorAll('main img')].slice(0, 2).map((image) => {
        const canvas = new OffscreenCanvas(32, 32);
        const context = canvas.getContext('2d');
        context.drawImage(image, 0, 0, 32, 32);
        const { data } = context.getImageData(0, 0, 32, 32);
        let sum = 0;
        for (let p = 0; p < data.length; p += 4)
          sum += Math.max(data[p], data[p + 1], data[p + 2]) - Math.min(data[p], data[p + 1], data[p + 2]);
        return sum;
      });
      return saturation[0] > saturation[1];
    });
    const before = await counter.textContent();
    await page.keyboard.press(left ? 'ArrowLeft' : 'ArrowRight');
    await page.waitForFunction(
      (text) => ![...document.querySelectorAll('main strong')].some((node) => node.textContent === text),
      before,
    );
  }
  await page.goto(`${server.resolvedUrls.local[0]}#/train`);
  await page.getByRole('button', { name: 'Start training' }).click();
  await page.getByText('finished').first().waitFor();
  await page.waitForTimeout(1500);
  await page.screenshot({ path: `${out}/train.png` });
  await page.getByRole('link', { name: 'Compare with base' }).click();
  await page.getByRole('button', { name: /^Make \d+ images/ }).click();
  await page.getByText('All images are here').waitFor();
  await page.waitForTimeout(1000);
  await page.screenshot({ path: `${out}/compare.png` });
} finally {
  await browser.close();
  await server.close();
}
