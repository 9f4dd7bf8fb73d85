/** Who beat whom, whoever judged: win rates of every two models, ties apart, by category, and one scale for three or more. */
import { Bootstrap, type Interval, unlessFixed } from './bootstrap.ts';
import { bradleyTerry, type Strength } from './bradleyTerry.ts';
import { type Outcome, tally, winRate, type WinRate } from './winRate.ts';

/** Model b against model a (places) on one prompt. */
export interface Judged {
  a: number;
  b: number;
  /** For b. */
  outcome: Outcome;
  prompt: string;
  category?: string | undefined;
}

export interface DuelRate {
  a: number;
  b: number;
  /** Of b over a. Wilson's interval takes every comparison for a witness of its own. */
  rate: WinRate;
  /** Bootstrap over prompts: those of one prompt together. Null where there are too few, or where all prompts say the same: draws of them then do, too,
   *  which says nothing of how sure it is. */
  overPrompts: Interval | null;
  /** Those that some comparison has, in order of name, and last, as null, what has none where others do: together they are all. [] of fewer than two. */
  categories: { category: string | null; rate: WinRate }[];
}

export interface DuelFigures {
  /** Every two that met: each model against those before it. */
  duels: DuelRate[];
  /** Null of two models, or where comparisons do not link all of them. */
  strengths: Strength[] | null;
}

const valueOf: Record<Outcome, number> = { win: 1, tie: 0.5, loss: 0 };

export function duelFigures(models: number, judged: readonly Judged[]): DuelFigures {
  const prompts = new Map<string, number>();
  for (const { prompt } of judged) if (!prompts.has(prompt)) prompts.set(prompt, prompts.size);
  const bootstrap = new Bootstrap(prompts.size);
  // A study may show two models in either order.
  const ordered = judged.map((one): Judged =>
    one.a <= one.b ? one : { ...one, a: one.b, b: one.a, outcome: turned[one.outcome] },
  );
  const duels: DuelRate[] = [];
  for (let b = 1; b < models; b++)
    for (let a = 0; a < b; a++) {
      const met = ordered.filter((one) => one.a === a && one.b === b);
      if (met.length > 0) duels.push({ a, b, ...rateOf(met, prompts, bootstrap) });
    }
  return {
    duels,
    strengths:
      models < 3
        ? null
        : bradleyTerry(
            models,
            ordered.map(({ a, b, outcome, prompt }) => ({
              a,
              b,
              won: valueOf[outcome],
              group: prompts.get(prompt)!,
            })),
            new Bootstrap(prompts.size, 2000),
          ),
  };
}

const turned: Record<Outcome, Outcome> = { win: 'loss', tie: 'tie', loss: 'win' };

function rateOf(
  met: readonly Judged[],
  prompts: ReadonlyMap<string, number>,
  bootstrap: Bootstrap,
): Omit<DuelRate, 'a' | 'b'> {
  const wins = new Uint32Array(prompts.size);
  const decided = new Uint32Array(prompts.size);
  for (const { prompt, outcome } of met) {
    const at = prompts.get(prompt)!;
    if (outcome !== 'tie') decided[at]!++;
    if (outcome === 'win') wins[at]!++;
  }
  const named = [...new Set(met.flatMap(({ category }) => category ?? []))].toSorted();
  const names = [...named, ...(met.some(({ category }) => category === undefined) ? [null] : [])];
  return {
    rate: winRate(tally(met.map(({ outcome }) => outcome))),
    overPrompts: unlessFixed(
      bootstrap.interval((counts) => {
        let [won, n] = [0, 0];
        for (let i = 0; i < counts.length; i++) {
          won += counts[i]! * wins[i]!;
          n += counts[i]! * decided[i]!;
        }
        return won / n;
      }),
    ),
    categories:
      names.length < 2
        ? []
        : names.map((category) => ({
            category,
            rate: winRate(
              tally(met.filter((one) => (one.category ?? null) === category).map(({ outcome }) => outcome)),
            ),
          })),
  };
}
