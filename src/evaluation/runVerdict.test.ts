import { describe, expect, it } from 'vitest';
import type { Look, LookFigures, RunRecord } from '../records/runs.ts';
import { presets } from '../training/presets.ts';
import { type RunFacts, runVerdict, verdictRules } from './runVerdict.ts';

const figures = (changes: Partial<LookFigures> = {}): LookFigures => {
  const one = { pairs: 20, right: 18, margin: 0.8, winnerError: 0.99, ...changes };
  return { loss: Math.log1p(Math.exp(-one.margin)), ...one };
};
const look = (step: number, heldOut: Partial<LookFigures> = {}, training: Partial<LookFigures> = {}): Look => ({
  step,
  draws: 4,
  heldOut: figures(heldOut),
  training: figures({ right: 20, margin: 1, ...training }),
});
const facts = (run: Partial<RunRecord> = {}, more: Partial<RunFacts> = {}): RunFacts => ({
  run: {
    config: presets[1]!.config,
    pairs: Array.from({ length: 200 }, () => ({ pair: 'p', prompt: 'p', winnerLatents: 'a', loserLatents: 'b' })),
    step: 120,
    status: 'finished',
    ...run,
  },
  nothingHeldOut: null,
  ...more,
});
const heldOut = (...looks: Look[]): Partial<RunRecord> => ({ looks });
const luck = { right: 11 };

/** For each rule a run of which it speaks, and what of it. */
const cases: Record<string, [RunFacts, RegExp]> = {
  ended: [facts({ ended: { by: 'early stop', step: 50, words: 'It ended.' } }), /^It ended\.$/],
  solved: [
    facts({
      solved: [
        { step: 50, pairs: ['a', 'b'] },
        { step: 75, pairs: ['c'] },
      ],
      config: { ...presets[1]!.config, solvedMargin: 3 },
    }),
    /left out 3 pairs that it was sure of \(a margin of 3 or more\), between step 50 and step 75/,
  ],
  setbacks: [facts({ setbacks: [{ at: '', step: 50, to: 25, words: 'It went back.' }] }), /^It went back\.$/],
  'nothing held out': [facts({}, { nothingHeldOut: 'There are 7.' }), /not known\. There are 7\./],
  learned: [facts(heldOut(look(100))), /18 of 20 right at step 100 \(70 % to 97 %, beyond luck\)/],
  against: [facts(heldOut(look(100, { right: 3, margin: -1 }))), /opposite of what you do: 3 of 20/],
  unsure: [
    facts(heldOut(look(100, luck))),
    /11 of 20 were right at step 100: that could still be luck \(34 % to 74 %\)/,
  ],
  'better than the start': [
    facts(heldOut(look(50), look(100, { margin: 0.2 }))),
    /from 0 to \+0\.80, .* to \+1\.00; later looks were no better, so take the checkpoint of step 50/,
  ],
  'no better than the start': [facts(heldOut(look(50, { margin: -0.2, ...luck }))), /No checkpoint was better/],
  drifted: [facts(heldOut(look(100, { winnerError: 1.2 }))), /20 % worse than before/],
  stayed: [facts(heldOut(look(100))), /as well as before \(1 % better\)/],
  'stopped by a person': [facts({ status: 'stopped', step: 30 }), /resume it, it has taken 30 of 100 steps/],
  'lower the rate': [
    facts({ ended: { by: 'drift guard', step: 30, words: '' } }),
    /lower the learning rate or raise beta/,
  ],
  'raise beta': [facts(heldOut(look(100, { winnerError: 1.2 }))), /raise beta/],
  'look through the labels': [facts(heldOut(look(100, { right: 3, margin: -1 }))), /look through the labels/],
  'hold pairs out': [
    facts({ config: { ...presets[1]!.config, heldOut: 0 } }),
    /compare it blind with the base, and hold pairs out in the next run/,
  ],
  'label more prompts': [facts({}, { nothingHeldOut: 'They are of one prompt.' }), /label pairs of more prompts/],
  'label until pairs are held out': [
    facts({ pairs: facts().run.pairs.slice(0, 19) }, { nothingHeldOut: 'There are 19.' }),
    /label more than these 19 pairs/,
  ],
  'doubt the labels': [
    facts(heldOut(look(100, luck, { right: 12 })), { selfAgreement: 0.7 }),
    /preset “Labels in doubt”\. You agree with yourself 70 % of the time/,
  ],
  'by heart': [
    facts(heldOut(look(100, { ...luck, margin: 0.1 }, { margin: 3 }))),
    /knows those it trained on by heart/,
  ],
  'as good as the person': [facts(heldOut(look(100)), { selfAgreement: 0.85 }), /agree with yourself 85 % of the time/],
  'train for longer': [facts(heldOut(look(50, { margin: 0.4 }), look(100))), /still getting better/],
  'lower beta': [
    facts(heldOut(look(100, { ...luck, margin: 0.01, winnerError: 0.999 }, { right: 12, margin: 0.02 }))),
    /hardly moved/,
  ],
  'label more': [facts(heldOut(look(100, luck, { right: 12 }))), /more to be checked on/],
  'next round': [facts(heldOut(look(100), look(120, { margin: 0.79 }))), /compare step 100 blind/],
};

