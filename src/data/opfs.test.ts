/** What a browser that keeps nothing for a page is told, whichever way it refuses; and one whose disk is full, whichever step of a write is. */
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

type Step =
  | 'getDirectoryHandle'
  | 'getFileHandle'
  | 'getFile'
  | 'createSyncAccessHandle'
  | 'truncate'
  | 'write'
  | 'flush'
  | 'move';

/** A private file system that holds nothing, where `refuses` fails. @param open what was opened and not closed. */
function refusing(refuses: (step: Step) => void, open: Set<object>): FileSystemDirectoryHandle {
  const access = (): object => {
    const handle = {
      write: (bytes: Uint8Array) => (refuses('write'), bytes.length),
      truncate: () => refuses('truncate'),
      flush: () => refuses('flush'),
      close: () => void open.delete(handle),
    };
    open.add(handle);
    return handle;
  };
  const file = {
    getFile: async () => (refuses('getFile'), new Blob()),
    createSyncAccessHandle: async () => (refuses('createSyncAccessHandle'), access()),
    move: async () => refuses('move'),
  };
  const folder = {
    getDirectoryHandle: async (_: string, { create = false } = {}) => (create && refuses('getDirectoryHandle'), folder),
    getFileHandle: async (_: string, { create = false } = {}) => (create && refuses('getFileHandle'), file),
    removeEntry: async () => {},
  };
  return folder as unknown as FileSystemDirectoryHandle;
}

const steps = {
  write: ['getDirectoryHandle', 'getFileHandle', 'createSyncAccessHandle', 'truncate', 'write', 'flush', 'move'],
  append: ['getDirectoryHandle', 'getFileHandle', 'getFile', 'createSyncAccessHandle', 'truncate', 'write', 'flush'],
  commit: ['move'],
} as const satisfies Record<string, readonly Step[]>;

it.each([
  ['QuotaExceededError', 'NoDiskSpace'],
  ['InvalidStateError', 'BadFile'],
  ['NoModificationAllowedError', 'BadFile'],
])('says by name at which step soever a write meets %s, and holds no file', async (refusal, name) => {
  for (const [verb, refused] of Object.entries(steps)) {
    for (const step of refused) {
      let on = false;
      let failed = false;
      const open = new Set<object>();
      const root = refusing((at) => {
        if (!on || (at !== step && !failed)) return;
        // What failed once fails in other ways from then on.
        const first = !failed;
        failed = true;
        throw new DOMException('refused', first ? refusal : 'UnknownError');
      }, open);
      vi.stubGlobal('navigator', { storage: { getDirectory: async () => root } });
      const store = await openOpfsStore();
      on = true;
      const bytes = Uint8Array.of(1, 2, 3);
      const work = verb === 'commit' ? store.commit('a/b') : store[verb as 'write' | 'append']('a/b', bytes);
      await expect(work, `${verb}, ${step}`).rejects.toMatchObject({ name });
      expect(open.size, `${verb}, ${step}`).toBe(0);
    }
  }
});
