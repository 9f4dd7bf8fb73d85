// @vitest-environment happy-dom
/** What the store keeps of runs that wait is said in the language that is spoken now. */
import { MantineProvider } from '@mantine/core';
import { act } from 'react';
import { createRoot } from 'react-dom/client';
import { expect, it, vi } from 'vitest';
import { testRun } from '../../../service/testRuns.ts';
import { speak } from '../../languages/language.ts';
import { useStudio } from '../../store/useStudio.ts';
import { RunsList } from './RunsList.tsx';

vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true);

it('why they wait, in another language than when it was found', async () => {
  const { name, model, config, pairs } = testRun();
  useStudio.setState({
    engineState: 'ready',
    waiting: [{ run: 'w', name, model, config, pairs, resume: false }],
  });
  await useStudio.getState().goOn(false);
  const root = createRoot(document.body.appendChild(document.createElement('div')));
  const nothing = (): void => undefined;
  const draw = (key: string) =>
    act(async () =>
      root.render(
        <MantineProvider key={key}>
          <RunsList viewed={null} overlays={[]} onView={nothing} onOverlay={nothing} onDuplicate={nothing} />
        </MantineProvider>,
      ),
    );
  await draw('en');
  expect(document.body.textContent).toContain('The run before failed.');
  await speak('de');
  await draw('de');
  expect(document.body.textContent).toContain('Der Lauf davor ist fehlgeschlagen.');
  await act(async () => root.unmount());
  await speak('en');
});
