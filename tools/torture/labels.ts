/** Answers given by keyboard as fast as they are acknowledged, in the built studio in a real Chromium; at a random moment every process of it is
 *  killed, and it is started again on the same profile. An answer is acknowledged when the counter on screen shows it. Every acknowledged one
 *  must be there, once, as it was given: ties, skips, answers taken back and given again, too. What was struck and not acknowledged yet may be
 *  there or not. A pair that is shown again, to see whether its rater agrees with themselves, counts no label: its answer is acknowledged when
 *  the next pair shows. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { foldLabels, type Label, labelsOf } from '../../src/data/labels.ts';
import type { Answer, LabelEvent } from '../../src/records/labels.ts';
import type { PairRecord } from '../../src/records/pairs.ts';
import { PipedPage, switches } from './lib/browser.ts';
import { Random } from './lib/random.ts';
import { serveSite } from './lib/site.ts';
import { timeLimit, type Torture } from './lib/torture.ts';

export const fullCount = 1000;

/** More than are judged before a profile is given up. */
const PAIRS = 240;
const KILLS_OF_A_PROFILE = 50;
const PATIENCE_MS = 60_000;

/** Every pair of its own prompt, so that the screen says which one it is. */
function pairsFile(): string {
  const bundled = JSON.parse(
    readFileSync(join(import.meta.dirname, '..', '..', 'public', 'pairs', 'pairs.json'), 'utf8'),
  ) as PairRecord[];
  const pairs = Array.from({ length: PAIRS }, (_, i): PairRecord => {
    const pair = bundled[i % bundled.length]!;
    return { ...pair, id: `pair-${i}`, prompt: `picture ${i}` };
  });
  return JSON.stringify(pairs);
}

/** What the screen says, told whenever it changes. */
interface Screen {
  labels: number;
  pair: string | undefined;
  canAnswer: boolean;
  canUndo: boolean;
  canRedo: boolean;
  problem: string;
}

/** Runs in the page, before anything of it. */
const watch = `(() => {
  let before = '';
  const enabled = (start) => {
    const button = document.querySelector('button[aria-label^="' + start + '"]');
    return button !== null && !button.disabled && button.getAttribute('aria-disabled') !== 'true';
  };
  const look = () => {
    const lines = [...document.querySelectorAll('p[aria-live]')].map((line) => line.textContent);
    const count = lines.map((line) => /^(\\d+) labels?/.exec(line)).find(Boolean);
    if (!count) return;
    const answers = [...document.querySelectorAll('button[data-answer]')];
    const screen = JSON.stringify({
      labels: Number(count[1]),
      pair: lines.map((line) => /^picture (\\d+)$/.exec(line)).find(Boolean)?.[1],
      canAnswer: answers.length > 1 && answers.every((one) => one.getAttribute('aria-disabled') !== 'true'),
      canUndo: enabled('Undo'),
      canRedo: enabled('Redo'),
      problem: document.querySelector('[role=alert]')?.textContent ?? '',
    });
    if (screen !== before) report(screen);
    before = screen;
  };
  addEventListener('DOMContentLoaded', () =>
    new MutationObserver(look).observe(document, { subtree: true, childList: true, attributes: true, characterData: true }),
  );
})()`;

const readEvents = `new Promise((resolve, reject) => {
  const opening = indexedDB.open('winnow');
  opening.onerror = () => reject(opening.error);
  opening.onsuccess = () => {
    const reading = opening.result.transaction('labels').objectStore('labels').getAll();
    reading.onsuccess = () => resolve(reading.result);
    reading.onerror = () => reject(reading.error);
  };
})`;

const arrows = {
  left: ['ArrowLeft', 37],
  right: ['ArrowRight', 39],
  tie: ['ArrowDown', 40],
  bothBad: ['ArrowUp', 38],
} as const;

/** An answer that stands, or was taken back. */
type Given = Pick<Label, 'pair' | 'again'>;

/** What was struck. */
type Strike = { verb: 'answer'; pair: string; answer: Answer; clearly: boolean } | { verb: 'undo' } | { verb: 'redo' };

