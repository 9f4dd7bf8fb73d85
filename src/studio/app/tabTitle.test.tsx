// @vitest-environment happy-dom
/** What the tab says to whoever looks elsewhere. */
import 'fake-indexeddb/auto';
import { act } from 'react';
import { createRoot, type Root } from 'react-dom/client';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { testRun } from '../../service/testRuns.ts';
import type { Job } from '../store/jobsSlice.ts';
import { type Studio, useStudio } from '../store/useStudio.ts';
import { TabTitle } from './TabTitle.tsx';

const run = testRun({ id: 'r', name: 'Standard 1', status: 'running', step: 10 });
const half = Math.floor((100 * 10) / run.config.steps);
const job: Job = {
  id: 'j',
  kind: 'images',
  title: 'a tree',
  state: 'running',
  message: '',
  done: 1,
  total: 4,
  step: 0,
  steps: 12,
  pairs: 0,
  startedAt: 0,
  note: '',
  problem: null,
};

const shown: { title: string; body: string | undefined }[] = [];
let root: Root;
let hidden = false;

async function change(to: Partial<Studio>): Promise<void> {
  await act(async () => useStudio.setState(to));
}

beforeEach(async () => {
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true);
  vi.useFakeTimers({ toFake: ['Date'], now: 0 });
  class Notes extends EventTarget {
    static permission = 'granted';
    constructor(title: string, { body }: NotificationOptions) {
      super();
      shown.push({ title, body });
    }
  }
  vi.stubGlobal('Notification', Notes);
  Object.defineProperty(document, 'visibilityState', {
    configurable: true,
    get: () => (hidden ? 'hidden' : 'visible'),
  });
  hidden = true;
  shown.length = 0;
  const first = useStudio.getInitialState();
  useStudio.setState(
    { ...first, engineState: 'ready', preferences: { ...first.preferences, notify: true }, runs: [run] },
    true,
  );
  root = createRoot(document.body.appendChild(document.createElement('div')));
  await act(async () => root.render(<TabTitle />));
});
afterEach(async () => {
  await act(async () => root.unmount());
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it('says how far a run is, and tells of its end until somebody looks', async () => {
  expect(document.title).toBe('Winnow');
  await change({ activeRun: 'r', jobs: [job] });
  expect(document.title).toBe(`${half} % · Standard 1 · Winnow`);
  await change({ runs: [{ ...run, status: 'paused' }], jobs: [] });
  expect(document.title).toBe('Paused · Standard 1 · Winnow');
  vi.setSystemTime(60_000);
  await change({ runs: [{ ...run, status: 'finished', step: run.config.steps }] });
  await change({ activeRun: null });
  expect(document.title).toBe('✓ Standard 1 is trained · Winnow');
  expect(shown).toEqual([{ title: 'Standard 1 is trained', body: `${run.config.steps} steps were taken.` }]);
  hidden = false;
  await act(async () => document.dispatchEvent(new Event('visibilitychange')));
  expect(document.title).toBe('Winnow');
});

it('tells of the queue when its last job is done, and of none that was short, stopped or looked at', async () => {
  await change({ jobs: [job, { ...job, id: 'k', state: 'waiting' }] });
  expect(document.title).toBe('25 % · a tree · Winnow');
  vi.setSystemTime(60_000);
  await change({
    jobs: [
      { ...job, state: 'done' },
      { ...job, id: 'k' },
    ],
  });
  expect(shown).toEqual([]);
  await change({ jobs: [{ ...job, id: 'k', state: 'done', done: 4 }] });
  expect(shown).toEqual([{ title: 'a tree: done', body: '4 pictures are there.' }]);

  const open = async (one: Job): Promise<void> => change({ jobs: [one] });
  await open({ ...job, startedAt: 59_000 });
  await open({ ...job, startedAt: 59_000, state: 'done' });
  await open(job);
  await open({ ...job, state: 'cancelled' });
  hidden = false;
  await open(job);
  await open({ ...job, state: 'done' });
  hidden = true;
  await change({ preferences: { ...useStudio.getState().preferences, notify: false } });
  await open(job);
  await open({ ...job, state: 'done' });
  await change({ activeRun: 'r' });
  vi.setSystemTime(120_000);
  await change({ runs: [{ ...run, status: 'stopped' }], activeRun: null });
  expect(shown).toHaveLength(1);
});

it('says nothing of models during a study', async () => {
  const blind = { record: { rater: 'Ada' } } as unknown as Studio['blind'];
  await change({ activeRun: 'r', blind });
  expect(document.title).toBe('Winnow');
});
