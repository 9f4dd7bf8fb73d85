import { expect, it } from 'vitest';
import { Kept } from './kept.ts';

it('keeps by bytes, and lets the oldest go', () => {
  const kept = new Kept(12);
  const put = (key: string, length: number): void => kept.set(key, new Float32Array(length));
  for (const key of ['a', 'b', 'c']) put(key, 1);
  expect(kept.get('a')).toBeDefined();
  put('d', 1);
  expect(kept.get('a')).toBeUndefined();
  expect(kept.get('b')).toBeDefined();
  // What it replaces takes no room any more.
  for (let i = 0; i < 5; i++) put('d', 1);
  expect(kept.get('b')).toBeDefined();
  put('e', 2);
  expect(['b', 'c', 'd', 'e'].filter((key) => kept.get(key))).toEqual(['d', 'e']);
  put('f', 4);
  expect(['d', 'e', 'f'].filter((key) => kept.get(key))).toEqual([]);
});
