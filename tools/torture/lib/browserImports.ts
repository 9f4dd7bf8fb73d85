/** Models brought into the built studio from disk and from a hub, and taken out of it, disturbed: the browser killed, its quota gone, the files on disk
 *  taken away, the connection cut. Then what the studio calls a model must be whole; and the same once more, undisturbed, must come to what it
 *  always comes to, and leave nothing beside. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Fault, startTestHub } from '../../testHub.ts';
import { PipedPage, switches } from './browser.ts';
import { Random } from './random.ts';
import { serveSite } from './site.ts';
import { tinyModel } from './smallRun.ts';
import { readFolder } from './studioFiles.ts';
import { timeLimit, type Torture } from './torture.ts';

const pause = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

const rounds = [
  ['import', 'killed'],
  ['download', 'connection cut'],
  ['export', 'killed'],
  ['import', 'quota gone'],
  ['download', 'killed'],
  ['import', 'files taken away'],
  ['export', 'quota gone'],
  ['download', 'quota gone'],
] as const;
type What = (typeof rounds)[number][0];

const HUB_ID = 'somebody/tiny-v';

/** Idle, and ready. */
const canChoose = `[...document.querySelectorAll('main button')].some(
  (one) => one.textContent.trim() === 'A folder' && !one.disabled && one.getAttribute('aria-disabled') !== 'true',
)`;
const canTake = `[...document.querySelectorAll('main button')].some(
  (one) => one.textContent.trim() === 'Whole model' && !one.disabled && one.getAttribute('aria-disabled') !== 'true' &&
    one.getAttribute('aria-busy') !== 'true' && one.dataset.loading === undefined,
)`;

const source = new Map(
  readdirSync(tinyModel, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => [path.slice(tinyModel.length + 1), readFileSync(path)]),
);

interface Model {
  id: string;
  complete: boolean;
}

/** What the studio holds as models. Throws at what it calls whole and is not. */
async function modelsIn(page: PipedPage): Promise<{ models: Model[]; paths: string[] }> {
  const files = await readFolder(page, 'models');
  const ids = new Set([...files.keys()].map((path) => path.split('/')[0]!));
  const models = [...ids].map((id): Model => {
    const text = files.get(`${id}/model.json`);
    const record =
      text && (JSON.parse(new TextDecoder().decode(text)) as { files: { path: string; sha256?: string }[] });
    const complete = Boolean(record) && record!.files.length > 0 && record!.files.every(({ sha256 }) => sha256);
    for (const { path, sha256 } of record?.files ?? []) {
      const bytes = files.get(`${id}/${path}`);
      if (sha256 && !bytes) throw new Error(`the record of ${id} names ${path}, which is not there`);
      if ((sha256 || complete) && !source.get(path)?.equals(bytes!))
        throw new Error(`${path} of ${id} has other bytes`);
    }
    return { id, complete };
  });
  return { models, paths: [...files.keys()] };
}

