/** What a browser that keeps nothing for a page is told, whichever way it refuses. */
import { afterEach, expect, it, vi } from 'vitest';
import { openDatabase } from './db.ts';
import { openOpfsStore } from './opfs.ts';

afterEach(() => vi.unstubAllGlobals());

const refuse = (name: string) => () => Promise.reject(new DOMException('refused', name));

it.each([
  ['no storage', {}],
  ['no files', { storage: {} }],
  ['a refusal (Firefox, private)', { storage: { getDirectory: refuse('SecurityError') } }],
  ['a failure (Safari, private)', { storage: { getDirectory: refuse('UnknownError') } }],
])('names what is missing where there is %s', async (_, navigator) => {
  vi.stubGlobal('navigator', navigator);
  await expect(openOpfsStore()).rejects.toMatchObject({ name: 'UnsupportedConfig', message: /private files/ });
});

it.each([
  ['none', undefined, /keeps no records/],
  ['a refusal', 'InvalidStateError', /keeps no records/],
  ['one of a newer version', 'VersionError', /newer version of Winnow/],
])('names what is missing where the database is %s', async (_, name, message) => {
  const open = (): never => {
    throw new DOMException('refused', name);
  };
  vi.stubGlobal('indexedDB', name && { open });
  await expect(openDatabase()).rejects.toMatchObject({ name: 'UnsupportedConfig', message });
});
