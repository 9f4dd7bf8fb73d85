/** One page of the built studio that makes pictures, trains short runs, and opens and deletes models, again and again. What lives on the GPU and in
 *  the JavaScript heaps of page and worker must come back to where it was after the first of each. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PipedPage, switches } from './lib/browser.ts';
import { serveSite } from './lib/site.ts';
import { smallConfig, smallPairs, tinyModel } from './lib/smallRun.ts';
import { putPairs } from './lib/studioFiles.ts';
import { timeLimit, type Torture } from './lib/torture.ts';

export const fullCount = 500;

const PICTURES_OF_A_ROUND = 25;
const ALLOWED = 0.05;

/** In the engine's worker: what was made on the device and not destroyed, in bytes. */
const countBuffers = `(() => {
  self.liveGpuBytes = 0;
  self.mostGpuBytes = 0;
  const sizes = new WeakMap();
  const { createBuffer } = GPUDevice.prototype;
  GPUDevice.prototype.createBuffer = function (descriptor) {
    const buffer = createBuffer.call(this, descriptor);
    sizes.set(buffer, descriptor.size);
    self.liveGpuBytes += descriptor.size;
    self.mostGpuBytes = Math.max(self.mostGpuBytes, self.liveGpuBytes);
    return buffer;
  };
  const { destroy } = GPUBuffer.prototype;
  GPUBuffer.prototype.destroy = function () {
    self.liveGpuBytes -= sizes.get(this) ?? 0;
    sizes.delete(this);
    return destroy.call(this);
  };
})()`;

interface Used {
  gpu: number;
  page: number;
  worker: number;
}

const countStored = `new Promise((resolve, reject) => {
  const opening = indexedDB.open('winnow');
  opening.onerror = () => reject(opening.error);
  opening.onsuccess = () => {
    const db = opening.result;
    const counting = db.transaction('images').objectStore('images').count();
    counting.onsuccess = () => (db.close(), resolve(counting.result));
  };
})`;

async function measure(page: PipedPage): Promise<Used> {
  const heap = async (session: string | undefined): Promise<number> => {
    for (let i = 0; i < 3; i++) await page.send('HeapProfiler.collectGarbage', {}, session);
    return (await page.send<{ usedSize: number }>('Runtime.getHeapUsage', {}, session)).usedSize;
  };
  return {
    gpu: await page.evaluate<number>('self.liveGpuBytes', page.worker),
    worker: await heap(page.worker),
    page: await heap(undefined),
  };
}

const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(2);

export const torture: Torture = async ({ count, minutes, log }) => {
  const over = timeLimit(minutes);
  const site = await serveSite();
  const place = mkdtempSync(join(tmpdir(), 'winnow-torture-memory-'));
  const failed: string[] = [];
  let [pictures, runs, models] = [0, 0, 0];
  const page = await PipedPage.open(join(place, 'profile'), switches.gpu, '', () => {});

  const show = (screen: string): Promise<unknown> => page.evaluate(`location.hash = '#/${screen}'`);

  async function makePictures(wanted: number): Promise<void> {
    await show('generate');
    await page.fill('Images', String(wanted));
    await page.fill('Prompt', `a tree, ${pictures}`);
    await page.click(/^Generate/);
    pictures += wanted;
    await page.until(`${countStored}.then((count) => count >= ${pictures})`);
  }

  async function trainAndDelete(): Promise<void> {
    await show('train');
    await page.click(/^Start training/);
    await page.until(`/State(finished|failed|stopped)/.test(document.body.textContent)`);
    await page.click(/^Delete /);
    await page.click('Delete');
    runs += 1;
    await page.until(`!/State(finished|failed|stopped)/.test(document.body.textContent)`);
  }

  const canUse = `[...document.querySelectorAll('main button')].some((one) => one.textContent === 'Use this model')`;

  async function openAndDelete(): Promise<void> {
    await show('models');
    await page.choose('A folder', [tinyModel]);
    // What has just come in is what is shown.
    await page.until(canUse);
    await page.click('Delete');
    await page.click(/^Delete pipeline/);
    models += 1;
    await page.until(`!${canUse}`);
  }

  const rest = async (): Promise<Used> => {
    await show('');
    await page.until(`/Teach an image model/.test(document.body.textContent)`);
    return measure(page);
  };

  try {
    await page.watchWorkers(countBuffers);
    await page.goto(`${site.url}#/models`);
    await page.choose('A folder', [tinyModel]);
    await page.click(/^pipeline/);
    await page.click('Use this model');
    await putPairs(page, smallPairs('pipeline'));
    // What was put there is read when the page is opened.
    await page.send('Page.reload');
    await page.until(canUse.replace('Use this model', 'A folder'));
    await show('generate');
    await page.click('More');
    await page.fill('Steps', '1');
    await show('train');
    const settings = join(place, 'settings.json');
    writeFileSync(settings, JSON.stringify({ ...smallConfig('lora', 'engine'), steps: 3 }));
    await page.click(/^As a file/);
    await page.choose('Load file', [settings]);

    log('the engine has measured this machine, a model is chosen');
    let first: Used | undefined;
    let now: Used = { gpu: 0, page: 0, worker: 0 };
    for (let round = 0; pictures < count && !over(); round++) {
      await makePictures(round === 0 ? 1 : Math.min(PICTURES_OF_A_ROUND, count - pictures));
      await trainAndDelete();
      // Half as many as runs, as the table has it.
      if (round % 2 === 0) await openAndDelete();
      now = await rest();
      first ??= now;
      const said = (['gpu', 'page', 'worker'] as const).map((what) => `${what} ${mib(now[what])} MiB`);
      log(`${pictures} pictures, ${runs} runs, ${models} models: ${said.join(', ')}`);
    }
    const most = await page.evaluate<number>('self.mostGpuBytes', page.worker);
    if (most === 0) failed.push('no buffer was ever counted on the device');
    const figures: Record<string, string> = { 'most on the GPU': `${mib(most)} MiB` };
    for (const what of ['gpu', 'page', 'worker'] as const) {
      const grown = first![what] === 0 ? now[what] : now[what] / first![what] - 1;
      figures[what] = `${mib(first![what])} MiB after the first, ${mib(now[what])} MiB after the last`;
      if (grown > ALLOWED)
        failed.push(`${what}: ${(100 * grown).toFixed(1)} % more than after the first (${figures[what]})`);
    }
    return { done: pictures, failed, figures: { pictures, runs, models, ...figures } };
  } catch (error) {
    failed.push(error instanceof Error ? error.message : String(error));
    return { done: pictures, failed, figures: { pictures, runs, models } };
  } finally {
    await page.process.kill();
    rmSync(place, { recursive: true, force: true });
    await site.close();
  }
};
