/** Who opens a device and when, what goes with one that is lost, and how often it is replaced. */
import { expect, it } from 'vitest';
import { WinnowError } from '../../shared/errors.ts';
import { Devices, DeviceUse, type OnDevice } from './devices.ts';
import { Recoveries } from './recoveries.ts';

const lossOf = (n: number): WinnowError =>
  new WinnowError('DeviceLost', `The GPU was taken away (${n}).`, 'Resume from the last checkpoint.');
const noAdapter = (): WinnowError => new WinnowError('NoWebGPU', 'There is no usable GPU.', 'Use another browser.');

interface Opened extends OnDevice {
  n: number;
  gone: boolean;
  lose(): WinnowError;
}

/** @param failing what an opening rejects with, by its number from 1. */
function setUp(failing: Record<number, Error> = {}) {
  const opened: Opened[] = [];
  const waits: number[] = [];
  const turns: Promise<void>[] = [];
  const clock = { ms: 0 };
  let tries = 0;
  const devices = new Devices<Opened>({
    async open() {
      const failure = failing[++tries];
      if (failure) throw failure;
      const n = opened.length;
      let end: (loss: WinnowError | null) => void = () => {};
      const on: Opened = {
        n,
        gone: false,
        device: { lost: new Promise((resolve) => (end = resolve)) },
        lose() {
          end(lossOf(n));
          return lossOf(n);
        },
        async [Symbol.asyncDispose]() {
          on.gone = true;
          end(null);
        },
      };
      opened.push(on);
      return on;
    },
    recoveries: new Recoveries(() => clock.ms),
    inTurn: (work) => {
      turns.push(work());
      return turns.at(-1)!;
    },
    wait: async (ms) => void waits.push(ms),
  });
  const use = () => new DeviceUse(devices, (on) => ({ on }));
  return { devices, use, opened, waits, turns, clock, tries: () => tries };
}

const signal = { turn: <T>(work: () => Promise<T>) => work() };

it('opens one device for all who ask, and another after a loss, what lay on the first being let go', async () => {
  const { devices, opened, turns } = setUp();
  const [a, b] = await Promise.all([devices.current(), devices.current()]);
  expect(a).toBe(b);
  a.lose();
  await a.device.lost;
  expect(await devices.opened()).toBeUndefined();
  expect((await devices.current()).n).toBe(1);
  await Promise.all(turns);
  expect(opened.map(({ gone }) => gone)).toEqual([true, false]);
});

it('takes its own end of a device for no loss', async () => {
  const { devices, use, opened, turns } = setUp();
  const verb = use();
  await verb.context();
  await devices.close();
  expect(opened[0]!.gone).toBe(true);
  expect(turns).toEqual([]);
  await expect(verb.survive(lossOf(0))).rejects.toMatchObject({ name: 'DeviceLost' });
  await expect(verb.context()).rejects.toMatchObject({ name: 'EngineEnded' });
  await devices.close();
});

it('does the work of a turn again, all of it, on the next device', async () => {
  const { use, opened } = setUp();
  const told: string[] = [];
  const done = await use().turn(
    signal,
    async ({ on }) => {
      if (on.n < 2) throw on.lose();
      return on.n;
    },
    ({ what }) => told.push(what),
  );
  expect(done).toBe(2);
  expect(opened.map(({ gone }) => gone)).toEqual([true, true, false]);
  expect(told).toEqual(['The GPU was taken away (0).', 'The GPU was taken away (1).']);
});

it('tells of a loss once, when another device is open, also where it cut nothing off', async () => {
  const { use, opened } = setUp();
  const told: string[] = [];
  const verb = use();
  const turn = (): Promise<number> =>
    verb.turn(
      signal,
      async ({ on }) => on.n,
      ({ what }) => told.push(what),
    );
  await turn();
  // It is told a moment later: work that needs no GPU may still be done.
  opened[0]!.lose();
  for (let i = 0; i < 3; i++) await turn();
  expect(await turn()).toBe(1);
  expect(told).toEqual(['The GPU was taken away (0).']);
});

it('gives the same context for as long as the device is the same', async () => {
  const { use, opened } = setUp();
  const verb = use();
  const first = await verb.context();
  expect(await verb.context()).toBe(first);
  opened[0]!.lose();
  await opened[0]!.device.lost;
  expect(await verb.context()).not.toBe(first);
});

it('rejects with other errors as they are', async () => {
  const { use, tries } = setUp();
  const verb = use();
  await expect(
    verb.turn(signal, async () => {
      throw new Error('a fault');
    }),
  ).rejects.toThrow('a fault');
  expect(tries()).toBe(1);
});

it('counts a loss once, whatever it cut off', async () => {
  const { use, opened } = setUp();
  const verbs = [use(), use(), use(), use(), use()];
  for (let n = 0; n < 3; n++) {
    await Promise.all(verbs.map((verb) => verb.context()));
    const loss = opened[n]!.lose();
    for (const verb of verbs) expect((await verb.survive(loss)).what).toBe(loss.what);
  }
  expect((await verbs[0]!.context()).on.n).toBe(3);
});

it('ends all that was at work with the fourth loss in ten minutes, and begins what is asked for after it', async () => {
  const { use, opened, clock } = setUp();
  const [atWork, betweenTurns] = [use(), use()];
  for (let n = 0; n < 4; n++) {
    clock.ms += 60_000;
    await Promise.all([atWork.context(), betweenTurns.context()]);
    const loss = opened[n]!.lose();
    if (n < 3) await atWork.survive(loss);
    else await expect(atWork.survive(loss)).rejects.toBe(loss);
  }
  await expect(betweenTurns.context()).rejects.toMatchObject({ name: 'DeviceLost' });
  await expect(atWork.context()).rejects.toMatchObject({ name: 'DeviceLost' });
  expect((await use().context()).on.n).toBe(4);
  clock.ms += 10 * 60_000;
  const later = use();
  await later.context();
  expect(await later.survive(opened[4]!.lose())).toMatchObject({ name: 'DeviceLost' });
});

it('counts a device that is lost while it is opened', async () => {
  const { devices, tries } = setUp({ 1: lossOf(0), 2: lossOf(0) });
  expect((await devices.current()).n).toBe(0);
  expect(tries()).toBe(3);
  const never = setUp({ 1: lossOf(0), 2: lossOf(0), 3: lossOf(0), 4: lossOf(0) });
  await expect(never.devices.current()).rejects.toMatchObject({ name: 'DeviceLost' });
  expect(never.tries()).toBe(4);
});

it('waits for a GPU that comes back', async () => {
  const { use, opened, waits } = setUp({ 2: noAdapter(), 3: noAdapter() });
  const verb = use();
  await verb.context();
  await verb.survive(opened[0]!.lose());
  expect((await verb.context()).on.n).toBe(1);
  expect(waits).toEqual([500, 1000]);
});

it('says by name that a GPU has not come back, and tries again when it is asked again', async () => {
  const { use, opened, waits } = setUp(Object.fromEntries([2, 3, 4, 5, 6].map((n) => [n, noAdapter()])));
  const verb = use();
  await verb.context();
  await verb.survive(opened[0]!.lose());
  await expect(verb.context()).rejects.toMatchObject({
    name: 'DeviceLost',
    what: 'The GPU was taken away (0) and has not come back.',
  });
  expect(waits).toHaveLength(4);
  expect((await use().context()).on.n).toBe(1);
});

it('says at once that there is none where there never was one', async () => {
  const { devices, waits } = setUp({ 1: noAdapter() });
  await expect(devices.current()).rejects.toMatchObject({ name: 'NoWebGPU' });
  expect(waits).toEqual([]);
});
