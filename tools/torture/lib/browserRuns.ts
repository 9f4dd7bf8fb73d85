/** Runs of the built studio in a real Chromium, killed with every process of it and resumed until they are through; compared with one that nobody
 *  disturbed. Each begins on a copy of one profile, in which the engine has been started, a model been chosen and its pairs judged. */
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PipedPage, switches } from './browser.ts';
import { type KilledCase, KilledRuns } from './killedRuns.ts';
import { Random } from './random.ts';
import { serveSite } from './site.ts';
import { digest, type Phase, phaseOf, type RunFiles, smallConfig, smallPairs, stepsIn, tinyModel } from './smallRun.ts';
import { putPairs, readFolder } from './studioFiles.ts';
import type { Torture } from './torture.ts';

interface Case extends KilledCase {
  ms: { prepare: number; step: number };
}

interface Left {
  id: string;
  files: RunFiles;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

const shownStep = `Number(/Step(\\d+) of/.exec(document.body.textContent)?.[1] ?? 0)`;
const isOver = `/State(finished|failed|stopped)/.exec(document.body.textContent)?.[1]`;

async function leftIn(page: PipedPage): Promise<Left | null> {
  const files = await readFolder(page, 'runs');
  const id = [...files.keys()].find((path) => path.endsWith('/run.json'))?.split('/')[0];
  if (id === undefined) return null;
  const own = [...files]
    .filter(([path]) => path.startsWith(`${id}/`))
    .map(([path, bytes]) => [path.slice(id.length + 1), bytes] as const);
  return { id, files: new Map(own) };
}

/** A profile that needs nothing but a run. */
async function prepareProfile(profile: string, url: string): Promise<void> {
  const page = await PipedPage.open(profile, switches.gpu, '', () => {});
  try {
    await page.goto(`${url}#/models`);
    await page.choose('A folder', [tinyModel]);
    await page.click(/^pipeline/);
    await page.click('Use this model');
    await page.until(`/in use/.test(document.body.textContent)`);
    await putPairs(page, smallPairs('pipeline'));
    await page.quit();
  } finally {
    await page.process.kill();
  }
}

export const browserRuns: Torture = async (options) => {
  const { log } = options;
  const killed = new KilledRuns<Case>(options);
  const random = new Random(options.seed);
  const site = await serveSite();
  const place = mkdtempSync(join(tmpdir(), 'winnow-torture-runs-'));
  const template = join(place, 'template');
  const cases: Case[] = [
    { name: 'lora-engine', config: smallConfig('lora', 'engine'), ms: { prepare: 0, step: 0 } },
    { name: 'full-onnx', config: smallConfig('full', 'onnx'), ms: { prepare: 0, step: 0 } },
  ];

  /** Opens the studio on a profile, lets `look` see what is there, then starts the run or goes on with it. */
  async function train(
    { name, config }: Case,
    profile: string,
    look: (left: Left | null) => void = () => {},
  ): Promise<{ page: PipedPage; before: number; finished: boolean }> {
    const page = await PipedPage.open(profile, switches.gpu, '', () => {});
    try {
      await page.goto(`${site.url}#/train`);
      // The site's own files are there.
      await page.until(`document.querySelector('main h1') !== null`);
      const left = await leftIn(page);
      look(left);
      const status =
        left && (JSON.parse(new TextDecoder().decode(left.files.get('run.json'))) as { status: string }).status;
      if (status === 'finished') return { page, before: config.steps, finished: true };
      if (left) await page.click('Resume');
      else {
        const settings = join(place, `${name}.json`);
        writeFileSync(settings, JSON.stringify(config));
        await page.click(/^As a file/);
        await page.choose('Load file', [settings]);
        // They are in the form once it says so.
        await page.until(`/own settings/.test(document.body.textContent)`);
        await page.click(/^Start training/);
      }
      return { page, before: left ? stepsIn(left.files) : 0, finished: false };
    } catch (error) {
      await page.process.kill();
      throw error;
    }
  }

  async function toTheEnd(page: PipedPage): Promise<Left> {
    const state = await page.until<string>(isOver);
    const left = await leftIn(page);
    if (state !== 'finished' || !left) throw new Error(`the run ${state}; the page says: ${await page.text()}`);
    return left;
  }

  async function undisturbed(one: Case): Promise<void> {
    const profile = join(place, `${one.name}-undisturbed`);
    cpSync(template, profile, { recursive: true });
    const { page } = await train(one, profile);
    try {
      const start = performance.now();
      await page.until(`${shownStep} > 0 || ${isOver}`);
      const first = performance.now();
      const { id, files } = await toTheEnd(page);
      one.ms = { prepare: first - start, step: (performance.now() - first) / one.config.steps };
      one.wanted = digest(files, id);
      log(
        `${one.name} undisturbed: ${Math.round(one.ms.prepare)} ms to the first step, ${Math.round(one.ms.step)} ms a step`,
      );
    } finally {
      await page.process.kill();
      rmSync(profile, { recursive: true, force: true });
    }
  }

  async function disturbed(one: Case): Promise<void> {
    const profile = join(place, `${one.name}-${killed.runs}`);
    cpSync(template, profile, { recursive: true });
    const said: Phase[] = [];
    let isKilled = false;
    /** What the kill before met, which the next start finds. */
    const look = (left: Left | null): void => {
      if (!isKilled) return;
      const phase = left ? phaseOf(left.files, one.config) : 'prepare';
      said.push(phase);
      killed.met(phase, left !== null);
    };
    try {
      for (let kills = 0; killed.goesOn(kills); kills++) {
        const phase = killed.phase(kills);
        const { page, before, finished } = await train(one, profile, look);
        isKilled = false;
        try {
          if (finished) break;
          const after = (is: string, ms: number): Promise<void> =>
            page.until(`${is} || ${isOver}`).then(() => pause(random.next() * ms));
          if (phase === 'prepare') await pause(random.next() * one.ms.prepare);
          else if (phase === 'finish') await after(`${shownStep} === ${one.config.steps}`, one.ms.step / 2);
          // Saves and samples follow the steps.
          else await after(`${shownStep} > ${Math.min(before, one.config.steps - 3)}`, 2 * one.ms.step);
          isKilled = !(await page.evaluate(isOver));
        } finally {
          await page.process.kill();
        }
        if (!isKilled) break;
        killed.done += 1;
      }
      const { page, finished } = await train(one, profile, look);
      try {
        const left = finished ? (await leftIn(page))! : await toTheEnd(page);
        killed.compare(one, left.files, left.id, said);
      } finally {
        await page.process.kill();
      }
    } finally {
      rmSync(profile, { recursive: true, force: true });
    }
  }

  try {
    await prepareProfile(template, site.url);
    log('the engine has measured this machine, a model is chosen, its pairs are judged');
    return await killed.goThrough(cases, 'runs of the studio', undisturbed, disturbed);
  } finally {
    rmSync(place, { recursive: true, force: true });
    await site.close();
  }
};
