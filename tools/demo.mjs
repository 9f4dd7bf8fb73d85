/** `npm run demo`: the whole loop without a person in a real browser. Prints progress on stderr, the figures as one JSON line on stdout,
 *  and writes a report with pictures and a
 *  before-and-after sheet to .cache/demo-report/. Options: --pairs 100 --best-of 4 --prompts 100 --seeds 2 --steps 0 (the
 *  preset's) --preset standard --reference auto|onnx|engine --seed 0 --out DIR. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright';
import { build, preview } from 'vite';
import { browserArgs, findBrowser } from './browser.mjs';
import { demoReport } from './demo/report.mjs';

const { values } = parseArgs({
  options: {
    pairs: { type: 'string', default: '100' },
    'best-of': { type: 'string', default: '4' },
    prompts: { type: 'string', default: '100' },
    seeds: { type: 'string', default: '2' },
    steps: { type: 'string', default: '0' },
    preset: { type: 'string', default: 'standard' },
    reference: { type: 'string', default: 'auto' },
    seed: { type: 'string', default: '0' },
    out: { type: 'string', default: '.cache/demo-report' },
  },
});
const options = {
  pairs: Number(values.pairs),
  bestOf: Number(values['best-of']),
  prompts: Number(values.prompts),
  seeds: Number(values.seeds),
  steps: Number(values.steps),
  preset: values.preset,
  reference: values.reference,
  seed: Number(values.seed),
};
const configFile = join(import.meta.dirname, 'demo', 'vite.config.ts');
const say = (line) => process.stderr.write(`${line}\n`);

await build({ configFile, logLevel: 'warn' });
const server = await preview({ configFile, logLevel: 'warn' });
const browser = await chromium.launch({ executablePath: findBrowser({ log: say }), args: browserArgs() });
try {
  const page = await browser.newPage();
  page.on('pageerror', (error) => say(`page: ${error.message}`));
  await page.exposeFunction('winnowProgress', async (line) => say(line));
  await page.goto(server.resolvedUrls.local[0]);
  await page.waitForFunction(() => 'runDemo' in window);
  const { shown, metrics, config, ...figures } = await page.evaluate((o) => window.runDemo(o), options);
  mkdirSync(values.out, { recursive: true });
  writeFileSync(join(values.out, 'report.html'), demoReport({ shown, metrics, config, figures, options }));
  writeFileSync(
    join(values.out, 'figures.json'),
    `${JSON.stringify({ ...figures, config, options, metrics }, null, 2)}\n`,
  );
  await page.setViewportSize({ width: 1160, height: 900 });
  await page.goto(pathToFileURL(join(values.out, 'report.html')).href);
  await page.locator('.grid').screenshot({ path: join(values.out, 'before-after.png') });
  say(`Report: ${join(values.out, 'report.html')}`);
  console.log(JSON.stringify(figures));
} finally {
  await browser.close();
  await server.close();
}