export const browserImports: Torture = async ({ count, seed, minutes, log }) => {
  const over = timeLimit(minutes);
  const random = new Random(seed);
  const site = await serveSite();
  const place = mkdtempSync(join(tmpdir(), 'winnow-torture-imports-'));
  const failed: string[] = [];
  const counts = new Map<string, number>();
  const ms: Record<What, number> = { import: 400, download: 1500, export: 1500 };
  let done = 0;
  let port = 0;

  const newPage = async (): Promise<PipedPage> => {
    const page = await PipedPage.open(join(place, 'profile'), switches.gpu, '', () => {});
    await page.goto(`${site.url}#/models`);
    await page.until(canChoose);
    return page;
  };
  let page = await newPage();
  log('the engine has measured this machine');

  const show = (screen: string): Promise<unknown> => page.evaluate(`location.hash = '#/${screen}'`);

  /** Resolves once the studio is at work; a moment later in any case, for what is over before it is looked at. */
  const begun = (idle: string): Promise<unknown> => page.until(`!(${idle})`, 3000).catch(() => {});

  async function lookUp(): Promise<void> {
    await page.fill('Or by its Hugging Face id', HUB_ID);
    if (
      !(await page.evaluate(
        `[...document.querySelectorAll('label')].some((one) => one.textContent.trim() === 'Host' && one.control?.offsetParent)`,
      ))
    )
      await page.click('More');
    await page.fill('Host', `http://127.0.0.1:${port}`);
    await page.click('Look it up');
  }

  /** Starts the work; `end` resolves when the studio is idle again. */
  async function start(what: What, folder: string): Promise<{ end: () => Promise<unknown> }> {
    if (what === 'export') {
      await show('compare');
      await page.click('Whole model');
      await begun(canTake);
      return { end: () => page.until(canTake) };
    }
    await show('models');
    if (what === 'import') {
      await page.choose('A folder', [folder]);
      await begun(canChoose);
      return { end: () => page.until(canChoose) };
    }
    // What was looked up stays on screen where a download failed.
    if (
      !(await page.evaluate(
        `[...document.querySelectorAll('button')].some((one) => /^Download /.test(one.textContent))`,
      ))
    )
      await lookUp();
    await page.click(/^Download /);
    await begun(canChoose);
    return { end: () => page.until(canChoose) };
  }

  async function setQuota(quotaSize: number | null): Promise<void> {
    await page.send('Storage.overrideQuotaForOrigin', {
      origin: new URL(site.url).origin,
      ...(quotaSize !== null && { quotaSize }),
    });
  }

  async function restart(): Promise<void> {
    await page.process.kill();
    page = await newPage();
  }

  async function round(what: What, fault: string): Promise<void> {
    const folder = join(place, 'pipeline');
    cpSync(tinyModel, folder, { recursive: true });
    const faults: Record<string, Fault[]> = {};
    if (fault === 'connection cut')
      for (const path of [random.of([...source.keys()]), 'unet/diffusion_pytorch_model.safetensors']) {
        const after = random.integer(0, source.get(path)!.length);
        faults[path] = Array.from({ length: random.of([1, 2, 3]) }, () => ({ kind: 'drop', after }));
      }
    const hub = await startTestHub({ folder: tinyModel, id: HUB_ID, faults }, port);
    port = Number(new URL(hub.host).port);
    try {
      const since = performance.now();
      const { end } = await start(what, folder);
      const at = random.next() * ms[what];
      if (fault !== 'connection cut') await pause(at);
      if (fault === 'killed') await restart();
      if (fault === 'quota gone') await setQuota(random.integer(0, 200_000));
      if (fault === 'files taken away') rmSync(folder, { recursive: true, force: true });
      if (fault !== 'killed') await end();
      const unnamed = (await page.evaluate<string>('document.body.innerText')).match(
        /Something went wrong in Winnow: [^.]*/,
      )?.[0];
      if (unnamed) throw new Error(unnamed);
      if (fault === 'connection cut') ms.download = Math.max(300, performance.now() - since) / 2;
      await setQuota(null);
      await modelsIn(page);

      // Once more, by itself; what came in is then deleted, and nothing of it is left.
      cpSync(tinyModel, folder, { recursive: true });
      if (what === 'export') {
        if (fault === 'killed' && (await readFolder(page, 'exports')).size > 0)
          failed.push(`export killed (round ${done}, seed ${seed}): what was half written is still there`);
        const again = await start(what, folder);
        await again.end();
      } else {
        const whole = (await modelsIn(page)).models.some(({ complete }) => complete);
        if (!whole) await (await start(what, folder)).end();
        const { models, paths } = await modelsIn(page);
        if (models.length !== 1 || !models[0]!.complete)
          throw new Error(`gone on with, there is ${JSON.stringify(models)}; the page says: ${await page.text()}`);
        const left = paths.filter((path) => path.endsWith('.part'));
        if (left.length > 0) throw new Error(`${left.join(', ')} is left over`);
        await show('models');
        await page.click(/^(pipeline|tiny-v)/);
        await page.click('Delete');
        await page.click(/^Delete (pipeline|tiny-v)/);
        await page.until(
          `![...document.querySelectorAll('button')].some((one) => /^(pipeline|tiny-v)/.test(one.textContent))`,
        );
        const after = (await modelsIn(page)).paths;
        if (after.length > 0) throw new Error(`deleted, it leaves ${after.join(', ')}`);
      }
    } finally {
      await hub.close();
      rmSync(folder, { recursive: true, force: true });
    }
    const name = `studio, ${what} ${fault}`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }

  try {
    for (let last = 0; done < count && !over();) {
      const [what, fault] = rounds[done % rounds.length]!;
      try {
        await round(what, fault);
      } catch (error) {
        failed.push(
          `${what}, ${fault} (round ${done}, seed ${seed}): ${error instanceof Error ? error.message : String(error)}`,
        );
        if (failed.length > 20) break;
        // From nothing, not on what failed.
        await page.process.kill();
        rmSync(join(place, 'profile'), { recursive: true, force: true });
        page = await newPage();
      }
      done += 1;
      if (performance.now() - last > 15_000) {
        log(`${done} disturbed in the studio, ${failed.length} failures`);
        last = performance.now();
      }
    }
  } finally {
    await page.process.kill();
    rmSync(place, { recursive: true, force: true });
    await site.close();
  }
  return { done, failed, figures: Object.fromEntries(counts) };
};
