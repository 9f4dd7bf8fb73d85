/** A run's looks at its held-out pairs, for people: in words, and as parts of a report. */
import type { Look, LookFigures } from '../records/runs.ts';
import { accuracyOf, bestLook } from './looks.ts';
import type { ReportBlock } from './report.ts';
import { wilsonInterval } from './wilson.ts';

/** Wilson's, 95 %. */
export const accuracyInterval = ({ right, pairs }: LookFigures): [low: number, high: number] =>
  wilsonInterval(right, pairs);

/** For people, where no look is the best one: each was no better than the start, or had drifted. How many it has right is another matter, so it is said
 *  what of them was no better. */
export function noBestInWords(looks: readonly Look[]): string {
  if (looks.some(({ heldOut }) => heldOut.loss < Math.LN2))
    return 'Every checkpoint that is better on held-out pairs than the model it came from has drifted too far to be taken.';
  const last = looks.at(-1);
  return last && accuracyInterval(last.heldOut)[0] > 0.5
    ? 'No checkpoint is to be preferred to the model it came from: where one is wrong about a held-out pair, it is surer than where it is right.'
    : 'No checkpoint was better on held-out pairs than the model it came from.';
}

const percent = (share: number): string => `${Math.round(100 * share)} %`;

/** For people, in one line: `held-out 8 of 10 right (80 %, 49 to 94 %), margin +0.41; training 9 of 10, margin +0.60`. */
export function lookInWords({ heldOut, training }: Look): string {
  const [low, high] = accuracyInterval(heldOut);
  return `held-out ${heldOut.right} of ${heldOut.pairs} right (${percent(accuracyOf(heldOut))}, ${Math.round(100 * low)} to ${percent(high)}), margin ${signed(heldOut.margin)}; training ${training.right} of ${training.pairs}, margin ${signed(training.margin)}`;
}

const signed = (value: number): string => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(2)}`;

/** For a report: accuracy of the look that counts with its interval, and all looks as lines. */
export function lookBlocks(looks: readonly Look[] = []): ReportBlock[] {
  const shown = bestLook(looks) ?? looks.at(-1);
  if (!shown) return [];
  const series = (value: (figures: LookFigures) => number): Extract<ReportBlock, { kind: 'lines' }>['series'] => [
    { label: 'held out', points: looks.map(({ step, heldOut }) => ({ x: step, y: value(heldOut) })) },
    { label: 'training', points: looks.map(({ step, training }) => ({ x: step, y: value(training) })) },
  ];
  return [
    {
      kind: 'share',
      label: `Right on ${shown.heldOut.pairs} held-out pairs, step ${shown.step}, ${shown.draws} draws`,
      rate: accuracyOf(shown.heldOut),
      interval: accuracyInterval(shown.heldOut),
    },
    {
      kind: 'lines',
      title: 'Right',
      xLabel: 'step',
      mark: { value: 0.5, label: 'chance' },
      series: series(accuracyOf),
    },
    {
      kind: 'lines',
      title: 'Implicit margin',
      xLabel: 'step',
      mark: { value: 0, label: 'the start' },
      series: series(({ margin }) => margin),
    },
  ];
}
