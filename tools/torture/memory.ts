/** One page of the built studio that makes pictures and deletes them, trains short runs and deletes them, imports models and deletes them, again
 *  and again. What lives on the GPU, and what page and worker hold in their JavaScript heaps, must come back to where it was after the first
 *  round of all three, which is the warm-up: pipelines, caches and screens are there then. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PipedPage, switches } from './lib/browser.ts';
import { grownMost, type Heap, measureHeap } from './lib/heap.ts';
import { serveSite } from './lib/site.ts';
import { smallConfig, smallPairs, tinyModel } from './lib/smallRun.ts';
import { putPairs } from './lib/studioFiles.ts';
import { timeLimit, type Torture } from './lib/torture.ts';

export const fullCount = 500;

const PICTURES_OF_A_ROUND = 25;
const LEAST_ROUNDS = 4;
const ALLOWED = 0.05;

/** In the engine's worker: what was made on its devices and neither destroyed nor gone with them, in bytes. Textures are none of ours. */
const countBuffers = `(() => {
  const live = new Map();
  self.liveGpuBytes = () => [...live.values()].reduce((sum, { size }) => sum + size, 0);
  self.mostGpuBytes = 0;
  const { createBuffer, destroy: destroyDevice } = GPUDevice.prototype;
  GPUDevice.prototype.createBuffer = function (descriptor) {
    const buffer = createBuffer.call(this, descriptor);
    live.set(buffer, { size: descriptor.size, device: this });
    self.mostGpuBytes = Math.max(self.mostGpuBytes, self.liveGpuBytes());
    return buffer;
  };
  GPUDevice.prototype.destroy = function () {
    for (const [buffer, { device }] of live) if (device === this) live.delete(buffer);
    return destroyDevice.call(this);
  };
  const { destroy } = GPUBuffer.prototype;
  GPUBuffer.prototype.destroy = function () {
    live.delete(this);
    return destroy.call(this);
  };
})()`;

interface Used {
  gpu: number;
  page: Heap;
  worker: Heap;
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
  // What the console was told is kept for who looks at it.
  await page.send('Runtime.discardConsoleEntries');
  // The worker first: what it lets go of the page's ends there then.
  const worker = await measureHeap(page, page.worker);
  return {
    gpu: await page.evaluate<number>('self.liveGpuBytes()', page.worker),
    worker,
    page: await measureHeap(page, undefined),
  };
}

const amounts: Record<string, (used: Used) => number> = {
  gpu: ({ gpu }) => gpu,
  page: ({ page }) => page.held,
  worker: ({ worker }) => worker.held,
  'page buffers': ({ page }) => page.buffers,
  'worker buffers': ({ worker }) => worker.buffers,
};
const percent = (share: number): string => `${share < 0 ? '' : '+'}${(100 * share).toFixed(1)} %`;
const said = (used: Used): string =>
  Object.entries(amounts)
    .map(([what, of]) => `${what} ${mib(of(used))}`)
    .join(', ');
const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(2);

