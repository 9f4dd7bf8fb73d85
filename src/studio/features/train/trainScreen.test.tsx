// @vitest-environment happy-dom
/** The Train screen where something does not go its usual way: a run that is refused, settings that leave every label out, one run looked at after
 *  another, a round that is drawn while somebody goes elsewhere. */
import 'fake-indexeddb/auto';
import { MantineProvider } from '@mantine/core';
import { act } from 'react';
import { createRoot, type Root } from 'react-dom/client';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Router } from 'wouter';
import { memoryLocation } from 'wouter/memory-location';
import { countLabels, foldLabels } from '../../../data/labels.ts';
import { labelEvent } from '../../../records/testRecords.ts';
import { testRun } from '../../../service/testRuns.ts';
import type { Answer, RunRecord } from '../../../service/types.ts';
import type { Engine } from '../../app/workers.ts';
import { presetNamed } from '../../../training/presets.ts';
import { modelInfo, never, pairOf } from '../../store/testStudio.ts';
import { type Studio, useStudio } from '../../store/useStudio.ts';
import { TrainScreen } from './TrainScreen.tsx';

const model = { base: 'm', adapters: [] };
const checkpoint = (step: number): RunRecord['checkpoints'][number] => ({ step, file: `${step}`, at: '' });
const first = testRun({
  id: 'one',
  name: 'One',
  status: 'finished',
  model,
  checkpoints: [checkpoint(1), checkpoint(2)],
});
const second = testRun({ id: 'two', name: 'Two', status: 'finished', model, checkpoints: [checkpoint(1)] });
const third = testRun({
  id: 'three',
  name: 'Three',
  model: { base: 'm', adapters: [{ kind: 'run', run: 'two', step: 1, strength: 1 }] },
});

const judged = (answer: Answer): Pick<Studio, 'labels' | 'counts'> => {
  const labels = foldLabels([{ ...labelEvent('l', 'a'), answer }]);
  return { labels, counts: countLabels(labels.byPair) };
};

let root: Root;
const addresses = (path: string) => memoryLocation({ path, record: true });
let screen: ReturnType<typeof addresses>;
let told: string[];

async function open(path: string, state: Partial<Studio> = {}): Promise<void> {
  useStudio.setState(state);
  screen = addresses(path);
  await act(async () =>
    root.render(
      <MantineProvider env="test">
        <Router hook={screen.hook}>
          <TrainScreen />
        </Router>
      </MantineProvider>,
    ),
  );
}

const text = (): string => document.body.textContent;
const button = (name: string): HTMLButtonElement | undefined =>
  [...document.querySelectorAll('button')].find(
    (one) => one.textContent.trim().replace(/Ctrl.*/, '') === name || one.getAttribute('aria-label') === name,
  );
const click = (name: string): Promise<void> => act(async () => button(name)!.click());
const field = (name: string): HTMLInputElement | undefined =>
  [...document.querySelectorAll('input')].find(({ labels }) => labels?.[0]?.textContent === name);
const go = (path: string): Promise<void> => act(async () => screen.navigate(path));

beforeEach(() => {
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true);
  vi.stubGlobal('fetch', never);
  Object.defineProperty(document, 'fonts', { configurable: true, value: new EventTarget() });
  told = [];
  const verbs: Partial<Record<keyof Engine, unknown>> = {
    cancel: async (job: string) => void told.push(`cancel ${job}`),
    deleteRun: async (run: string) => void told.push(`delete ${run}`),
    metrics: async () => [],
  };
  useStudio.setState(
    {
      ...useStudio.getInitialState(),
      engineState: 'ready',
      engine: () => new Proxy(verbs as Engine, { get: (of, verb) => of[verb as keyof Engine] ?? never }),
      models: [modelInfo('m')],
      pairs: [pairOf('a')],
      pairsRead: true,
      runs: [first, second, third],
      ...judged('left'),
    },
    true,
  );
  root = createRoot(document.body.appendChild(document.createElement('div')));
});
afterEach(async () => {
  await act(async () => root.unmount());
  document.body.replaceChildren();
  vi.unstubAllGlobals();
});

it('leads back to what was set up where a run is refused before it began, and says why', async () => {
  await open('/train/new');
  await act(async () => useStudio.setState({ activeRun: 'refused', live: null }));
  expect(text()).toContain('Preparing the run');
  const message = 'Min-SNR changes nothing. Leave it out.';
  await act(async () =>
    useStudio.setState({ activeRun: null, trainProblem: { name: 'BadArguments', message, detail: '' } }),
  );
  expect(text()).toContain(message);
  expect(button('Start training')!.disabled).toBe(false);
  // One that was looked at meanwhile stays.
  await go('/train/one');
  await act(async () => useStudio.setState({ activeRun: 'again' }));
  await go('/train/one');
  await act(async () => useStudio.setState({ activeRun: null }));
  expect(document.querySelector('h1')!.textContent).toBe('One');
});

