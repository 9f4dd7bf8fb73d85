/** What every FileStore does, as rows that run anywhere: Node's folder and memory under vitest, the private file system in a browser's worker
 *  and page (e2e/files.spec.ts). */
import { isWinnowError } from '../shared/errors.ts';
import { type FileStore, partOf } from './files.ts';

export interface FileStoreCase {
  name: string;
  /** On an empty store. */
  run(store: FileStore): Promise<unknown>;
  gives: unknown;
}

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const numbers = async (read: Promise<Uint8Array>): Promise<number[]> => [...(await read)];

/** The name of the error that comes. */
async function errorOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'none';
  } catch (error) {
    return isWinnowError(error) ? error.name : `not named: ${String(error)}`;
  }
}

export const fileStoreCases: readonly FileStoreCase[] = [
  {
    name: 'reads what was written, the later bytes where it was written twice',
    run: async (store) => {
      await store.write('a/b/c.bin', bytes(1, 2, 3));
      await store.write('a/b/c.bin', bytes(4, 5));
      return [
        await numbers(store.read('a/b/c.bin')),
        await store.size('a/b/c.bin'),
        await store.exists('a/b/c.bin'),
        await store.exists('a/b'),
      ];
    },
    gives: [[4, 5], 2, true, false],
  },
  {
    name: 'reads by ranges, which end with the file',
    run: async (store) => {
      await store.write('weights', bytes(0, 1, 2, 3, 4, 5, 6, 7));
      const file = await store.open('weights');
      return [
        file.size,
        await numbers(file.read(2, 5)),
        await numbers(file.read(0, 8)),
        await numbers(file.read(6, 20)),
        await numbers(file.read(8, 8)),
      ];
    },
    gives: [8, [2, 3, 4], [0, 1, 2, 3, 4, 5, 6, 7], [6, 7], []],
  },
  {
    name: 'reads on in a file that is removed or replaced while it is open, or says by name that it is gone',
    run: async (store) => {
      const found: boolean[] = [];
      for (const change of [() => store.remove('models'), () => store.write('models/b', bytes(9, 9))]) {
        await store.write('models/b', bytes(1, 2, 3));
        const file = await store.open('models/b');
        await change();
        found.push(['none', 'NotFound', 'TruncatedFile'].includes(await errorOf(file.read(1, 3))));
      }
      return found;
    },
    gives: [true, true],
  },
  {
    name: 'names a missing file, and does nothing where one is removed',
    run: async (store) => {
      await store.remove('nowhere/file');
      return [
        await errorOf(store.read('file')),
        await errorOf(store.open('no/file')),
        await errorOf(store.commit('file')),
        await store.size('file'),
        await store.list('no'),
      ];
    },
    gives: ['NotFound', 'NotFound', 'NotFound', 0, []],
  },
  {
    name: 'appends a part, which is no file until it is committed',
    run: async (store) => {
      await store.append(partOf('m/file'), bytes(1, 2));
      await store.append(partOf('m/file'), bytes(3));
      const before = [await store.exists('m/file'), await store.list('m'), await store.size(partOf('m/file'))];
      await store.commit('m/file');
      return [
        ...before,
        await numbers(store.read('m/file')),
        await store.list('m'),
        await store.size(partOf('m/file')),
      ];
    },
    gives: [false, [], 3, [1, 2, 3], ['m/file'], 0],
  },
  {
    name: 'commits over an older file, and a part that is empty',
    run: async (store) => {
      await store.write('file', bytes(9, 9, 9));
      await store.append(partOf('file'), bytes(1));
      await store.commit('file');
      await store.append(partOf('empty'), bytes());
      await store.commit('empty');
      return [await numbers(store.read('file')), await store.size('empty'), await store.exists('empty')];
    },
    gives: [[1], 0, true],
  },
  {
    name: 'keeps the part of a file beside it, and lists and removes folders',
    run: async (store) => {
      await store.write('m/a', bytes(1));
      await store.write('m/n/b', bytes(2));
      await store.write('mm/c', bytes(3));
      await store.append(partOf('m/a'), bytes(4));
      const listed = [await store.list('m'), await numbers(store.read('m/a'))];
      await store.remove('m');
      return [...listed, await store.list('m'), await store.size(partOf('m/a')), await store.list('mm')];
    },
    gives: [['m/a', 'm/n/b'], [1], [], 0, ['mm/c']],
  },
  {
    name: 'lists what is there while other files are written, and all of it can be read',
    run: async (store) => {
      const names = Array.from({ length: 12 }, (_, i) => `m/${i}`);
      const whole = new Set<string>();
      const written = names.map(async (name) => {
        await store.write(name, new Uint8Array(300_000));
        whole.add(name);
      });
      const found = new Set<string>();
      while (whole.size < names.length)
        for (const path of await store.list('m')) {
          await store.open(path);
          found.add(path);
        }
      await Promise.all(written);
      return [...found].filter((path) => !names.includes(path));
    },
    gives: [],
  },
  {
    name: 'does in order what is asked of one file at once',
    run: async (store) => {
      const large = (value: number): Uint8Array => new Uint8Array(200_000).fill(value);
      await Promise.all([1, 2, 3].map((value) => store.write('w', large(value))));
      await Promise.all([1, 2, 3].map((value) => store.append('a', bytes(value))));
      await Promise.all([store.append(partOf('p'), bytes(7)), store.append(partOf('p'), bytes(8)), store.commit('p')]);
      const written = await store.read('w');
      return [
        written.length,
        written.every((value) => value === 3),
        await numbers(store.read('a')),
        await numbers(store.read('p')),
      ];
    },
    gives: [200_000, true, [1, 2, 3], [7, 8]],
  },
  {
    name: 'says how much room there is, or that it does not know',
    run: async (store) => {
      const room = await store.available();
      return room === null || (Number.isFinite(room) && room >= 0);
    },
    gives: true,
  },
];
