import { agreementTitles, printAgreement, printShareOf, ratersFigures } from '../../evaluation/raters.ts';
import { absolute } from '../arguments.ts';
import { appendRecords, readLabels, readPairs, readRecords } from '../records.ts';
import { labelKind } from '../../records/kinds.ts';
import { distinctBy } from '../../shared/arrays.ts';
import { table } from '../terminal.ts';
import { defineVerb } from '../verb.ts';

export const raters = defineVerb({
  name: 'raters',
  summary: 'who labelled pairs, how far they agree, and what their labels come to',
  positionals: ['PAIRS', '[LABELS]...'],
  options: {
    out: { kind: 'text', value: 'FILE', help: 'label file that all events are put together in, each once' },
  },
  notes: [
    'LABELS are label files or folders with one, of one rater or of several (default: PAIRS/labels.jsonl). What trains is what they come to:',
    'people count before what came with a data set, and that before judges; of several the answer that more than half of them give, else a tie.',
    "Agreement is Cohen's kappa between two raters and Krippendorff's alpha (nominal) among more, with a bootstrap over the pairs for an interval.",
  ],
  example: 'pairs ann.jsonl bo.jsonl --out pairs/labels.jsonl',
  async run([folder, ...labels], values, terminal) {
    const say = (text: string): void => terminal.note(text);
    const pairs = readPairs(folder!, say);
    const ids = new Set(pairs.map(({ id }) => id));
    const { events, byRater, byPair } = readLabels(labels.length > 0 ? labels : folder!, say);
    const ofOthers = [...byPair.keys()].filter((id) => !ids.has(id)).length;
    const figures = ratersFigures({ byRater, byPair });
    let added: number | undefined;
    const out = values.out === undefined ? undefined : absolute(values.out);
    if (out !== undefined) {
      const known = new Set(readRecords(out, labelKind, say).map(({ id }) => id));
      const missing = distinctBy(events, ({ id }) => id).filter(({ id }) => !known.has(id));
      appendRecords(out, missing, say);
      added = missing.length;
    }
    const { agreement, pairwise, disputed } = figures;
    const text = [
      table([
        ['', 'labels', 'usable', 'ties', 'both bad', 'skipped', 'left chosen (95 %)', 'agrees with itself (95 %)'],
        ...figures.raters.map((one) => [
          one.by,
          ...[one.labels, one.usable, one.tie, one.bothBad, one.skip].map(String),
          printShareOf(one.leftShare),
          one.self.n === 0 ? '-' : `${printShareOf(one.self)} of ${one.self.n}`,
        ]),
      ]),
      '',
      ...(agreement
        ? [
            `${agreementTitles[agreement.statistic]} ${printAgreement(agreement)} over ${agreement.units} pairs; ${disputed} disputed.`,
          ]
        : ['One rater: nobody to agree with.']),
      ...(pairwise.length > 1
        ? [
            '',
            table([
              ['two raters', 'kappa (95 %)', 'pairs'],
              ...pairwise.map((one) => [`${one.a}, ${one.b}`, printAgreement(one), String(one.units)]),
            ]),
          ]
        : []),
      `${byPair.size} of ${pairs.length} pairs are labelled: ${figures.merged.usable} with a preference, ${figures.merged.tie} ties.`,
      ...(ofOthers > 0 ? [`${ofOthers} labelled pairs are not in ${folder}.`] : []),
      ...(out === undefined ? [] : [`${added} events added to ${out}.`]),
    ].join('\n');
    return { json: { pairs: pairs.length, ofOthers, ...figures, ...(out !== undefined && { out, added }) }, text };
  },
});
