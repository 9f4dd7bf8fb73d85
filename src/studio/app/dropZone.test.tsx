// @vitest-environment happy-dom
/** What becomes of files that are dropped on the window. */
import 'fake-indexeddb/auto';
import { MantineProvider } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { act } from 'react';
import { createRoot } from 'react-dom/client';
import { afterEach, expect, it, vi } from 'vitest';
import { useStudio } from '../store/useStudio.ts';
import { DropZone } from './DropZone.tsx';

vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true);
afterEach(() => vi.restoreAllMocks());

it('takes one of several prompt lists, and says which are left aside', async () => {
  const show = vi.spyOn(notifications, 'show').mockReturnValue('');
  const root = createRoot(document.body.appendChild(document.createElement('div')));
  await act(async () =>
    root.render(
      <MantineProvider>
        <DropZone />
      </MantineProvider>,
    ),
  );
  const files = [new File(['a tree\n'], 'one.txt'), new File(['a boat\n'], 'two.txt')];
  const dataTransfer = { types: ['Files'], items: files.map(() => ({ webkitGetAsEntry: () => null })), files };
  await act(async () => {
    dispatchEvent(Object.assign(new Event('drop'), { dataTransfer }));
    await vi.waitFor(() => expect(show).toHaveBeenCalledOnce());
  });
  expect(useStudio.getState().draft.list).toEqual({ name: 'one.txt', prompts: ['a tree'] });
  expect(show).toHaveBeenCalledWith(
    expect.objectContaining({ title: 'two.txt is left aside', message: 'one.txt is used: bring one at a time.' }),
  );
  await act(async () => root.unmount());
});

it('takes an ONNX file for a judge, with what was dropped beside it', async () => {
  const importJudge = vi.fn(async () => 'judge' as const);
  const before = useStudio.getState();
  useStudio.setState({ importJudge });
  const root = createRoot(document.body.appendChild(document.createElement('div')));
  await act(async () =>
    root.render(
      <MantineProvider>
        <DropZone />
      </MantineProvider>,
    ),
  );
  const fileOf = (name: string, text: string): File =>
    Object.assign(new File([text], name), { webkitRelativePath: '' });
  const files = [fileOf('preprocessor_config.json', '{}'), fileOf('nima.onnx', 'x')];
  const dataTransfer = { types: ['Files'], items: files.map(() => ({ webkitGetAsEntry: () => null })), files };
  await act(async () => {
    dispatchEvent(Object.assign(new Event('drop'), { dataTransfer }));
    await vi.waitFor(() => expect(importJudge).toHaveBeenCalledOnce());
  });
  expect(importJudge).toHaveBeenCalledWith({
    name: 'nima',
    files: files.map((file) => ({ path: file.name, file })),
  });
  await act(async () => root.unmount());
  useStudio.setState({ importJudge: before.importJudge });
});

it('takes what was dropped before it was there, and the page stays', async () => {
  const file = new File(['a bridge\n'], 'early.txt');
  const dataTransfer = { types: ['Files'], items: [{ webkitGetAsEntry: () => null }], files: [file] };
  const event = Object.assign(new Event('drop', { cancelable: true }), { dataTransfer });
  dispatchEvent(event);
  expect(event.defaultPrevented).toBe(true);
  const root = createRoot(document.body.appendChild(document.createElement('div')));
  await act(async () =>
    root.render(
      <MantineProvider>
        <DropZone />
      </MantineProvider>,
    ),
  );
  await act(() =>
    vi.waitFor(() => expect(useStudio.getState().draft.list).toEqual({ name: 'early.txt', prompts: ['a bridge'] })),
  );
  await act(async () => root.unmount());
});
