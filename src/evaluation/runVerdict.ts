/** What a run came to, in plain words: what improved, by how much, how sure, what to do next. Each sentence is a rule's; the first of each group that
 *  has something to say says it. */
import { type Look, type LookFigures, type RunRecord, solvedInWords } from '../records/runs.ts';
import { MIN_PAIRS } from '../data/heldOut.ts';
import { accuracyOf, bestLook } from './looks.ts';
import { accuracyInterval, noBestInWords } from './lookWords.ts';

export interface RunFacts {
  run: Pick<RunRecord, 'looks' | 'ended' | 'setbacks' | 'solved' | 'config' | 'pairs' | 'step' | 'status'>;
  /** Why it holds nothing out, in a sentence. */
  nothingHeldOut: string | null;
  /** How often whoever judged agrees with themselves, shown a pair again; NaN or left out where that is not known. */
  selfAgreement?: number | undefined;
}

export type Group = 'ended' | 'learned' | 'margin' | 'solved' | 'drift' | 'next';

interface Facts extends RunFacts {
  looks: readonly Look[];
  best: Look | undefined;
  /** The best look, or the last one where none is better than the start. */
  shown: Look | undefined;
}

type Rule = (facts: Facts) => string | null;

const percent = (share: number): string => `${Math.round(100 * share)} %`;
const signed = (value: number): string => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(2)}`;
const counted = ({ right, pairs }: LookFigures): string => `${right} of ${pairs}`;
const range = (figures: LookFigures): string => accuracyInterval(figures).map(percent).join(' to ');

/** Above it winners are drawn noticeably worse. */
const DRIFTED = 1.1;
/** Margins below say that the model has hardly moved, if the winners' errors have not either: a small beta's margins are always small. */
const HARDLY = 0.1;
const SAME_ERROR = 0.005;
/** Below it a quarter of somebody's labels may be the wrong way round. */
const DOUBTFUL = 0.8;
const isSure = (figures: LookFigures): boolean => accuracyInterval(figures)[0] > 0.5;
const isAgainst = (figures: LookFigures): boolean => accuracyInterval(figures)[1] < 0.5;
/** By heart: right about what it trained on, not about what it did not. */
const byHeart = ({ heldOut, training }: Look): boolean =>
  !isSure(heldOut) &&
  accuracyOf(training) - accuracyOf(heldOut) >= 0.25 &&
  training.margin > 2 * Math.abs(heldOut.margin);
/** Beside the start, whose error over the reference's is 1. */
function howWell(worse: number): string {
  const share = percent(Math.abs(worse));
  if (share === '0 %') return 'as well as before';
  return worse < 0 ? `as well as before (${share} better)` : `nearly as well as before (${share} worse)`;
}
const decidedOf = ({ pairs }: RunFacts['run']): number => pairs.filter(({ strength }) => strength !== 'tie').length;
const isLast = ({ looks, best }: Facts): boolean => best !== undefined && best === looks.at(-1);

export const verdictRules: readonly { name: string; group: Group; says: Rule }[] = [
  { name: 'ended', group: 'ended', says: ({ run }) => run.ended?.words ?? null },
  { name: 'solved', group: 'solved', says: ({ run }) => solvedInWords(run) },
  { name: 'setbacks', group: 'ended', says: ({ run }) => run.setbacks?.at(-1)?.words ?? null },
  {
    name: 'nothing held out',
    group: 'learned',
    says: ({ looks, nothingHeldOut }) =>
      looks.length === 0
        ? `Whether it learned your taste or only these pairs is not known. ${nothingHeldOut ?? 'No look at held-out pairs was taken.'}`
        : null,
  },
  {
    name: 'learned',
    group: 'learned',
    says: ({ shown }) =>
      shown && isSure(shown.heldOut)
        ? `It prefers what you prefer in pairs that it never saw: ${counted(shown.heldOut)} right at step ${shown.step} (${range(shown.heldOut)}, beyond luck).`
        : null,
  },
  {
    name: 'against',
    group: 'learned',
    says: ({ shown }) =>
      shown && isAgainst(shown.heldOut)
        ? `In pairs that it never saw it prefers the opposite of what you do: ${counted(shown.heldOut)} right at step ${shown.step} (${range(shown.heldOut)}).`
        : null,
  },
  {
    name: 'unsure',
    group: 'learned',
    says: ({ shown }) =>
      shown
        ? `In pairs that it never saw ${counted(shown.heldOut)} were right at step ${shown.step}: that could still be luck (${range(shown.heldOut)}).`
        : null,
  },
  {
    name: 'better than the start',
    group: 'margin',
    says: ({ best, looks }) =>
      best
        ? `Its margin on them went from 0 to ${signed(best.heldOut.margin)}, on pairs that it trained on to ${signed(best.training.margin)}${best === looks.at(-1) ? '' : `; later looks were no better, so take the checkpoint of step ${best.step}`}.`
        : null,
  },
  {
    name: 'no better than the start',
    group: 'margin',
    says: ({ best, looks }) => (!best && looks.length > 0 ? noBestInWords(looks) : null),
  },
  {
    name: 'drifted',
    group: 'drift',
    says: ({ shown }) =>
      shown && shown.heldOut.winnerError > DRIFTED
        ? `The pictures you preferred it draws ${percent(shown.heldOut.winnerError - 1)} worse than before.`
        : null,
  },
  {
    name: 'stayed',
    group: 'drift',
    says: ({ shown }) =>
      shown ? `It still draws the pictures you preferred ${howWell(shown.heldOut.winnerError - 1)}.` : null,
  },
  {
    name: 'stopped by a person',
    group: 'next',
    says: ({ run }) =>
      run.status === 'stopped' ? `Next: resume it, it has taken ${run.step} of ${run.config.steps} steps.` : null,
  },
  {
    name: 'lower the rate',
    group: 'next',
    says: ({ run, best }) =>
      run.ended?.by === 'drift guard' && !best
        ? 'Next: lower the learning rate or raise beta, and look through the most disputed labels.'
        : null,
  },
  {
    name: 'raise beta',
    group: 'next',
    says: ({ shown }) =>
      shown && shown.heldOut.winnerError > DRIFTED ? 'Next: raise beta, or lower the learning rate.' : null,
  },
  {
    name: 'look through the labels',
    group: 'next',
    says: ({ shown }) =>
      shown && isAgainst(shown.heldOut)
        ? 'Next: look through the labels, the most disputed first: some may be the wrong way round.'
        : null,
  },
  {
    name: 'hold pairs out',
    group: 'next',
    says: ({ looks, run }) =>
      looks.length === 0 && run.config.heldOut === 0 && decidedOf(run) >= MIN_PAIRS
        ? 'Next: compare it blind with the base, and hold pairs out in the next run.'
        : null,
  },
  {
    name: 'label more prompts',
    group: 'next',
    says: ({ looks, run, nothingHeldOut }) =>
      looks.length === 0 && nothingHeldOut !== null && decidedOf(run) >= MIN_PAIRS
        ? 'Next: label pairs of more prompts, so that some can be held out, and compare it blind with the base.'
        : null,
  },
  {
    name: 'label until pairs are held out',
    group: 'next',
    says: ({ looks, run }) =>
      looks.length === 0
        ? `Next: label more than these ${run.pairs.length} pairs, and compare it blind with the base.`
        : null,
  },
  {
    name: 'doubt the labels',
    group: 'next',
    says: ({ shown, selfAgreement = Number.NaN }) =>
      shown && !isSure(shown.heldOut) && selfAgreement < DOUBTFUL
        ? `Next: try the preset “Labels in doubt”. You agree with yourself ${percent(selfAgreement)} of the time, so some labels are the wrong way round, and the model works hardest on those.`
        : null,
  },
  {
    name: 'by heart',
    group: 'next',
    says: ({ shown }) =>
      shown && byHeart(shown)
        ? 'Next: label more pairs. It knows those it trained on by heart, and the others no better than by chance.'
        : null,
  },
  {
    name: 'as good as the person',
    group: 'next',
    says: ({ shown, selfAgreement = Number.NaN }) =>
      shown && isSure(shown.heldOut) && accuracyOf(shown.heldOut) >= selfAgreement
        ? `Next: stop here. You agree with yourself ${percent(selfAgreement)} of the time, and it agrees with you as often.`
        : null,
  },
  {
    name: 'train for longer',
    group: 'next',
    says: (facts) => {
      const before = facts.looks.at(-2);
      return isLast(facts) && before && facts.best!.heldOut.loss < 0.97 * before.heldOut.loss
        ? 'Next: train for longer. It was still getting better at its last look.'
        : null;
    },
  },
  {
    name: 'lower beta',
    group: 'next',
    says: ({ shown }) =>
      shown &&
      Math.abs(shown.heldOut.margin) < HARDLY &&
      Math.abs(shown.training.margin) < HARDLY &&
      Math.abs(shown.heldOut.winnerError - 1) < SAME_ERROR
        ? 'Next: lower beta, raise the learning rate, or take more steps: it has hardly moved.'
        : null,
  },
  {
    name: 'label more',
    group: 'next',
    says: ({ shown }) =>
      shown && !isSure(shown.heldOut)
        ? 'Next: label more pairs, so that it has more to learn from and more to be checked on.'
        : null,
  },
  {
    name: 'next round',
    group: 'next',
    says: ({ shown }) =>
      shown ? `Next: compare step ${shown.step} blind with the base, or go on with pairs that it draws.` : null,
  },
];

export interface Sentence {
  rule: string;
  group: Group;
  text: string;
}

const groups: readonly Group[] = ['ended', 'learned', 'margin', 'solved', 'drift', 'next'];

export function runVerdict(facts: RunFacts): Sentence[] {
  const { looks = [] } = facts.run;
  const best = bestLook(looks);
  const all: Facts = { ...facts, looks, best, shown: best ?? looks.at(-1) };
  return groups.flatMap((group) => {
    for (const { name, says } of verdictRules.filter((rule) => rule.group === group)) {
      const text = says(all);
      if (text !== null) return [{ rule: name, group, text }];
    }
    return [];
  });
}