it.each([
  ['a loss that does not read ties', 'tie', {}],
  ['labels that are left out', 'left', { repeats: { person: 0, import: 1, judge: 1 } }],
] as const)('keeps the settings where %s leave nothing to learn from', async (_, answer, change) => {
  await open('/train/new', { ...judged(answer), trainConfig: { ...presetNamed('standard')!.config, ...change } });
  expect(text()).toContain('With these settings none of your labels counts.');
  expect(button('Start training')!.disabled).toBe(true);
  await click('More: every setting');
  expect(field('Loss')).toBeDefined();
  await act(async () =>
    useStudio.getState().setTrainConfig({ loss: 'soft', repeats: { person: 1, import: 1, judge: 1 } }),
  );
  expect(text()).toContain('1 usable label');
  expect(button('Start training')!.disabled).toBe(false);
});

it('asks for nothing but labels where no setting finds any', async () => {
  await open('/train/new', judged('bothBad'));
  expect(text()).toContain('Nothing to learn from yet');
});

it('offers for the next round of a run what that run has', async () => {
  await open('/train/one');
  await click('Next round');
  await act(async () => field('Ask first')!.click());
  await act(async () =>
    [...document.querySelectorAll<HTMLElement>('[role="option"]')]
      .find((one) => one.textContent === 'Where two checkpoints disagree')!
      .click(),
  );
  expect(field('Ask first')!.value).toBe('Where two checkpoints disagree');
  await go('/train/two');
  await click('Next round');
  expect(field('Ask first')!.value).toBe('What it doubts');
});

it('leads to a round once it is drawn, and nobody who has gone elsewhere', async () => {
  for (const [path, leads] of [
    ['/train/one', true],
    ['/train/two', false],
  ] as const) {
    let drawn = (_: boolean): void => {};
    await open('/train/one', { startRound: () => new Promise((resolve) => (drawn = resolve)) });
    if (!field('Pairs to judge')) await click('Next round');
    await click('Start the next round');
    await go(path);
    await act(async () => drawn(true));
    expect(screen.history.at(-1)).toBe(leads ? '/label' : path);
  }
});

it('shows a look at disputed labels with its run alone, and ends it where somebody has enough', async () => {
  await open('/train/one', { readingMargins: true, marginsProgress: { run: 'one', done: 1, total: 4 } });
  expect(document.querySelector('[role="progressbar"]')).not.toBeNull();
  await click('Cancel');
  expect(told).toEqual(['cancel margins one']);
  await go('/train/two');
  expect(text()).not.toContain('Cancel');
  expect(button('Look at all 1 pairs')!.disabled).toBe(true);
});

it('says how many pairs the table lacks because they lost a picture', async () => {
  const lost = [{ file: 'images/b.png', message: 'There is no images/b.png.' }];
  const pairs = [{ pair: 'a', margin: -1, logits: [-1], winner: 0, loser: 1 }];
  await open('/train/one', {
    pairs: [pairOf('a')],
    runs: [{ ...first, pairs: ['a', 'b'].map((pair) => ({ ...first.pairs[0]!, pair })) }],
    margins: { one: { beta: 1, pairs, lost, timesteps: [1], step: 2 } },
  });
  expect(text()).toContain('One pair was left out: a picture of it cannot be read. There is no images/b.png.');
});

it('leaves the keyboard at its button of the table when the next row is selected', async () => {
  const margins = ['a', 'b'].map((pair) => ({ pair, margin: -1, logits: [-1], winner: 0, loser: 1 }));
  await open('/train/one', {
    pairs: [pairOf('a'), pairOf('b')],
    runs: [{ ...first, pairs: ['a', 'b'].map((pair) => ({ ...first.pairs[0]!, pair })) }],
    margins: { one: { beta: 1, pairs: margins, lost: [], timesteps: [1], step: 2 } },
  });
  const [at] = [...document.querySelectorAll('button')].filter((one) => one.textContent.includes('Judge again'));
  at!.focus();
  expect(at!.textContent).toMatch(/J$/i);
  await act(async () =>
    document.querySelectorAll('tbody tr')[1]!.dispatchEvent(new MouseEvent('click', { bubbles: true })),
  );
  expect(at!.textContent).not.toMatch(/J$/i);
  expect(document.activeElement).toBe(at);
});

it('says which runs cannot do without one that is to be deleted, and deletes none whose round is drawn', async () => {
  await open('/train/new', {
    trainModel: third.model,
    waiting: [{ run: 'four', name: 'Four', model: third.model, config: third.config, pairs: [], resume: false }],
    readingMargins: true,
    marginsProgress: { run: 'two', done: 0, total: 1 },
  });
  await click('Delete Two');
  expect(text()).toContain('What began from it cannot be used without it: Three, Four.');
  await click('Delete');
  await vi.waitFor(() => expect(told).toEqual(['cancel margins two', 'delete two']));
  expect(useStudio.getState().trainModel).toBeNull();
  await click('Delete One');
  expect(text()).not.toContain('cannot be used without it');
  await act(async () => useStudio.setState({ roundOf: 'one' }));
  expect(button('Delete One')).toBeUndefined();
});
