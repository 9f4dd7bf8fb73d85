/** Makes docs/tour.md and its pictures from a real session: `node tools/tour.mjs`, after a build. Judges a dozen of the bundled pairs, draws, trains the
 *  quick preset, compares; then looks at what there is, in other widths, colours and languages. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { chromium } from 'playwright';
import { preview } from 'vite';
import { browserArgs, findBrowser } from './browser.mjs';

const out = 'docs/screenshots/tour';
mkdirSync(out, { recursive: true });
const server = await preview({ preview: { port: 4177 }, logLevel: 'warn' });
const address = server.resolvedUrls.local[0];
const browser = await chromium.launch({ executablePath: findBrowser(), args: browserArgs() });
const shots = [];

const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce' });
const page = await context.newPage();
page.setDefaultTimeout(10 * 60_000);

async function shoot(name, says, on = page) {
  await on.waitForTimeout(900);
  await on.screenshot({ path: `${out}/${name}.jpg`, type: 'jpeg', quality: 82 });
  shots.push([name, says]);
  console.log(name);
}
const go = (path, on = page) => on.goto(`${address}#/${path}`);
const button = (name, exact = false) => page.getByRole('button', { name, exact });
const view = (name) => page.getByText(name, { exact: true }).first().click();

try {
  await page.goto(address);
  await button('Left image is better').waitFor();
  await page.getByText('Measured here').waitFor();
  await shoot('start', 'Start: a pair at once, and what this computer can do');

  await go('label');
  const counter = page.getByText(/^\d+ labels?$/);
  for (let i = 0; i < 12; i++) {
    await button('Left image is better').waitFor();
    const before = await counter.textContent();
    if (i === 3) await shoot('label', 'Label: the whole screen for the pair, a key for each answer');
    await page.keyboard.press(i % 2 ? 'ArrowRight' : 'ArrowLeft');
    await page.waitForFunction(
      (text) => ![...document.querySelectorAll('main strong')].some((node) => node.textContent === text),
      before,
    );
  }
  await page
    .getByRole('radiogroup', { name: 'Which pairs' })
    .getByText(/^Preferred/)
    .click();
  await page.keyboard.press('j');
  await shoot('review', 'Reviewing: where one is, and the answer on the picture that it means');

  await go('generate');
  await page.getByRole('textbox', { name: 'Prompt', exact: true }).fill('a red house in the hills, a zeppelin above');
  await shoot('prompt', 'Generate: tokens counted, and a word that the model does not know');
  await page.getByRole('textbox', { name: 'Prompt', exact: true }).fill('a red house in the hills');
  await page.keyboard.press('Control+Enter');
  await page
    .getByRole('figure', { name: 'Current image' })
    .getByRole('img', { name: /, seed \d+$/ })
    .waitFor();
  await shoot('drawing', 'Generate: the current picture large, the others as a strip, time left for the queue');

  await go('train');
  await shoot('train-setup', 'Train: presets by how many labels there are, and what they take here');
  await button('More: every setting').click();
  await page.mouse.wheel(0, 500);
  await shoot('train-settings', 'Every setting, each with what it does');
  await page.mouse.wheel(0, -2000);
  await button('Start training').click();
  await page.getByTestId('started-at').getByText('✓').waitFor();
  await shoot('training', 'A run at work: started at ln 2, step, time left, what it waits for');
  await page.getByText('Set up the next run').click();
  await button('Queue this run').click();
  await shoot('queue', 'A second run waits for its turn');
  await page
    .getByRole('button', { name: /^Take .+ away$/ })
    .first()
    .click();
  await page.getByText('finished').first().waitFor();
  await page.waitForTimeout(1000);
  await page.getByText('Quick taste 1', { exact: true }).first().click();
  await page
    .getByTestId('verdict')
    .waitFor({ timeout: 5000 })
    .catch(() => undefined);
  await shoot('trained', 'A finished run: curves with values, samples through training, a verdict in words');

  await go('compare');
  await shoot('compare-empty', 'Compare, before anything is made: what it will draw, and with which settings');
  await button(/^Make \d+ images/).click();
  await page.getByText('All images are here').waitFor();
  await shoot('compare', 'Compare: side by side');
  for (const [name, says] of [
    ['Slider', 'Under a slider'],
    ['Difference', 'As a difference, four times as strong'],
    ['Together', 'Together: several seeds, or up to all models at once'],
    ['Grid', 'A grid over any two settings or checkpoints, with labels'],
    ['Through training', 'One picture through training'],
  ]) {
    await view(name);
    await shoot(`compare-${name.toLowerCase().replaceAll(' ', '-')}`, `Compare: ${says}`);
  }
  await view('Side by side');

  await go('models');
  await shoot('models', 'Models: what is here, what it takes of this GPU, judges');
  await go('data');
  await shoot('data', 'Data: preferences of others in, raters, pairs and the whole project out');
  await go('library');
  await page.getByRole('checkbox').first().check({ force: true });
  await shoot('library', 'Library: starred, selected, saved as a zip');
  await page.keyboard.press('Control+k');
  await page.getByRole('dialog').getByRole('textbox').waitFor();
  await page.keyboard.type('compare');
  await shoot('palette', 'Every command by its words');
  await page.keyboard.press('Escape');
  await page.keyboard.press('?');
  await shoot('keys', 'Every key, and other keys for it');
  await page.keyboard.press('Escape');
  await go('settings');
  await page.mouse.wheel(0, 3000);
  await shoot('about', 'About: version, licences, model card');

  for (const [name, says, settings, path] of [
    ['dark', 'In the dark', { colorScheme: 'dark', viewport: { width: 1280, height: 800 } }, 'label'],
    ['tablet', 'On a tablet', { viewport: { width: 820, height: 1100 } }, 'train'],
    ['phone', 'On a phone', { viewport: { width: 360, height: 780 } }, 'label'],
    ['zoomed', 'At 200 %', { viewport: { width: 640, height: 400 }, deviceScaleFactor: 2 }, 'label'],
    [
      'contrast',
      'With a contrast theme',
      { forcedColors: 'active', viewport: { width: 1280, height: 800 } },
      'settings',
    ],
    ['german', 'In German', { locale: 'de-DE', viewport: { width: 1280, height: 800 } }, ''],
    ['spanish', 'In Spanish', { locale: 'es-ES', viewport: { width: 1280, height: 800 } }, 'label'],
  ]) {
    const other = await browser.newContext({ reducedMotion: 'reduce', ...settings });
    const there = await other.newPage();
    await go(path, there);
    await there.getByRole('main').locator('img, h1').first().waitFor();
    await there.waitForTimeout(2500);
    await shoot(name, says, there);
    await other.close();
  }
  const lines = shots.map(([name, says]) => `## ${says}\n\n![${says}](screenshots/tour/${name}.jpg)\n`);
  writeFileSync(
    'docs/tour.md',
    `# The studio, screen by screen\n\nMade by \`node tools/tour.mjs\` from one session, on a software adapter.\n\n${lines.join('\n')}`,
  );
} finally {
  await browser.close();
  await server.close();
}
