// @vitest-environment happy-dom
/** A blind round whose pictures were deleted meanwhile: nobody is asked about it, and nobody is held up by it. */
import 'fake-indexeddb/auto';
import { MantineProvider } from '@mantine/core';
import { act } from 'react';
import { createRoot } from 'react-dom/client';
import { expect, it, vi } from 'vitest';
import type { BlindRound } from '../../../data/blindTests.ts';
import { imageRecord } from '../../../records/testRecords.ts';
import { WinnowError } from '../../../shared/errors.ts';
import { useStudio } from '../../store/useStudio.ts';
import { BlindTestView } from './BlindTestView.tsx';

vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true);
vi.mock('../../store/pictures.ts', async (original) => ({
  ...(await original<object>()),
  loadPicture: async (file: string) => {
    throw new WinnowError('NotFound', `There is no file ${file}.`, 'Make it again.');
  },
}));

const model = { base: 'm', adapters: [] };
const planned = { prompt: 'p', seed: 1, shownLeft: 'a' as const };
const round: BlindRound = {
  ...planned,
  images: { a: imageRecord('a'), b: imageRecord('b') },
  answers: [{ question: 'appeal', answer: 'left', elapsedMs: 1, at: '' }],
};
const record = {
  version: 1 as const,
  id: 'test',
  a: { title: 'A', model },
  b: { title: 'B', model },
  plan: { showings: [planned], settings: [imageRecord('a'), imageRecord('b')] },
  questions: ['appeal' as const, 'general' as const],
  planned: 1,
  rounds: [round],
  createdAt: '2026-01-01T00:00:00.000Z',
};

it('is drawn again or left, and its answers count', async () => {
  const blind = { record, ready: [round], index: 0, question: 1, since: 0, stopped: false };
  useStudio.setState({ ...useStudio.getInitialState(), blind, engineState: 'ready' }, true);
  const root = createRoot(document.body.appendChild(document.createElement('div')));
  await act(async () =>
    root.render(
      <MantineProvider>
        <BlindTestView />
      </MantineProvider>,
    ),
  );
  const button = (name: string): HTMLButtonElement | undefined =>
    [...document.querySelectorAll('button')].find(({ textContent }) => textContent.includes(name));
  expect(document.body.textContent).toContain('The pictures of this comparison are not here any more');
  expect(button('Draw them again')).toBeDefined();
  expect(button('Right')!.getAttribute('aria-disabled')).toBe('true');
  await act(async () => button('Go on without it')!.click());
  await act(async () => vi.waitFor(() => expect(document.body.textContent).toContain('The verdict')));
  expect(document.body.textContent).toContain('it came to 0 of 1');
  await act(async () => root.unmount());
});
