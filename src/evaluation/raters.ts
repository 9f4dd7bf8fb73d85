/** What is to be known of the raters of a set of pairs: each one's labels, side bias and self-agreement, and how far they agree with one another. */
import { countLabels, type LabelCounts, type LabelState, type RaterLabels } from '../data/labels.ts';
import { type Agreement, cohensKappa, krippendorffsAlpha } from './agreement.ts';
import type { ReportBlock } from './report.ts';
import { type SelfAgreement, sayingOf, selfAgreement } from './selfAgreement.ts';
import { wilsonInterval } from './wilson.ts';

export interface RaterFigures extends LabelCounts {
  /** records/raters.ts. */
  by: string;
  /** How often the left side was chosen where one was: about one half, as sides are shuffled. NaN, [0, 1] where none was. */
  leftShare: { rate: number; interval: [low: number, high: number] };
  self: SelfAgreement;
}

export interface RatersFigures {
  raters: RaterFigures[];
  /** What the labels come to, pair by pair. */
  merged: LabelCounts;
  /** Pairs of which several raters said something and did not say the same. */
  disputed: number;
  /** Among all who labelled: for two Cohen's kappa, for more Krippendorff's alpha; null for fewer. Skips count as nothing said. */
  agreement: (Agreement & { statistic: 'kappa' | 'alpha' }) | null;
  /** Of every two raters who have judged the same pairs; most of them first. */
  pairwise: (Agreement & { a: string; b: string })[];
}

/** Of this many raters, those with most labels, every two are compared: more is nothing that anybody reads. */
const MAX_COMPARED = 6;

export function ratersFigures({ byRater, byPair }: LabelState): RatersFigures {
  const raters = [...byRater].filter(([, { given }]) => given.length > 0);
  const said = raters.map(([by, labels]) => [by, sayings(labels)] as const);
  const units = new Map<string, string[]>();
  for (const [, of] of said)
    for (const [pair, what] of of) {
      const others = units.get(pair);
      if (others) others.push(what);
      else units.set(pair, [what]);
    }
  const most = new Set(said.toSorted(([, a], [, b]) => b.size - a.size).slice(0, MAX_COMPARED));
  const compared = said.filter((one) => most.has(one));
  const pairwise = compared
    .flatMap(([a, ofA], i) => compared.slice(i + 1).map(([b, ofB]) => ({ ...cohensKappa(shared(ofA, ofB)), a, b })))
    .filter((one) => one.units > 0)
    .sort((one, other) => other.units - one.units);
  return {
    raters: raters.map(([by, labels]) => raterFigures(by, labels)),
    merged: countLabels(byPair),
    disputed: [...units.values()].filter((all) => new Set(all).size > 1).length,
    agreement:
      said.length < 2
        ? null
        : said.length === 2
          ? { statistic: 'kappa', ...cohensKappa(shared(said[0]![1], said[1]![1])) }
          : { statistic: 'alpha', ...krippendorffsAlpha([...units.values()]) },
    pairwise,
  };
}

const sayings = ({ byPair }: RaterLabels): Map<string, string> =>
  new Map([...byPair.values()].filter(({ answer }) => answer !== 'skip').map((label) => [label.pair, sayingOf(label)]));

const shared = (a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): [string, string][] =>
  [...a].flatMap(([pair, what]) => (b.has(pair) ? [[what, b.get(pair)!]] : []));

function raterFigures(by: string, labels: RaterLabels): RaterFigures {
  const counts = countLabels(labels.byPair);
  const { left, usable } = counts;
  return {
    by,
    ...counts,
    leftShare: { rate: left / usable, interval: wilsonInterval(left, usable) },
    self: selfAgreement(labels),
  };
}

export const agreementTitles = { kappa: "Cohen's kappa", alpha: "Krippendorff's alpha" } as const;

const share = (rate: number): string => (Number.isNaN(rate) ? '-' : `${Math.round(100 * rate)} %`);
const range = ([low, high]: readonly [number, number], print: (value: number) => string): string =>
  `${print(low)} to ${print(high)}`;

/** `0.61 (0.42 to 0.77)` */
export const printAgreement = ({ value, interval }: Agreement): string =>
  Number.isNaN(value)
    ? 'not defined'
    : `${value.toFixed(2)}${interval ? ` (${range(interval, (one) => one.toFixed(2))})` : ''}`;

/** `54 % (41 to 66 %)`: a share with its interval; `-` where nothing was counted. */
export const printShareOf = ({ rate, interval }: { rate: number; interval: readonly [number, number] }): string =>
  Number.isNaN(rate) ? '-' : `${share(rate)} (${Math.round(100 * interval[0])} to ${Math.round(100 * interval[1])} %)`;

/** For the report. @param nameOf as people know them. */
export function ratersBlocks(
  { raters, merged, disputed, agreement, pairwise }: RatersFigures,
  nameOf: (by: string) => string,
): ReportBlock[] {
  if (raters.length === 0) return [{ kind: 'text', text: 'Nothing is labelled.' }];
  const blocks: ReportBlock[] = [
    {
      kind: 'table',
      head: ['', 'Labels', 'Usable', 'Ties', 'Both bad', 'Skipped', 'Left chosen (95 %)', 'Agrees with itself (95 %)'],
      rows: [
        ...raters.map(({ by, labels, usable, tie, bothBad, skip, leftShare, self }) => [
          nameOf(by),
          ...[labels, usable, tie, bothBad, skip].map(String),
          printShareOf(leftShare),
          self.n === 0 ? '-' : `${printShareOf(self)} of ${self.n}`,
        ]),
        ...(raters.length > 1
          ? [
              [
                'Together',
                ...[merged.labels, merged.usable, merged.tie, merged.bothBad, merged.skip].map(String),
                '',
                '',
              ],
            ]
          : []),
      ],
    },
  ];
  if (agreement && agreement.units > 0)
    blocks.push({
      kind: 'text',
      text: `${agreementTitles[agreement.statistic]}: ${printAgreement(agreement)} over ${agreement.units} pairs that several judged; on ${disputed} they do not say the same. An answer that more than half of a pair's raters give counts, else it is a tie.`,
    });
  if (pairwise.length > 1)
    blocks.push({
      kind: 'table',
      head: ['Two raters', "Cohen's kappa (95 %)", 'Pairs'],
      rows: pairwise.map((one) => [`${nameOf(one.a)}, ${nameOf(one.b)}`, printAgreement(one), String(one.units)]),
    });
  return blocks;
}
