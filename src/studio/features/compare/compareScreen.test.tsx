// @vitest-environment happy-dom
/** What the screen says before there is anything to compare. */
import 'fake-indexeddb/auto';
import { MantineProvider } from '@mantine/core';
import { act } from 'react';
import { createRoot } from 'react-dom/client';
import { expect, it, vi } from 'vitest';
import { useStudio } from '../../store/useStudio.ts';
import { CompareScreen } from './CompareScreen.tsx';

vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true);

it('does not say that all images are here where one model stands on every side', async () => {
  const model = { base: 'm', adapters: [] };
  const prompts = { compareA: model, compareB: model, compareOthers: [model], comparePrompts: ['a tree'] };
  useStudio.setState({ ...useStudio.getInitialState(), ...prompts }, true);
  const root = createRoot(document.body.appendChild(document.createElement('div')));
  await act(async () =>
    root.render(
      <MantineProvider>
        <CompareScreen />
      </MantineProvider>,
    ),
  );
  const text = document.body.textContent;
  await act(async () => root.unmount());
  expect(text).toContain('Two different models, please');
  expect(text).not.toContain('All images are here');
});
