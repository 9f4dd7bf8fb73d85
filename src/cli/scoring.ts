/** Pictures through judges, as every verb that asks one does it: in batches that Ctrl-C ends between, with progress. */
import type { Engine } from '../service/engineService.ts';
import type { LostPicture, ReadableScores, Score } from '../service/types.ts';
import type { Arithmetic } from '../shared/arithmetic.ts';
import { WinnowError } from '../shared/errors.ts';
import { tellCuts } from './generation.ts';
import { ofJudge } from './judges.ts';
import { Pace, type Terminal } from './terminal.ts';

/** Pictures of one turn of the engine. */
const BATCH = 16;

export interface ToScore {
  /** In the engine's file store. */
  file: string;
  prompt: string;
}

/** Says of which prompts a judge reads only the beginning. */
export async function sayJudgeCuts(
  engine: Pick<Engine, 'judgeCuts'>,
  terminal: Terminal,
  judge: string,
  prompts: readonly string[],
): Promise<void> {
  tellCuts(terminal, await engine.judgeCuts(judge, [...new Set(prompts)]), () => `judge ${judge} reads no more`);
}

/** What each judge is computed in where `wanted` is asked for. Rejects with BadArguments where the GPU has no f16, and with what is wrong with a
 *  judge's weights, down to their headers: asked before the first of them looks at a picture. */
export async function arithmeticsOf(
  engine: Pick<Engine, 'judgeArithmetic'>,
  judges: readonly string[],
  wanted: Arithmetic,
): Promise<Arithmetic[]> {
  const found: Arithmetic[] = [];
  for (const judge of judges) found.push(await ofJudge(judge, engine.judgeArithmetic(judge, wanted)));
  return found;
}

/** Every scale of the judge for each item, in their order; one that stands there twice is judged once. Rejects with Cancelled after Ctrl-C. */
export async function scoreAll(
  engine: Pick<Engine, 'score' | 'judgeCuts'>,
  terminal: Terminal,
  judge: string,
  items: readonly ToScore[],
  how: Scoring = {},
): Promise<Score[]> {
  const { arithmetic = 'f32' } = how;
  return inBatches(engine, terminal, judge, items, how, (batch) => engine.score(judge, batch, arithmetic));
}

/** The same, and null of pictures that are gone or damaged, each of which is in `lost` once. */
export async function scoreReadable(
  engine: Pick<Engine, 'scoreReadable' | 'judgeCuts'>,
  terminal: Terminal,
  judge: string,
  items: readonly ToScore[],
  how: Scoring = {},
): Promise<ReadableScores> {
  const { arithmetic = 'f32' } = how;
  const lost: LostPicture[] = [];
  const scores = await inBatches(engine, terminal, judge, items, how, async (batch) => {
    const found = await engine.scoreReadable(judge, batch, arithmetic);
    lost.push(...found.lost);
    return found.scores;
  });
  return { scores, lost };
}

/** For people, on what is left out where pictures cannot be read. @param what with its number: `2 of 40 pairs`. */
export const lostInWords = (what: string, [first]: readonly LostPicture[]): string =>
  `${what} left out: the pictures cannot be read. ${first!.message}`;

export interface Scoring {
  /** In front of the progress: `score`, `judge a`; `score` if left out. */
  doing?: string;
  /** What Ctrl-C stops: `Scoring` if left out. */
  stopped?: string;
  /** f32 if left out. */
  arithmetic?: Arithmetic;
}

async function inBatches<Found>(
  engine: Pick<Engine, 'judgeCuts'>,
  terminal: Terminal,
  judge: string,
  items: readonly ToScore[],
  { doing = 'score', stopped = 'Scoring' }: Scoring,
  ask: (batch: { file: string; prompt: string }[]) => Promise<readonly Found[]>,
): Promise<Found[]> {
  const keyOf = ({ file, prompt }: ToScore): string => JSON.stringify([file, prompt]);
  const once = [...new Map(items.map((item) => [keyOf(item), { file: item.file, prompt: item.prompt }])).values()];
  const scores = new Map<string, Found>();
  await sayJudgeCuts(
    engine,
    terminal,
    judge,
    once.map(({ prompt }) => prompt),
  );
  const pace = new Pace();
  let stop = false;
  terminal.onInterrupt(() => (stop = true));
  for (let start = 0; start < once.length; start += BATCH) {
    if (stop)
      throw new WinnowError(
        'Cancelled',
        `${stopped} was stopped after ${start} of ${once.length} pictures.`,
        'Give the same command again.',
      );
    const batch = once.slice(start, start + BATCH);
    const found = await ask(batch);
    for (const [i, item] of batch.entries()) scores.set(keyOf(item), found[i]!);
    const done = start + batch.length;
    terminal.status(`${doing} ${done}/${once.length}${pace.left(done, once.length)}`, done === once.length);
  }
  return items.map((item) => scores.get(keyOf(item))!);
}