export const torture: Torture = async ({ count, minutes, log }) => {
  const over = timeLimit(minutes);
  const site = await serveSite();
  const place = mkdtempSync(join(tmpdir(), 'winnow-torture-memory-'));
  const failed: string[] = [];
  let [pictures, runs, models, made] = [0, 0, 0, 0];
  const page = await PipedPage.open(join(place, 'profile'), switches.gpu, '', () => {});

  const show = (screen: string): Promise<unknown> => page.evaluate(`location.hash = '#/${screen}'`);

  async function makePictures(wanted: number): Promise<void> {
    await show('generate');
    await page.fill('Images', String(wanted));
    await page.fill('Prompt', `a tree, ${pictures}`);
    await page.click(/^Generate/);
    pictures += wanted;
    made += wanted;
    await page.until(`${countStored}.then((count) => count >= ${made})`);
  }

  async function trainAndDelete(): Promise<void> {
    await show('train');
    await page.click(/^Start training/);
    const state = await page.until<string>(
      `/State(finished|failed|stopped)/.exec(document.body.textContent)?.[1] ?? null`,
    );
    if (state !== 'finished') failed.push(`run ${runs + 1} ${state}: ${await page.text()}`);
    await page.click(/^Delete /);
    await page.click('Delete');
    runs += 1;
    await page.until(`!/State(finished|failed|stopped)/.test(document.body.textContent)`);
  }

  const canUse = `[...document.querySelectorAll('main button')].some((one) => one.textContent === 'Use this model')`;

  async function deletePictures(): Promise<void> {
    await show('library');
    await page.click('Delete all');
    await page.click(/^Delete \d+ image/);
    await page.until(`/Nothing made yet/.test(document.body.textContent)`);
    made = 0;
  }

  async function openAndDelete(): Promise<void> {
    await show('models');
    await page.choose('A folder', [tinyModel]);
    // What has just come in is what is shown.
    await page.click('Use this model');
    await makePictures(1);
    await show('models');
    await page.click('Delete');
    await page.click(/^Delete pipeline/);
    models += 1;
    // The model that came with the product is in use then, and shown.
    await page.until(`/Winnow itself/.test(document.querySelector('main').textContent)`);
    await page.click(/^pipeline/);
    await page.click('Use this model');
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
    // Also where onnxruntime is faster: its memory is not the device's.
    await page.until(`(() => {
      const own = [...document.querySelectorAll('label')].find((one) => one.textContent === 'Our kernels');
      own?.click();
      return own !== undefined;
    })()`);
    await show('train');
    const settings = join(place, 'settings.json');
    writeFileSync(settings, JSON.stringify({ ...smallConfig('lora', 'engine'), steps: 3 }));
    await page.click(/^As a file/);
    await page.choose('Load file', [settings]);

    log('the engine has measured this machine, a model is chosen');
    const seconds = { picture: 0, run: 0, model: 0 };
    async function timed(what: keyof typeof seconds, work: Promise<void>): Promise<void> {
      const start = performance.now();
      await work;
      seconds[what] += (performance.now() - start) / 1000;
    }
    const perRound = Math.min(PICTURES_OF_A_ROUND, Math.ceil(count / LEAST_ROUNDS));
    let first: Used | undefined;
    let now: Used | undefined;
    let warmUp = '';
    let aPicture = '';
    const rounds = Math.ceil(count / perRound);
    for (let round = 0; round <= rounds && !(first && over()); round++) {
      await timed('picture', makePictures(perRound));
      if (round === rounds && now) {
        const kept = await rest();
        aPicture = `${((kept.page.held - now.page.held) / perRound / 1024).toFixed(1)} KiB of the page's heap`;
      }
      // Half as many as runs, as the table has it.
      if (round % 2 === 0) await timed('model', openAndDelete());
      await deletePictures();
      await timed('run', trainAndDelete());
      now = await rest();
      log(`${pictures} pictures, ${runs} runs, ${models} models: ${said(now)} MiB`);
      if (first) continue;
      first = now;
      warmUp = `${pictures} pictures, ${runs} run, ${models} model`;
      [pictures, runs, models] = [0, 0, 0];
      Object.assign(seconds, { picture: 0, run: 0, model: 0 });
    }
    const most = await page.evaluate<number>('self.mostGpuBytes', page.worker);
    if (most === 0) failed.push('no buffer was ever counted on the device');
    const each = (what: keyof typeof seconds, count: number): string => `${(seconds[what] / count).toFixed(2)} s`;
    const figures: Record<string, string> = {
      'warm-up': warmUp,
      'seconds each': `picture ${each('picture', pictures)}, run ${each('run', runs)}, model ${each('model', models)}`,
      'most on the GPU': `${mib(most)} MiB`,
      'a kept picture': aPicture,
    };
    for (const [what, of] of Object.entries(amounts)) {
      const [before, after] = [of(first!), of(now!)];
      const grown = before === 0 ? after : after / before - 1;
      figures[what] = `${mib(before)} MiB after the warm-up, ${mib(after)} MiB after the last (${percent(grown)})`;
      const most = what === 'page' || what === 'worker' ? `: ${grownMost(first![what], now![what])}` : '';
      if (grown > ALLOWED) failed.push(`${what}: ${figures[what]}${most}`);
    }
    for (const what of ['page', 'worker'] as const)
      figures[`${what}, with code`] = `${mib(first![what].used)} MiB, then ${mib(now![what].used)} MiB`;
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
