// @vitest-environment happy-dom
/** Runs, comparisons and pictures have addresses: what one says is on screen, and what is on screen is what it says. */
import 'fake-indexeddb/auto';
import { MantineProvider } from '@mantine/core';
import { act, type ComponentType } from 'react';
import { createRoot, type Root } from 'react-dom/client';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Router } from 'wouter';
import { useHashLocation } from 'wouter/use-hash-location';
import { imageRecord } from '../../records/testRecords.ts';
import { testRun } from '../../service/testRuns.ts';
import { ImageGrid } from '../components/ImageGrid.tsx';
import { CompareScreen } from '../features/compare/CompareScreen.tsx';
import { TrainScreen } from '../features/train/TrainScreen.tsx';
import { comparisonAddress, comparisonAt } from '../store/compareAddress.ts';
import { modelInfo, never } from '../store/testStudio.ts';
import type { Engine } from './workers.ts';
import { useStudio } from '../store/useStudio.ts';

const run = testRun({ id: 'past', name: 'A past run', status: 'finished', model: { base: 'm', adapters: [] } });
const tuned = { base: 'm', adapters: [{ kind: 'run' as const, run: 'past', step: 2, strength: 1 }] };
const base = { base: 'm', adapters: [] };
let root: Root;

async function show(hash: string, Part: ComponentType): Promise<void> {
  location.hash = hash;
  root = createRoot(document.body.appendChild(document.createElement('div')));
  await act(async () =>
    root.render(
      <MantineProvider>
        <Router hook={useHashLocation}>
          <Part />
        </Router>
      </MantineProvider>,
    ),
  );
}

async function go(hash: string): Promise<void> {
  await act(async () => {
    location.hash = hash;
    dispatchEvent(new Event('hashchange'));
  });
}

const heading = (): string | undefined => document.querySelector('h1')?.textContent;

beforeEach(() => {
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true);
  vi.stubGlobal('fetch', never);
  Object.defineProperty(document, 'fonts', { configurable: true, value: new EventTarget() });
  useStudio.setState(
    {
      ...useStudio.getInitialState(),
      engineState: 'ready',
      engine: () => new Proxy({} as Engine, { get: () => never }),
      models: [modelInfo()],
      runs: [run],
      pairsRead: true,
    },
    true,
  );
});
afterEach(async () => {
  await act(async () => root.unmount());
  document.body.replaceChildren();
  location.hash = '';
  vi.unstubAllGlobals();
});

it('a run is where its address says, and one that is gone is said to be', async () => {
  await show('#/train/past', TrainScreen);
  expect(heading()).toBe('A past run');
  await go('#/train');
  expect(heading()).toBe('Train');
  await go('#/train/gone');
  expect(document.body.textContent).toContain('This run is not here any more');
  await act(async () => document.querySelector<HTMLElement>('[class*="runName"]')!.click());
  expect(location.hash).toBe('#/train/past');
});

it('the run at work is what Train opens on, and the next can be set up beside it', async () => {
  useStudio.setState({ activeRun: 'past' });
  await show('#/train', TrainScreen);
  expect(location.hash).toBe('#/train/past');
  await go('#/train/new');
  expect(heading()).toBe('Train');
  // It ends, and another one begins: that is looked at.
  await act(async () => useStudio.setState({ activeRun: null }));
  expect(location.hash).toBe('#/train/new');
  await act(async () => useStudio.setState({ activeRun: 'next' }));
  expect(location.hash).toBe('#/train/next');
});

it('a comparison is in the address, and comes back from it', async () => {
  useStudio.setState({ compareA: base, compareB: tuned, comparePrompts: ['100 % a cat/dog?', 'b'] });
  await show('#/compare', CompareScreen);
  const first = location.hash;
  expect(first.length).toBeGreaterThan('#/compare/'.length);
  await act(async () => useStudio.getState().moveCompare({ prompt: 1, seed: 1 }));
  const second = location.hash;
  expect(second).not.toBe(first);
  await act(async () => useStudio.getState().setCompare({ compareA: tuned, compareB: base, compareView: 'slider' }));
  await go(first);
  expect(useStudio.getState()).toMatchObject({
    compareA: base,
    compareB: tuned,
    compareView: 'sideBySide',
    comparePosition: { prompt: 0, seed: 0 },
  });
  await go(second);
  expect(useStudio.getState().comparePosition).toEqual({ prompt: 1, seed: 1 });
  // As in a browser that has other prompts by then.
  useStudio.setState({ comparePrompts: ['c'], compareSeeds: [9] });
  await go(first);
  expect(useStudio.getState()).toMatchObject({ comparePrompts: ['100 % a cat/dog?', 'c'], compareSeeds: [1, 9] });
  // Nonsense is replaced by what there is.
  const now = comparisonAddress(useStudio.getState());
  await go('#/compare/nonsense');
  expect(comparisonAt('nonsense', useStudio.getState())).toBeNull();
  expect(comparisonAddress(useStudio.getState())).toBe(now);
});

it('a grid is in the address with its axes and its run', async () => {
  useStudio.setState({ compareA: base, compareB: tuned, comparePrompts: ['a'] });
  await show('#/compare', CompareScreen);
  const before = location.hash;
  const grid = {
    compareView: 'grid',
    gridX: { kind: 'guidanceScale', text: '1, 2, .., 4' },
    gridY: { kind: 'seed', text: '' },
    gridRun: 'past',
  } as const;
  await act(async () => useStudio.getState().setCompare(grid));
  const shown = location.hash;
  expect(shown).not.toBe(before);
  await act(async () =>
    useStudio.getState().setCompare({
      compareView: 'sideBySide',
      gridX: { kind: 'steps', text: '4' },
      gridY: { kind: 'model', text: '' },
      gridRun: null,
    }),
  );
  await go(shown);
  expect(useStudio.getState()).toMatchObject(grid);
});

it('a picture opens by its address, the next one has its own, and one that is gone is said to be', async () => {
  const images = ['a', 'b'].map((id) => imageRecord(id, { prompt: `prompt ${id}` }));
  useStudio.setState({ images });
  await show('#/library/image/a', () => <ImageGrid images={images} />);
  expect(document.querySelector('[role="dialog"]')?.textContent).toContain('prompt a');
  await go('#/library/image/b');
  expect(document.querySelector('[role="dialog"]')?.textContent).toContain('prompt b');
  await go('#/library/image/gone');
  expect(document.body.textContent).toContain('The picture of this address is not among these any more.');
  await go('#/library');
  await act(async () => document.querySelector<HTMLElement>('button[aria-label^="Open image: prompt a"]')!.click());
  expect(location.hash).toBe('#/library/image/a');
});
