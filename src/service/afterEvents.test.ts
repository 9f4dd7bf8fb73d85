import * as Comlink from 'comlink';
import { afterEach, expect, it } from 'vitest';
import { WinnowError } from '../shared/errors.ts';
import { afterEvents } from './afterEvents.ts';

const ports: MessagePort[] = [];
afterEach(() => {
  for (const port of ports.splice(0)) port.close();
});

const full = new WinnowError('NoDiskSpace', 'The disk is full.', 'Free some space.');

function exposed(verb: (...args: never[]) => unknown): (...args: unknown[]) => Promise<unknown> {
  const { port1, port2 } = new MessageChannel();
  ports.push(port1, port2);
  Comlink.expose({ verb: afterEvents(verb as never) }, port1 as unknown as Comlink.Endpoint);
  const { verb: remote } = Comlink.wrap<{ verb(...args: unknown[]): unknown }>(port2 as unknown as Comlink.Endpoint);
  return remote;
}

it.each([
  ['answers', () => 'made', 'made'],
  [
    'fails',
    () => {
      throw full;
    },
    'NoDiskSpace',
  ],
])('a verb that %s says so once the page has taken every event of it', async (_, end, says) => {
  const verb = exposed((part: string, listener: (event: string) => void) => {
    for (const n of [1, 2, 3]) listener(`${part} ${n}`);
    return end();
  });
  const taken: unknown[] = [];
  const slow = Comlink.proxy(async (event: string) => {
    await new Promise((resolve) => void setTimeout(resolve, 20));
    taken.push(event);
  });
  const said = await verb('part', slow).catch((error: Error) => error.name);
  expect([said, ...taken]).toEqual([says, 'part 1', 'part 2', 'part 3']);
});
