/** Draws the icons of public/icons/ from public/icon.svg: `node tools/icons.mjs`, after a change of it. */
import { readFileSync } from 'node:fs';
import { chromium } from 'playwright';
import { findBrowser } from './browser.mjs';

const svg = readFileSync('public/icon.svg', 'utf8');
const ground = '#1d1d1b';
/** Systems cut their own shape out of the ones that fill their square: its middle four fifths are always seen. */
const icons = [
  { name: '192', size: 192, scale: 1 },
  { name: '512', size: 512, scale: 1 },
  { name: 'maskable', size: 512, scale: 0.8, fills: true },
  { name: 'apple-touch', size: 180, scale: 0.9, fills: true },
];

const browser = await chromium.launch({ executablePath: findBrowser(), args: ['--no-sandbox'] });
for (const { name, size, scale, fills } of icons) {
  const page = await browser.newPage({ viewport: { width: size, height: size } });
  await page.setContent(
    `<style>body{margin:0;height:100vh;display:grid;place-items:center;background:${fills ? ground : 'transparent'}}svg{width:${100 * scale}%}</style>${svg}`,
  );
  await page.screenshot({ path: `public/icons/${name}.png`, omitBackground: true });
  await page.close();
}
await browser.close();
