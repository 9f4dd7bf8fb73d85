/** What judges say of several models over the same prompts and seeds. */
import { Bootstrap, type Interval } from './bootstrap.ts';
import type { Strength } from './bradleyTerry.ts';
import { duelFigures, type DuelRate, type Judged } from './duels.ts';
import { otherSeedRate, type PairedGain, pairedGain } from './pairedGain.ts';
import { type Spread, spreadOf } from './spread.ts';

/** Every model has a picture of it. */
export interface ComparedItem {
  prompt: string;
  seed: number;
  category?: string | undefined;
}

/** One judge's scores, and how many of its points are a tie on the scale that it goes by. */
export interface JudgedArms {
  /** In their order; the first is what it goes by. */
  scales: readonly string[];
  /** [model][item], by scale. */
  scores: readonly (readonly Readonly<Record<string, number>>[])[];
  tieMargin: number;
}

/** Of one scale, model b against model a. */
export interface Compared extends DuelRate {
  /** b's score less a's, item by item. */
  gain: Spread;
  /** The same in deviations of a within a prompt; null with one seed a prompt. */
  deviations: PairedGain | null;
  /** b against a's pictures of other seeds, ties half; null with one seed a prompt. */
  otherSeeds: { rate: number; interval: Interval | null } | null;
}

export interface ScaleFigures {
  /** Of each model. */
  spreads: Spread[];
  /** Every model against those before it. */
  comparisons: Compared[];
  strengths: Strength[] | null;
}

/** By the judge's scales. */
export function armFigures(
  items: readonly ComparedItem[],
  { scales, scores, tieMargin }: JudgedArms,
): Record<string, ScaleFigures> {
  const prompts = [...new Set(items.map(({ prompt }) => prompt))];
  const itemsOf = prompts.map((prompt) => items.flatMap((item, at) => (item.prompt === prompt ? at : [])));
  const bootstrap = new Bootstrap(prompts.length);
  return Object.fromEntries(
    scales.map((scale, at) => {
      const of = (model: number, item: number): number => scores[model]![item]![scale]!;
      const grouped = scores.map((_, model) => itemsOf.map((group) => group.map((item) => of(model, item))));
      const margin = at === 0 ? tieMargin : 0;
      const judged = items.flatMap(({ prompt, category }, item) =>
        scores.flatMap((__, b) =>
          Array.from({ length: b }, (___, a): Judged => {
            const gain = of(b, item) - of(a, item);
            const outcome = Math.abs(gain) <= margin ? 'tie' : gain > 0 ? 'win' : 'loss';
            return { a, b, outcome, prompt, category };
          }),
        ),
      );
      const { duels, strengths } = duelFigures(scores.length, judged);
      return [
        scale,
        {
          spreads: grouped.map((values) => spreadOf(values, bootstrap)),
          strengths,
          comparisons: duels.map((duel): Compared => ({
            ...duel,
            gain: spreadOf(
              itemsOf.map((group) => group.map((item) => of(duel.b, item) - of(duel.a, item))),
              bootstrap,
            ),
            deviations: pairedGain(grouped[duel.a]!, grouped[duel.b]!, bootstrap),
            otherSeeds: otherSeedRate(grouped[duel.a]!, grouped[duel.b]!, bootstrap),
          })),
        },
      ];
    }),
  );
}
