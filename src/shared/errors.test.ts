/** Which errors are ours, here and after a worker's boundary; and how the others are put into words. */
import { MessageChannel } from 'node:worker_threads';
import * as Comlink from 'comlink';
import nodeEndpoint, { type NodeEndpoint } from 'comlink/dist/umd/node-adapter';
import { describe, expect, it } from 'vitest';
import { inWords, isWinnowError, WinnowError } from './errors.ts';

const ours = new WinnowError('NotFound', 'There is no file x.', 'Check the path.');

const foreign: readonly unknown[] = [
  new Error('boom'),
  new TypeError('x is not a function'),
  new RangeError('Array buffer allocation failed'),
  new DOMException('The quota has been exceeded.', 'QuotaExceededError'),
  new DOMException('The operation was aborted.', 'AbortError'),
  new DOMException('A requested file could not be found.', 'NotFoundError'),
  Object.assign(new Error('ENOENT: no such file'), { code: 'ENOENT' }),
  'a string',
  null,
  { name: 'NotFound', message: 'no error at all' },
];

it('says it briefly, however long the names that a file brought', () => {
  const { message, what } = new WinnowError('BadFile', `${'x'.repeat(1e6)} is no file.`, 'Choose another.');
  expect(message.length).toBeLessThan(1000);
  expect(message).toMatch(/ is no file\. Choose another\.$/);
  expect(message).toBe(`${what} Choose another.`);
});

/** What a caller catches where a worker's verb threw it. */
async function acrossWorker(error: unknown): Promise<unknown> {
  const { port1, port2 } = new MessageChannel();
  const verb = async (): Promise<never> => {
    throw error;
  };
  Comlink.expose(verb, nodeEndpoint(port1 as unknown as NodeEndpoint));
  const remote = Comlink.wrap<typeof verb>(nodeEndpoint(port2 as unknown as NodeEndpoint));
  try {
    await remote();
    return undefined;
  } catch (caught) {
    return caught;
  } finally {
    port1.close();
    port2.close();
  }
}

describe.each([
  ['here', async (error: unknown) => error],
  ['from a worker', acrossWorker],
])('%s', (_, through) => {
  it('a named error is ours, by any name and by its own', async () => {
    const error = await through(ours);
    expect([isWinnowError(error), isWinnowError(error, 'NotFound'), isWinnowError(error, 'Cancelled')]).toEqual([
      true,
      true,
      false,
    ]);
    expect(inWords(error)).toEqual({ name: 'NotFound', message: 'There is no file x. Check the path.' });
  });

  it("a browser's, a library's or Node's error is not ours, and is told as a fault of the product", async () => {
    for (const raw of foreign) {
      const error = await through(raw);
      expect(isWinnowError(error), String(raw)).toBe(false);
      expect(inWords(error).message).toMatch(/^Something went wrong in Winnow: .*[.!?] Try again; /);
    }
  });
});
