// @vitest-environment happy-dom
/** What the card says of tests that were. */
import 'fake-indexeddb/auto';
import { MantineProvider } from '@mantine/core';
import { act } from 'react';
import { createRoot } from 'react-dom/client';
import { afterEach, expect, it, vi } from 'vitest';
import type { BlindTestRecord } from '../../../data/blindTests.ts';
import { imageRecord } from '../../../records/testRecords.ts';
import { useStudio } from '../../store/useStudio.ts';
import { BlindCard } from './BlindCard.tsx';

vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true);
afterEach(() => document.body.replaceChildren());

const model = { base: 'm', adapters: [] };
const showings = [0, 1, 2].map((seed) => ({ prompt: 'p', seed, shownLeft: 'a' as const }));
const unfinished: BlindTestRecord = {
  version: 1,
  id: 'test',
  a: { title: 'the base', model },
  b: { title: 'the run', model },
  plan: { showings, settings: [imageRecord('a'), imageRecord('b')] },
  questions: ['alignment'],
  planned: 3,
  rounds: [
    {
      ...showings[0]!,
      images: { a: imageRecord('a'), b: imageRecord('b') },
      answers: [{ question: 'alignment', answer: 'right', elapsedMs: 1, at: '' }],
    },
  ],
  createdAt: '2026-01-01T00:00:00.000Z',
};

async function shown(test: BlindTestRecord): Promise<string> {
  useStudio.setState({ ...useStudio.getInitialState(), blindTests: [test], engineState: 'ready' }, true);
  const root = createRoot(document.body.appendChild(document.createElement('div')));
  await act(async () =>
    root.render(
      <MantineProvider>
        <BlindCard />
      </MantineProvider>,
    ),
  );
  const earlier = [...document.querySelectorAll('button')].find((one) => one.textContent.startsWith('Earlier'));
  await act(async () => earlier?.click());
  const text = document.body.textContent;
  await act(async () => root.unmount());
  return text;
}

it('an unfinished test is said to be one, with its question, and no share of it', async () => {
  const text = await shown(unfinished);
  expect(text).toContain('Unfinished: 1 of 3');
  expect(text).toContain('Which fits the description better? the run against the base');
  expect(text).toContain('Go on');
  expect(text).not.toMatch(/%|Earlier verdicts/);
});

it('one that was ended says so beside its verdict, and what was asked', async () => {
  const text = await shown({ ...unfinished, ended: true });
  expect(text).toContain('Ended early, after 1 of 3.');
  expect(text).toContain('Which fits the description better? the run won 1 of 1: 100 %.');
  expect(text).not.toContain('Go on');
});
