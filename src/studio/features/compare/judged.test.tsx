// @vitest-environment happy-dom
/** The judges' panel: who judges is chosen there, what they do not read is said before, and their figures stand there after. */
import { MantineProvider } from '@mantine/core';
import { act } from 'react';
import { createRoot, type Root } from 'react-dom/client';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { imageRecord } from '../../../records/testRecords.ts';
import type { JudgeInfo, ModelRef } from '../../../service/types.ts';
import { cellKey } from '../../store/compareSelectors.ts';
import { settingsFor } from '../../store/generateSelectors.ts';
import { modelKey } from '../../store/models.ts';
import { closeStudio, modelInfo, openStudio, studio } from '../../store/testStudio.ts';
import { useStudio } from '../../store/useStudio.ts';
import { Judged } from './Judged.tsx';

const judge = (name: string): JudgeInfo => ({
  name,
  title: `Judge ${name}`,
  kind: 'winnow-scorer',
  from: 'model',
  scales: [{ name: 'appeal', title: 'Appeal', needs: ['image'] }],
  imageSize: null,
  about: { purpose: '', weakness: '' },
});
const models: ModelRef[] = [
  { base: 'm', adapters: [] },
  { base: 'm', adapters: [{ kind: 'file', file: 'loras/style', strength: 1 }] },
];
const prompts = ['a cat', 'a house'];

let root: Root;
let asked: string[];

beforeEach(async () => {
  asked = [];
  vi.stubGlobal('matchMedia', () => ({ matches: false, addEventListener() {}, removeEventListener() {} }));
  await openStudio({
    engine: {
      models: () => [modelInfo('m', { judges: [judge('a'), judge('b')] })],
      score: (name: string, items: { file: string }[]) => {
        asked.push(name);
        return items.map(({ file }) => ({ appeal: file.includes('loras') ? 2.5 : file.includes('cat') ? 1 : 0 }));
      },
      features: (_: string | null, files: string[]) => files.map(() => Float32Array.of(1)),
      judgeCuts: (name: string, all: string[]) =>
        name === 'a' ? all.slice(1).map((prompt) => ({ prompt, lost: 'house' })) : [],
    },
  });
  studio().setCompare({
    compareA: models[0]!,
    compareB: models[1]!,
    comparePrompts: prompts,
    compareSeeds: [1],
  });
  const cells = models.flatMap((model) =>
    prompts.map((prompt) => [
      cellKey(settingsFor(studio(), model), modelKey(model), prompt, 1),
      imageRecord(`${modelKey(model)} ${prompt}`, { prompt, file: `${modelKey(model)} ${prompt}.png` }),
    ]),
  );
  useStudio.setState({
    modelHashes: Object.fromEntries(models.map((model) => [modelKey(model), modelKey(model)])),
    compareCells: Object.fromEntries(cells),
  });
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true);
  root = createRoot(document.body.appendChild(document.createElement('div')));
  await act(async () =>
    root.render(
      <MantineProvider env="test">
        <Judged />
      </MantineProvider>,
    ),
  );
});

afterEach(async () => {
  await act(async () => root.unmount());
  document.body.replaceChildren();
  closeStudio();
});

const button = (name: string): HTMLButtonElement =>
  [...document.querySelectorAll('button')].find(({ textContent }) => textContent!.trim() === name)!;
const click = (element: HTMLElement): Promise<void> => act(async () => element.click());
const choose = (name: string): Promise<void> =>
  click(
    [...document.querySelectorAll<HTMLInputElement>('input')].find((one) => one.labels?.[0]?.textContent === name)!,
  );

it('has the chosen judges judge, and shows what they say of each model', async () => {
  expect(document.body.textContent).not.toContain('reads only the beginning');
  await click(button('Judge b'));
  await choose('Judge a');
  await act(() =>
    vi.waitFor(() => expect(document.body.textContent).toContain('Judge a reads only the beginning of 1 prompt')),
  );
  await click(button('Have 8 pictures judged'));
  await act(() => vi.waitFor(() => expect(button('All is judged')).toBeDefined()));
  expect(new Set(asked)).toEqual(new Set(['a', 'b']));
  const rows = [...document.querySelectorAll('tbody tr')].map((row) =>
    [...row.children].map(({ textContent }) => textContent!.trim()),
  );
  expect(rows).toHaveLength(6);
  expect(rows[0]).toEqual(['Judge a: appeal']);
  expect(rows[1]!.slice(0, 2)).toEqual(['A · Base · m', '0.500 0.000 to 1.000']);
  const [name, mean, median, gain, , wins] = rows[2]!;
  expect(name).toBe('B · loras/style');
  expect([mean, median]).toEqual(['2.500 2.500 to 2.500', '2.500 2.500 to 2.500']);
  expect(gain).toBe('+2.00 1.500 to 2.500');
  expect(wins).toMatch(/^100\.0 %/);
  // The cat's two are 1.5 apart, the house's 2.5.
  const field = [...document.querySelectorAll<HTMLInputElement>('input')].find(
    ({ labels }) => labels?.[0]?.textContent === 'Tie margin',
  )!;
  await act(async () => {
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value')!.set!.call(field, '1.5');
    field.dispatchEvent(new Event('input', { bubbles: true }));
  });
  await act(async () => field.blur());
  const last = [...document.querySelectorAll('tbody')][0]!.querySelector('tr:last-child td:last-child')!;
  expect(last.textContent).toMatch(/^100\.0 %.* 1 tie$/);
  // Nobody is asked, and nothing is claimed.
  await choose('Judge a');
  await choose('Judge b');
  expect(button('Choose a judge').disabled).toBe(true);
  expect(document.querySelector('table')).toBeNull();
});
