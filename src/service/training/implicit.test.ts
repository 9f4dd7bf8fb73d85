/** The implicit reward of a run that was trained on the oracle. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { ImplicitEvent, ImplicitMargins, ImplicitRequest } from '../types.ts';
import { implicitMargins } from './implicit.ts';
import { testConfig, TestTraining, tiny } from './testTraining.ts';

let world: TestTraining;

beforeAll(async () => {
  world = await TestTraining.open({ pairs: 3 });
  const config = testConfig({ steps: 12, learningRate: 3e-2, saveEvery: 6, timestepRange: [200, 800] });
  await world.start({ config }).record;
}, 60_000);

const trained = { base: tiny, adapters: [{ kind: 'run', run: 'r', strength: 1 }] } satisfies ImplicitRequest['model'];

const mean = (of: readonly number[]): number => of.reduce((sum, x) => sum + x, 0) / of.length;

const ask = (
  request: Partial<ImplicitRequest> = {},
  listener: (event: ImplicitEvent) => void = () => {},
): Promise<ImplicitMargins> =>
  world.jobs.run('implicit', (signal) =>
    implicitMargins(
      world.devices,
      world.runs,
      signal,
      { model: trained, pairs: world.pairs, draws: 4, ...request },
      listener,
    ),
  );

describe('the implicit reward of a run', () => {
  it('prefers what it trained on, over draws of the run and by its beta', async () => {
    const events: ImplicitEvent[] = [];
    const { beta, timesteps, pairs } = await ask({}, (event) => events.push(event));
    expect(beta).toBe(500);
    // One in each quarter of the run's range.
    expect(timesteps.map((t) => Math.floor((t - 200) / 150))).toEqual([0, 1, 2, 3]);
    expect(pairs.map(({ pair }) => pair)).toEqual(world.pairs.map(({ pair }) => pair));
    for (const { margin, logits, winner, loser } of pairs) {
      expect(margin).toBeGreaterThan(0);
      expect(margin).toBeCloseTo(mean(logits), 9);
      expect(margin).toBeCloseTo(winner - loser, 9);
    }
    expect(events.at(-1)).toEqual({ type: 'progress', done: 48, total: 48 });
  });

  it('turns over with the pair, and is the same whatever other pairs are asked about', async () => {
    const all = await ask();
    const { winnerLatents, loserLatents, ...pair } = world.pairs[1]!;
    const turned = { ...pair, winnerLatents: loserLatents, loserLatents: winnerLatents };
    const { pairs } = await ask({ pairs: [turned] });
    expect(pairs[0]!.logits).toEqual(all.pairs[1]!.logits.map((logit) => -logit));
  });

  it('is 0 in every bit for a model that is its own reference', async () => {
    const start = { base: tiny, adapters: [{ kind: 'run' as const, run: 'r', step: 0, strength: 1 }] };
    const { pairs } = await ask({ model: start });
    for (const { logits } of pairs) expect(logits.every((logit) => logit === 0)).toBe(true);
  });

  it('is held against whatever model is named', async () => {
    const at = (step: number): ImplicitRequest['model'] => ({
      base: tiny,
      adapters: [{ kind: 'run', run: 'r', step, strength: 1 }],
    });
    const whole = await ask({ beta: 100 });
    const [first, second] = [
      await ask({ model: at(6), beta: 100 }),
      await ask({ model: at(12), reference: at(6), beta: 100 }),
    ];
    whole.pairs.forEach(({ margin }, i) =>
      expect(first.pairs[i]!.margin + second.pairs[i]!.margin).toBeCloseTo(margin, 3),
    );
  });

  it('leaves out a pair that lost a picture, and says which', async () => {
    const all = await ask();
    const [first, ...others] = world.pairs;
    const gone = { ...first!, loserLatents: 'images/gone.safetensors' };
    const { pairs, lost } = await ask({ pairs: [gone, ...others] });
    expect(pairs).toEqual(all.pairs.slice(1));
    expect(lost).toEqual([{ file: 'images/gone.safetensors', message: expect.stringContaining('gone.safetensors') }]);
    await expect(ask({ pairs: [gone] })).rejects.toMatchObject({ name: 'NotFound' });
  });

  it.each<[string, Partial<ImplicitRequest>, RegExp]>([
    ['a model as it came', { model: { base: tiny, adapters: [] } }, /no implicit reward/],
    ['no pairs', { pairs: [] }, /no pairs/],
    ['too many draws', { draws: 100_000 }, /draws/],
    ['a beta of nothing', { beta: 0 }, /Beta is 0/],
    ['timesteps that are none', { timestepRange: [900, 1200] }, /timesteps/],
    ['another base', { reference: { base: 'another', adapters: [] } }, /two models/],
  ])('refuses %s by name', async (_, request, message) => {
    await expect(ask(request)).rejects.toMatchObject({ name: 'BadArguments', message: expect.stringMatching(message) });
  });
});
