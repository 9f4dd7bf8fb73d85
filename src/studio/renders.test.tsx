// @vitest-environment happy-dom
/** Who is drawn again when something changes: those that show it, and nobody else. */
import 'fake-indexeddb/auto';
import { MantineProvider } from '@mantine/core';
import { act, type ComponentType, Profiler } from 'react';
import { createRoot, type Root } from 'react-dom/client';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { countLabels, foldLabels } from '../data/labels.ts';
import { labelEvent } from '../records/testRecords.ts';
import { testRun } from '../service/testRuns.ts';
import type { Answer, StepMetrics } from '../service/types.ts';
import type { Engine } from './app/workers.ts';
import { RunDock } from './app/RunDock.tsx';
import { TopBar } from './app/TopBar.tsx';
import { ModelPicker } from './components/ModelPicker.tsx';
import { CompareScreen } from './features/compare/CompareScreen.tsx';
import { GenerateScreen } from './features/generate/GenerateScreen.tsx';
import { MoreSettings } from './features/generate/MoreSettings.tsx';
import { LabelScreen } from './features/label/LabelScreen.tsx';
import { ModelsScreen } from './features/models/ModelsScreen.tsx';
import { RunView } from './features/train/RunView.tsx';
import { Setup } from './features/train/Setup.tsx';
import { TrainScreen } from './features/train/TrainScreen.tsx';
import { modelInfo, never, pairOf } from './store/testStudio.ts';
import type { Job } from './store/jobsSlice.ts';
import { type Studio, useStudio } from './store/useStudio.ts';

vi.mock('./features/train/Forecast.tsx', async (load) => {
  const { Forecast } = await load<typeof import('./features/train/Forecast.tsx')>();
  return { Forecast: () => counted('Forecast', Forecast) };
});

/** Draws of each part since the last look. */
const drawn = new Map<string, number>();

function counted(name: string, Part: ComponentType) {
  return (
    <Profiler id={name} onRender={() => drawn.set(name, (drawn.get(name) ?? 0) + 1)}>
      <Part />
    </Profiler>
  );
}

const [first, second] = ['a', 'b'].map((id) => pairOf(id));
const run = testRun({ id: 'r', status: 'running', model: { base: 'm', adapters: [] }, step: 3 });
const past = testRun({ id: 'past', status: 'finished', model: { base: 'm', adapters: [] } });
const job: Job = {
  id: 'j',
  kind: 'images',
  title: 'Images',
  state: 'running',
  message: '',
  done: 0,
  total: 4,
  step: 1,
  steps: 12,
  pairs: 0,
  startedAt: 0,
  note: '',
  problem: null,
};

const judged = (...answers: [pair: string, answer: Answer][]): Partial<Studio> => {
  const labels = foldLabels(answers.map(([pair, answer]) => ({ ...labelEvent(`l${pair}`, pair), answer })));
  return { labels, counts: countLabels(labels.byPair) };
};

let root: Root;

/** The parts, and whatever comes a while after a first drawing (Mantine's indicators move by timers). From then on no time passes, so that what is
 *  drawn again is drawn for the change. */
async function show(parts: Record<string, ComponentType>): Promise<void> {
  await act(async () =>
    root.render(
      <MantineProvider>
        {Object.entries(parts).map(([name, Part]) => (
          <div key={name}>{counted(name, Part)}</div>
        ))}
      </MantineProvider>,
    ),
  );
  await act(async () => void (await vi.advanceTimersByTimeAsync(5000)));
}

/** The parts that are drawn again. */
async function change(to: Partial<Studio> | ((now: Studio) => Partial<Studio>)): Promise<string[]> {
  drawn.clear();
  await act(async () => useStudio.setState(to));
  return [...drawn.keys()].sort();
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true);
  vi.stubGlobal('fetch', never);
  // What this DOM lacks of a browser's.
  Object.defineProperty(document, 'fonts', { configurable: true, value: new EventTarget() });
  useStudio.setState(
    {
      ...useStudio.getInitialState(),
      engineState: 'ready',
      // One that answers nothing.
      engine: () => new Proxy({} as Engine, { get: () => never }),
      models: [modelInfo('m'), modelInfo('n')],
      pairs: [first!, second!],
      pairsRead: true,
      runs: [run, past],
      activeRun: 'r',
      ...judged(['a', 'left']),
    },
    true,
  );
  useStudio.getState().adoptDefaults();
  root = createRoot(document.body.appendChild(document.createElement('div')));
});
afterEach(async () => {
  await act(async () => root.unmount());
  document.body.replaceChildren();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** As the engine's event changes the store: the record counts, the numbers come in. */
const step = ({ runs, metrics, live }: Studio): Partial<Studio> => ({
  runs: runs.map((one) => (one.id === 'r' ? { ...one, step: one.step + 1 } : one)),
  metrics: {
    ...metrics,
    r: [...(metrics['r'] ?? []), { step: 3, loss: 0.6, pairs: [] as StepMetrics['pairs'] } as StepMetrics],
  },
  live: live && { ...live, etaSeconds: 9 },
});

it('a step of training draws nothing again but what shows the run', async () => {
  await show({
    TopBar: () => <TopBar onFind={() => undefined} onHelp={() => undefined} />,
    RunDock,
    ModelPicker: () => <ModelPicker label="Model" value={null} onChange={() => undefined} />,
    GenerateScreen,
    LabelScreen,
    CompareScreen,
    ModelsScreen,
    Setup,
  });
  expect(await change(step)).toEqual(['RunDock']);
});

it('a step of a picture draws nothing again but the queue', async () => {
  useStudio.setState({ jobs: [job] });
  await show({
    TopBar: () => <TopBar onFind={() => undefined} onHelp={() => undefined} />,
    LabelScreen,
    TrainScreen,
    CompareScreen,
    MoreSettings,
  });
  expect(await change({ jobs: [{ ...job, step: 2 }] })).toEqual([]);
  expect(await change({ jobs: [{ ...job, done: 1 }] })).toEqual(['TopBar']);
});

it('an answer draws no run and no setting of the next one again', async () => {
  await show({
    Setup,
    RunView: () => <RunView id="past" overlays={[]} />,
    GenerateScreen: MoreSettings,
    CompareScreen,
  });
  // Setup says what there is to learn from; what lies in it beside that is left alone.
  expect(await change(judged(['a', 'left'], ['b', 'right']))).toEqual(['Setup']);
  expect(await change(({ trainConfig }) => ({ trainConfig: { ...trainConfig, rank: 5 } }))).toContain('Forecast');
});

it('a letter of the prompt draws no other field again', async () => {
  await show({
    TopBar: () => <TopBar onFind={() => undefined} onHelp={() => undefined} />,
    MoreSettings,
    TrainScreen,
    LabelScreen,
  });
  expect(await change(({ draft }) => ({ draft: { ...draft, prompt: 'a h' } }))).toEqual([]);
  expect(await change(({ draft }) => ({ draft: { ...draft, steps: 9 } }))).toEqual(['MoreSettings']);
});
