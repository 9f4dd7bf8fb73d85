/** What is kept of models: by bytes, the least recently used let go first, and before the next is made. */
import { describe, expect, it } from 'vitest';
import { WinnowError } from '../../shared/errors.ts';
import { cacheBudget, ModelCache } from './modelCache.ts';

/** A cache of things that note when they are made and let go. */
function noting(budget?: number) {
  const cache = new ModelCache(budget);
  const notes: string[] = [];
  const take = (
    key: string,
    bytes = 1,
    { model = 'm', hash, fail }: { model?: string; hash?: string; fail?: () => Error | null } = {},
  ) =>
    cache.use({ key, model, ...(hash && { hash }) }, () => ({
      bytes,
      onDevice: true,
      make: async () => {
        const error = fail?.();
        if (error) throw error;
        notes.push(`+${key}`);
        return { [Symbol.asyncDispose]: async () => void notes.push(`-${key}`) };
      },
    }));
  const touch = async (...args: Parameters<typeof take>): Promise<void> => (await take(...args))[Symbol.asyncDispose]();
  return { cache, notes, take, touch };
}

const outOfMemory = (): Error => new WinnowError('OutOfGpuMemory', 'The GPU refused.', 'Wait.');

describe('a cache of models', () => {
  it('makes a thing once, however many ask', async () => {
    const { cache, notes, take } = noting();
    const [a, b] = await Promise.all([take('a'), take('a')]);
    expect(a.value).toBe(b.value);
    expect(notes).toEqual(['+a']);
    expect(cache.bytes).toBe(1);
  });

  it('lets the least recently used go before it makes the next, until that fits', async () => {
    const { cache, notes, touch } = noting(10);
    for (const key of ['a', 'b', 'c']) await touch(key, 3);
    await touch('a', 3);
    await touch('d', 4);
    expect(notes).toEqual(['+a', '+b', '+c', '-b', '+d']);
    expect(cache.bytes).toBe(10);
    await touch('e', 100);
    expect(notes.slice(5)).toEqual(['-c', '-a', '-d', '+e']);
  });

  it('never lets go what is in use, nor what is held', async () => {
    const { cache, notes, take, touch } = noting(2);
    const used = await take('used');
    await touch('held', 1, { hash: 'h' });
    {
      using _ = cache.hold('h');
      await touch('next');
      expect(notes).toEqual(['+used', '+held', '+next']);
    }
    await touch('last');
    expect(notes.slice(3)).toEqual(['-held', '-next', '+last']);
    await used[Symbol.asyncDispose]();
    await touch('then', 2);
    expect(notes.slice(6)).toEqual(['-used', '-last', '+then']);
  });

  it('leaves nothing of what could not be made, and makes it the next time', async () => {
    const { cache, notes, take } = noting();
    let refuse = true;
    const fail = (): Error | null => (refuse ? outOfMemory() : null);
    await expect(take('a', 5, { fail })).rejects.toMatchObject({ name: 'OutOfGpuMemory' });
    expect(cache.bytes).toBe(0);
    refuse = false;
    await take('a', 5, { fail });
    expect(notes).toEqual(['+a']);
  });

  it('lets everything unused go where the GPU refuses, and tries once more', async () => {
    const { cache, notes, take, touch } = noting();
    await touch('old', 1, { hash: 'h' });
    using _ = cache.hold('h');
    let refusals = 0;
    await take('new', 1, { fail: () => (notes.at(-1) === '-old' ? null : (refusals++, outOfMemory())) });
    expect(notes).toEqual(['+old', '-old', '+new']);
    await expect(take('more', 1, { fail: () => (refusals++, outOfMemory()) })).rejects.toThrow('refused');
    expect(refusals).toBe(2);
  });

  it('lets a deleted model go: what is unused now, the rest with its last user', async () => {
    const { cache, notes, take, touch } = noting();
    await touch('other', 1, { model: 'n' });
    await touch('idle');
    // A predictor uses the tensors that it is made of.
    const predictor = await cache.use({ key: 'predictor', model: 'm' }, async () => {
      const base = await take('base', 7);
      return {
        bytes: 2,
        onDevice: true,
        make: async () => ({ [Symbol.asyncDispose]: () => (notes.push('-predictor'), base[Symbol.asyncDispose]()) }),
      };
    });
    expect(cache.bytes).toBe(11);
    await cache.letGo(({ model }) => model === 'm');
    expect(notes).toEqual(['+other', '+idle', '+base', '-idle']);
    expect(cache.bytes).toBe(1);
    await predictor[Symbol.asyncDispose]();
    expect(notes.slice(4)).toEqual(['-predictor', '-base']);
  });

  it('lets everything go at its end', async () => {
    const { notes, touch, cache } = noting();
    await touch('a');
    await touch('b');
    await cache[Symbol.asyncDispose]();
    expect(notes).toEqual(['+a', '+b', '-a', '-b']);
  });

  it('makes room for a run, and says what stays beside it', async () => {
    const { cache, notes, touch } = noting(10);
    for (const key of ['a', 'b']) await touch(key, 4, { hash: 'h' });
    expect([cache.beside(1), cache.beside(5), cache.beside(20), cache.beside(1, 'm')]).toEqual([8, 5, 0, 0]);
    {
      using room = new DisposableStack();
      {
        using _ = cache.hold('h');
        room.use(await cache.reserve(6));
      }
      expect(notes.slice(2)).toEqual(['-a']);
      expect(cache.beside(1)).toBe(3);
      await touch('c', 3);
      expect(notes.slice(3)).toEqual(['-b', '+c']);
    }
    await touch('d', 7);
    expect(notes.slice(5)).toEqual(['+d']);
  });
});

it('leaves a run little beside it, whatever the budget is', async () => {
  const mib = 2 ** 20;
  const { cache, notes, touch } = noting();
  for (const [key, size] of [
    ['a', 100],
    ['b', 2000],
    ['c', 70],
    ['d', 50],
  ] as const)
    await touch(key, size * mib);
  expect(cache.besideReserved(0)).toBe(128 * mib);
  using _ = await cache.reserve(5000 * mib);
  expect(notes.slice(4)).toEqual(['-a', '-b']);
  expect(cache.besideReserved(0)).toBe(120 * mib);
  // A picture that is made meanwhile leaves its predictor for the next.
  await touch('b', 2000 * mib);
  await touch('b', 2000 * mib);
  expect(notes.slice(6)).toEqual(['+b']);
});

it('keeps no more than twice the largest buffer, half of the memory, and 8 GiB', () => {
  const gib = 2 ** 30;
  expect(cacheBudget(2 * gib)).toBe(4 * gib);
  expect(cacheBudget(4 * gib, 8 * gib)).toBe(4 * gib);
  expect(cacheBudget(16 * gib, 64 * gib)).toBe(8 * gib);
});
