/** The stacks where the language has none. */
import { describe, expect, it } from 'vitest';
import { allOrNone, AsyncStack, SyncStack } from './disposable.ts';

const noting = (notes: string[], name: string): Disposable & AsyncDisposable => ({
  [Symbol.dispose]: () => void notes.push(name),
  [Symbol.asyncDispose]: async () => void notes.push(`${name} later`),
});

it('is there wherever the product runs', () => {
  for (const name of [Symbol.dispose, Symbol.asyncDispose]) expect(typeof name).toBe('symbol');
  for (const stack of [DisposableStack, AsyncDisposableStack]) expect(typeof stack).toBe('function');
});

describe('a stack', () => {
  it('disposes of what it was given, the last first, once', () => {
    const notes: string[] = [];
    const stack = new SyncStack();
    expect(stack.use(null)).toBeNull();
    stack.use(noting(notes, 'used'));
    expect(stack.adopt(7, (value) => void notes.push(`adopted ${value}`))).toBe(7);
    stack.defer(() => void notes.push('deferred'));
    stack.dispose();
    stack.dispose();
    expect(notes).toEqual(['deferred', 'adopted 7', 'used']);
    expect(stack.disposed).toBe(true);
    expect(() => stack.defer(() => {})).toThrow(ReferenceError);
  });

  it('leaves alone what has moved on', async () => {
    const notes: string[] = [];
    let kept: SyncStack;
    {
      using stack = new SyncStack();
      stack.use(noting(notes, 'first'));
      stack.use(noting(notes, 'second'));
      kept = stack.move();
      expect(() => stack.move()).toThrow(ReferenceError);
    }
    expect(notes).toEqual([]);
    kept.dispose();
    expect(notes).toEqual(['second', 'first']);
  });

  it('disposes of the rest where one fails, and says so', async () => {
    const notes: string[] = [];
    const fail = (what: string) => () => {
      throw new Error(what);
    };
    const sync = new SyncStack();
    const later = new AsyncStack();
    sync.use(noting(notes, 'used'));
    later.use(noting(notes, 'used'));
    for (const stack of [sync, later]) {
      stack.defer(fail('second'));
      stack.defer(fail('first'));
    }
    expect(() => sync.dispose()).toThrow('first');
    await expect(later.disposeAsync()).rejects.toThrow('first');
    expect(notes).toEqual(['used', 'used later']);
  });

  it('waits for each', async () => {
    const notes: string[] = [];
    {
      await using stack = new AsyncStack();
      stack.use({ [Symbol.dispose]: () => void notes.push('at once') });
      stack.adopt('a', async (value) => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        notes.push(value);
      });
      await using moved = stack.move();
      moved.use(noting(notes, 'used'));
    }
    expect(notes).toEqual(['used later', 'a', 'at once']);
  });
});

it('keeps all of several, or none', async () => {
  const notes: string[] = [];
  const made = [noting(notes, 'a'), noting(notes, 'b')];
  expect(await allOrNone(made.map(async (one) => one))).toEqual(made);
  expect(notes).toEqual([]);
  const late = new Promise<Disposable>((resolve) => setTimeout(() => resolve(made[1]!), 5));
  await expect(allOrNone([Promise.reject(new Error('refused')), Promise.resolve(made[0]!), late])).rejects.toThrow(
    'refused',
  );
  expect(notes).toEqual(['b', 'a']);
});