/** What a strike must have written behind the events that stood. */
function isWritten(strike: Strike, event: LabelEvent, before: readonly LabelEvent[]): boolean {
  const { given, undone } = labelsOf(foldLabels(before), 'person');
  if (strike.verb === 'undo') return event.type === 'retract' && event.label === given.at(-1)?.id;
  if (event.type !== 'label') return false;
  if (strike.verb === 'answer')
    return event.pair === `pair-${strike.pair}` && event.answer === strike.answer && event.clearly === strike.clearly;
  const same = ({ id: _, at: __, ...rest }: Label): object => rest;
  return isDeepStrictEqual(same(event), undone.at(-1) && same(undone.at(-1)!));
}

interface Awaited {
  isShown(screen: Screen): boolean;
  carryOut(): void;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms).unref());

/** What is wrong with the events found after a kill; null if nothing is. */
function wrong(
  found: readonly LabelEvent[],
  stood: readonly LabelEvent[],
  acknowledged: readonly Strike[],
  open: Strike | null,
): string | null {
  const least = stood.length + acknowledged.length;
  if (found.length < least) return `${least - found.length} of ${least} acknowledged answers are gone`;
  if (new Set(found.map(({ id }) => id)).size < found.length) return 'an answer is there twice';
  const changed = stood.findIndex((event, i) => !isDeepStrictEqual(event, found[i]));
  if (changed >= 0) return `answer ${changed} has changed: ${JSON.stringify(found[changed])}`;
  const strikes = [...acknowledged, ...(open ? [open] : [])];
  if (found.length > stood.length + strikes.length)
    return `${found.length - stood.length - strikes.length} answers that nobody gave`;
  for (const [i, event] of found.slice(stood.length).entries()) {
    if (!isWritten(strikes[i]!, event, found.slice(0, stood.length + i)))
      return `${JSON.stringify(strikes[i])} was struck, and ${JSON.stringify(event)} is there`;
  }
  return null;
}

