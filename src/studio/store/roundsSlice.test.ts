/** The next round of a run: what is drawn, what is asked first, what the next run starts from. */
import { afterEach, expect, it } from 'vitest';
import { readPairs, trainPairs } from '../../data/pairs.ts';
import { labelEvent } from '../../records/testRecords.ts';
import { foldLabels } from '../../data/labels.ts';
import { testRun } from '../../service/testRuns.ts';
import type { ImplicitRequest, Listener, OwnPair, PairsEvent, PairsRequest } from '../../service/types.ts';
import { queue } from './labelSelectors.ts';
import { roundRecipe } from './generateSelectors.ts';
import { db } from './services.ts';
import { closeStudio, openStudio, pairOf, studio } from './testStudio.ts';
import { useStudio } from './useStudio.ts';

afterEach(closeStudio);

const checkpoints = [10, 20].map((step) => ({ step, file: `runs/r/checkpoints/${step}.safetensors`, at: '' }));
const figures = { pairs: 4, right: 4, margin: 1, winnerError: 1 };
const run = testRun({
  status: 'finished',
  model: { base: 'm', adapters: [] },
  checkpoints,
  looks: [0.3, 0.5].map((loss, i) => ({
    step: 10 * (i + 1),
    draws: 2,
    heldOut: { ...figures, loss },
    training: { ...figures, loss },
  })),
});
const best = { base: 'm', adapters: [{ kind: 'run' as const, run: 'r', step: 10, strength: 1 }] };

/** Draws pairs whose margin is their number, and keeps what it was asked. The last checkpoint turns the surest seven of twenty. */
async function onEngine(): Promise<{ drawn: PairsRequest[]; asked: ImplicitRequest[] }> {
  const told = { drawn: [] as PairsRequest[], asked: [] as ImplicitRequest[] };
  await openStudio({
    engine: {
      runs: () => [run],
      makePairs: async (_: string, request: PairsRequest, __: Listener<PairsEvent>) => {
        told.drawn.push(request);
        return request.prompts.map((prompt, i): OwnPair => pairOf(`new ${i} `, { prompt }));
      },
      implicit: async (_: string, request: ImplicitRequest) => {
        told.asked.push(request);
        const turns = JSON.stringify(request.model).includes('"step":20');
        const pairs = request.pairs.map(({ pair }, i) => {
          const margin = turns && i >= 13 ? -i : i;
          return { pair, margin, logits: [margin], winner: margin, loser: 0 };
        });
        return { beta: 1000, timesteps: [500], pairs };
      },
    },
  });
  await studio().readRuns();
  // As after pairs of a list were made; what is on Generate by now is no matter.
  const from = { name: 'a list', prompts: Array.from({ length: 30 }, (_, i) => `prompt ${i}`) };
  useStudio.setState({ lastPairs: { settings: roundRecipe(studio())!.settings, from } });
  studio().setDraft({ list: { name: 'another', prompts: ['of Generate'] }, steps: 3 });
  return told;
}

it('asks about pairs of its best checkpoint, first those that it doubts and three in ten at random', async () => {
  const { drawn, asked } = await onEngine();
  expect(await studio().startRound('r', 10)).toBe(true);
  expect(studio().trainProblem).toBeNull();
  expect(drawn).toMatchObject([{ count: 20, model: best, steps: 30 }]);
  expect(drawn[0]!.prompts).not.toContain('of Generate');
  expect(asked).toMatchObject([{ model: best, reference: run.model }]);
  const stored = new Map((await readPairs(await db())).map((pair) => [pair.id, pair]));
  const listed = queue(studio()).filter(({ id }) => id.startsWith('new'));
  expect(listed.map(({ id }) => stored.get(id)!.asked!.order)).toEqual([...listed.keys()]);
  const why = listed.map(({ asked: one }) => one!.why);
  expect(why.slice(0, 10).filter((one) => one === 'random').length).toBe(3);
  expect(why.slice(10).every((one) => one === 'rest')).toBe(true);
  expect(studio().trainModel).toEqual(best);
  expect(studio().draft.model).toEqual(best);
  expect(studio()).toMatchObject({ startingRound: false, roundStage: null });
});

it('asks where its best checkpoint and its last one disagree', async () => {
  const { asked } = await onEngine();
  expect(await studio().startRound('r', 10, 'disagreement')).toBe(true);
  const last = { base: 'm', adapters: [{ kind: 'run' as const, run: 'r', step: 20, strength: 1 }] };
  expect(asked).toMatchObject([
    { model: best, reference: run.model },
    { model: last, reference: run.model },
  ]);
  const order = studio().pairs.flatMap(({ id, asked: one }) => (one ? [{ id, ...one }] : []));
  const first = order.filter((one) => one.order < 10).map(({ id }) => id);
  expect(first).toEqual(expect.arrayContaining(Array.from({ length: 7 }, (_, i) => `new ${13 + i} `)));
  expect(order.filter(({ why }) => why === 'random')).toHaveLength(3);
});

it('asks at random where nobody chooses: draws as many as are asked, and rates none', async () => {
  const { drawn, asked } = await onEngine();
  expect(await studio().startRound('r', 10, 'random')).toBe(true);
  expect(drawn).toMatchObject([{ count: 10, model: best }]);
  expect(asked).toEqual([]);
  const order = studio().pairs.flatMap(({ asked: one }) => one ?? []);
  expect(order.map(({ why }) => why)).toEqual(Array.from({ length: 10 }, () => 'random'));
  expect(order.map((one) => one.order).toSorted((a, b) => a - b)).toEqual([...order.keys()]);
  expect(studio().trainModel).toEqual(best);
});

it('tells training which of them were not drawn at random', async () => {
  await onEngine();
  await studio().startRound('r', 10);
  const { pairs } = studio();
  const labels = foldLabels(pairs.map(({ id }) => labelEvent(`l${id}`, id)));
  const chosen = new Map(trainPairs(pairs, labels.byPair, 'sigmoid').map(({ pair, chosen = false }) => [pair, chosen]));
  for (const { id, asked } of pairs) expect(chosen.get(id)).toBe(asked!.why !== 'random');
});

it('leaves everything as it was where nothing can be drawn', async () => {
  await onEngine();
  expect(await studio().startRound('nobody', 10)).toBe(false);
  expect(studio().trainModel).toBeNull();
});
