// @vitest-environment happy-dom
/** What a field shows is what is used, or the field says that it is not and nothing starts. */
import { MantineProvider } from '@mantine/core';
import { act, useState } from 'react';
import { createRoot, type Root } from 'react-dom/client';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { SampleStrip } from '../features/train/SampleStrip.tsx';
import { testRun } from '../../service/testRuns.ts';
import { withFields } from './fieldProblem.ts';
import { NumberField, OptionalNumberField, ScientificField } from './Fields.tsx';

const used: Record<string, number | null> = {};

function Fields() {
  const [steps, setSteps] = useState(12);
  const [size, setSize] = useState<number | null>(96);
  const [rate, setRate] = useState(5e-4);
  Object.assign(used, { steps, size, rate });
  return (
    <main>
      <NumberField label="Steps" value={steps} min={1} max={200} onChange={setSteps} />
      <OptionalNumberField label="Size" value={size} min={8} empty="Own" onChange={setSize} />
      <ScientificField label="Rate" value={rate} onChange={setRate} />
    </main>
  );
}

let root: Root;
beforeEach(() => {
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true);
  root = createRoot(document.body.appendChild(document.createElement('div')));
});
afterEach(async () => {
  await act(async () => root.unmount());
  document.body.replaceChildren();
  vi.unstubAllGlobals();
});

const input = (label: string): HTMLInputElement =>
  [...document.querySelectorAll<HTMLInputElement>('input')].find((one) => one.labels?.[0]?.textContent === label)!;

async function type(label: string, text: string): Promise<void> {
  await act(async () => {
    const field = input(label);
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value')!.set!.call(field, text);
    field.dispatchEvent(new Event('input', { bubbles: true }));
  });
}

const started = (): boolean => {
  let ran = false;
  try {
    withFields(() => (ran = true))();
  } catch (error) {
    expect(error).toMatchObject({ name: 'BadArguments' });
  }
  return ran;
};

it.each([
  ['Steps', '', 'steps', 12],
  ['Steps', '0', 'steps', 12],
  ['Steps', '201', 'steps', 12],
  ['Steps', '99999999999999999999', 'steps', 12],
  ['Size', '4', 'size', 96],
  ['Rate', 'fast', 'rate', 5e-4],
  ['Rate', '', 'rate', 5e-4],
])('%s of "%s" is not used, is shown as such, and nothing starts', async (label, text, name, kept) => {
  await act(async () =>
    root.render(
      <MantineProvider>
        <Fields />
      </MantineProvider>,
    ),
  );
  expect(started()).toBe(true);
  await type(label, text);
  expect(input(label).value).toBe(text);
  expect(input(label).getAttribute('aria-invalid')).toBe('true');
  expect(used[name]).toBe(kept);
  expect(started()).toBe(false);
  expect(document.activeElement).toBe(input(label));
  await type(label, '20');
  expect(used[name]).toBe(20);
  expect(started()).toBe(true);
});

it('a number that may be left out is null where it is', async () => {
  await act(async () =>
    root.render(
      <MantineProvider>
        <Fields />
      </MantineProvider>,
    ),
  );
  await type('Size', '');
  expect(used['size']).toBe(null);
  expect(started()).toBe(true);
});

it('arrows and buttons go through enlarged samples', async () => {
  const sample = (step: number) => ({ step, prompt: 'a cat', seed: 1, file: `s${step}.png` });
  const run = testRun({ id: 'r', samples: [0, 10, 20].map(sample) });
  await act(async () =>
    root.render(
      <MantineProvider env="test">
        <SampleStrip run={run} />
      </MantineProvider>,
    ),
  );
  await act(async () => document.querySelector<HTMLButtonElement>('[data-cell="0,1"]')!.click());
  const title = () => document.querySelector('[role="dialog"] h2')?.textContent;
  const button = (label: string) =>
    document.querySelector<HTMLButtonElement>(`[role="dialog"] [aria-label="${label}"]`)!;
  const press = (code: string) =>
    act(async () => {
      document.activeElement!.dispatchEvent(new KeyboardEvent('keydown', { code, key: code, bubbles: true }));
    });
  expect(title()).toBe('Step 10');
  await press('ArrowRight');
  expect(title()).toBe('Step 20');
  expect(button('The next step').disabled).toBe(true);
  await press('ArrowRight');
  expect(title()).toBe('Step 20');
  await act(async () => button('The step before').click());
  await press('ArrowLeft');
  expect(title()).toBe('Base');
});