export const torture: Torture = async ({ count, seed, minutes, log }) => {
  const over = timeLimit(minutes);
  const random = new Random(seed);
  const site = await serveSite({ 'pairs/pairs.json': pairsFile() });
  const failed: string[] = [];
  let [done, profiles, answers, unacknowledged, whileLoading, loadMs] = [0, 0, 0, 0, 0, 0];
  const profile = (): string => mkdtempSync(join(tmpdir(), 'winnow-torture-labels-'));
  let folder = profile();
  let stood: LabelEvent[] = [];
  let acknowledged: Strike[] = [];
  let open: Strike | null = null;

  function renew(): void {
    rmSync(folder, { recursive: true, force: true });
    folder = profile();
    profiles += 1;
    [stood, acknowledged, open] = [[], [], null];
  }

  /** As the screen has them: what stands, and what can be given again. */
  let [given, undone]: [Given[], Given[]] = [[], []];

  /** What the screen must show for a strike to be acknowledged: a count, or, where that stays, another pair; and then carries it out on
   *  `given` and `undone`. */
  function awaitedOf(strike: Strike, { labels, pair }: Screen): Awaited {
    const more = (by: number, { again }: Given, carryOut: () => void): Awaited => ({
      isShown: (now) => (again ? now.pair !== pair && now.canAnswer : now.labels === labels + by),
      carryOut,
    });
    if (strike.verb === 'undo') {
      const last = given.at(-1)!;
      return more(-1, last, () => undone.push(given.pop()!));
    }
    if (strike.verb === 'redo') {
      const last = undone.at(-1)!;
      return more(1, last, () => given.push(undone.pop()!));
    }
    const id = `pair-${strike.pair}`;
    const answer: Given = { pair: id, ...(given.some((one) => one.pair === id) && { again: true }) };
    return more(1, answer, () => {
      undone = [];
      given.push(answer);
    });
  }

  /** Strikes the key. */
  function strike(page: PipedPage, screen: Screen): Strike {
    const draw = random.next();
    if (screen.canRedo && draw < 0.3) {
      page.press('Backspace', 'Backspace', 8, true);
      return { verb: 'redo' };
    }
    if (screen.canUndo && draw > 0.85) {
      page.press('Backspace', 'Backspace', 8);
      return { verb: 'undo' };
    }
    const answer = random.of(['left', 'right', 'left', 'right', 'tie', 'bothBad', 'skip'] as const);
    const clearly = (answer === 'left' || answer === 'right') && random.next() < 0.3;
    if (answer === 'skip') page.press(' ', 'Space', 32);
    else page.press(arrows[answer][0], arrows[answer][0], arrows[answer][1], clearly);
    return { verb: 'answer', pair: screen.pair!, answer, clearly };
  }

  /** Starts the browser and checks what is there; then answers until it is killed. */
  async function round(): Promise<void> {
    let page: PipedPage | undefined;
    let awaited: Awaited | null = null;
    let checked = false;
    let acknowledgedNow = 0;
    const enough = random.integer(1, 8);
    let ripe: () => void = () => {};
    const answered = new Promise<void>((resolve) => (ripe = resolve));
    const started = performance.now();
    let shown: (screen: Screen) => void = () => {};
    const first = new Promise<Screen>((resolve) => (shown = resolve));

    const onReport = (text: string): void => {
      const screen = JSON.parse(text) as Screen;
      if (screen.canAnswer) shown(screen);
      if (screen.problem) failed.push(`kill ${done + 1}: the studio says ${screen.problem}`);
      if (!checked) return;
      if (awaited?.isShown(screen)) {
        awaited.carryOut();
        acknowledged.push(open!);
        [open, awaited] = [null, null];
        answers += 1;
        acknowledgedNow += 1;
        if (acknowledgedNow >= enough) ripe();
      }
      if (awaited !== null || !screen.canAnswer) return;
      open = strike(page!, screen);
      awaited = awaitedOf(open, screen);
    };

    page = await PipedPage.open(folder, switches.noGpu, watch, onReport);
    try {
      await page.goto(`${site.url}#/label`);
      if (stood.length > 0 && random.next() < 0.05) {
        // Killed while it reads what is there, which changes nothing.
        await pause(random.integer(0, 600));
        whileLoading += 1;
        return;
      }
      const screen = await Promise.race([
        first,
        page.process.ended.then(() => Promise.reject(new Error('the browser ended by itself'))),
        new Promise<never>((_, reject) => {
          setTimeout(() => reject(new Error('no pair was shown in a minute')), PATIENCE_MS).unref();
        }),
      ]);
      const found = await page.evaluate<LabelEvent[]>(readEvents);
      const problem = wrong(found, stood, acknowledged, open);
      if (problem) failed.push(`kill ${done} (seed ${seed}): ${problem}`);
      const state = foldLabels(found);
      const labels = state.byPair.size;
      ({ given, undone } = structuredClone(labelsOf(state, 'person')));
      if (screen.labels !== labels) failed.push(`kill ${done}: ${labels} labels on disk, ${screen.labels} on screen`);
      if (found.length > stood.length + acknowledged.length) unacknowledged += 1;
      [stood, acknowledged, open] = [found, [], null];
      checked = true;
      loadMs += performance.now() - started;
      onReport(JSON.stringify(screen));
      // Some are killed before the first acknowledgement.
      const soon = random.next() < 0.2;
      const patience = pause(soon ? random.integer(0, 40) : PATIENCE_MS).then(() => 'nothing');
      if ((await Promise.race([answered, patience])) === 'nothing' && !soon)
        throw new Error(`${JSON.stringify(open)} was not acknowledged in a minute`);
      await pause(random.integer(0, 30));
    } finally {
      await page.process.kill();
    }
  }

  try {
    // One more than is killed: the last one checks.
    for (let last = 0; done <= count && !over(); done++) {
      try {
        await round();
      } catch (error) {
        failed.push(`kill ${done} (seed ${seed}): ${error instanceof Error ? error.message : String(error)}`);
        renew();
      }
      if (stood.length + acknowledged.length > PAIRS - 60 || (done % KILLS_OF_A_PROFILE === 0 && done > 0 && !open)) {
        // What was acknowledged last is checked before the profile goes.
        if (acknowledged.length === 0) renew();
      }
      if (performance.now() - last > 15_000) {
        log(`${done} kills, ${answers} answers acknowledged, ${failed.length} failures`);
        last = performance.now();
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
    await site.close();
  }
  done = Math.max(0, done - 1);
  return {
    done,
    failed,
    figures: {
      'answers acknowledged': answers,
      'found though not acknowledged': unacknowledged,
      'killed while loading': whileLoading,
      profiles: profiles + 1,
      'start to first answer, mean ms': Math.round(loadMs / Math.max(1, done + 1 - whileLoading)),
    },
  };
};
