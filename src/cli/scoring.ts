/** Pictures through judges, as every verb that asks one does it: in batches that Ctrl-C ends between, with progress. */
import type { Engine } from '../service/engineService.ts';
import type { Score } from '../service/types.ts';
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

/** Every scale of the judge for each item, in their order; one that stands there twice is judged once. Rejects with Cancelled after Ctrl-C.
 *  @param doing in front of the progress: `score`, `judge a`. */
export async function scoreAll(
  engine: Pick<Engine, 'score' | 'judgeCuts'>,
  terminal: Terminal,
  judge: string,
  items: readonly ToScore[],
  {
    doing = 'score',
    stopped = 'Scoring',
    arithmetic = 'f32',
  }: { doing?: string; stopped?: string; arithmetic?: Arithmetic } = {},
): Promise<Score[]> {
  const keyOf = ({ file, prompt }: ToScore): string => JSON.stringify([file, prompt]);
  const once = [...new Map(items.map((item) => [keyOf(item), { file: item.file, prompt: item.prompt }])).values()];
  const scores = new Map<string, Score>();
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
    const found = await engine.score(judge, batch, arithmetic);
    for (const [i, item] of batch.entries()) scores.set(keyOf(item), found[i]!);
    const done = start + batch.length;
    terminal.status(`${doing} ${done}/${once.length}${pace.left(done, once.length)}`, done === once.length);
  }
  return items.map((item) => scores.get(keyOf(item))!);
}