describe('the verdict on a run', () => {
  it.each(verdictRules.map(({ name }) => name))('says by the rule: %s', (name) => {
    const [of, words] = cases[name]!;
    const said = runVerdict(of).find(({ rule }) => rule === name);
    expect(said?.text).toMatch(words);
  });

  it('says one thing of each group, in order, and what to do last', () => {
    const groups = runVerdict(facts(heldOut(look(50), look(100)))).map(({ group }) => group);
    expect(groups).toEqual(['learned', 'margin', 'drift', 'next']);
    expect(runVerdict(facts()).map(({ group }) => group)).toEqual(['learned', 'next']);
  });

  it('does not say of checkpoints that drifted that they were no better', () => {
    const said = runVerdict(facts(heldOut(look(50, { winnerError: 1.5 }))));
    const of = (group: string): string | undefined => said.find((one) => one.group === group)?.text;
    expect(of('learned')).toMatch(/beyond luck/);
    expect(of('margin')).toMatch(/better on held-out pairs .* has drifted too far/);
    const wronglySure = { ...look(50).heldOut, loss: 0.8, winnerError: 0.99 };
    const torn = runVerdict(facts({ looks: [{ ...look(50), heldOut: wronglySure }] }));
    expect(torn.find(({ group }) => group === 'learned')?.text).toMatch(/beyond luck/);
    expect(torn.find(({ group }) => group === 'margin')?.text).toMatch(/surer than where it is right/);
  });

  it('does not call worse what is as well as before', () => {
    const drift = (winnerError: number): string | undefined =>
      runVerdict(facts(heldOut(look(100, { winnerError })))).find(({ group }) => group === 'drift')?.text;
    expect(drift(1.09)).toMatch(/nearly as well as before \(9 % worse\)/);
    expect(drift(1.001)).toMatch(/as well as before\.$/);
  });

  it('does not ask for more labels where what is missing is something else', () => {
    const many = facts().run.pairs;
    expect(many.length).toBeGreaterThan(100);
    const none = facts({ config: { ...presets[1]!.config, heldOut: 0 } });
    expect(runVerdict(none).at(-1)?.text).not.toMatch(/label more/);
  });

  it('does not call it hardly moved where a small beta makes margins small', () => {
    const small = { right: 12, margin: 0.02, winnerError: 0.98 };
    expect(runVerdict(facts(heldOut(look(100, small, small)))).at(-1)?.rule).toBe('label more');
  });

  it('does not tell a person to stop whose own agreement nobody knows', () => {
    const said = runVerdict(facts(heldOut(look(100)), { selfAgreement: Number.NaN }));
    expect(said.at(-1)?.rule).not.toBe('as good as the person');
  });
});
