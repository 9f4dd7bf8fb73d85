/** What a report says of judged models: words that agree with their figures, and no figure that is none. */
import { expect, it } from 'vitest';
import { armFigures } from './armFigures.ts';
import { judgedSections } from './judgedReport.ts';
import { reportHtml } from './report.ts';

const items = ['a cat', 'a dog', 'a fox'].flatMap((prompt) =>
  [1, 2].map((seed) => ({ prompt, seed, category: prompt.slice(2) })),
);

/** @param lead of each model, in points, over pictures that differ by their seeds alone. */
const report = (lead: readonly number[]): string => {
  const scores = lead.map((points) => items.map(({ seed }) => ({ appeal: seed + points })));
  return reportHtml({
    title: '',
    subtitle: '',
    sections: judgedSections({
      names: lead.map((_, i) => `model ${i}`),
      items,
      tieMargin: 0,
      diversity: null,
      judged: [
        {
          judge: { title: 'PickScore', kind: 'winnow-scorer', scales: [{ name: 'appeal', title: 'Appeal' }] },
          labelled: [],
          figures: armFigures(items, { scales: ['appeal'], scores, tieMargin: 0 }),
        },
      ],
    }),
  });
};

it('says of a gain whose deviations it is in, and of a loss that it is one', () => {
  const html = report([0, 1, -1]);
  expect(html).toContain('Within a prompt its score is 1.41 deviations of the base higher');
  expect(html).toContain('best of 8 pictures of the base');
  expect(html).toContain('Within a prompt its score is 1.41 deviations of the base lower');
  expect(html).toContain('Within a prompt its score is 2.83 deviations of model 1 lower');
  expect(html).toContain('in deviations of model 1');
});

it('names a judge as it is named', () => {
  const html = report([0, 1, -1]);
  expect(html).toContain('By PickScore, appeal; ties count half for each.');
  expect(html).not.toContain('pickscore');
});

it('says that nothing was decided where all are ties', () => {
  const html = report([0, 0]);
  expect(html).toContain('All 6 comparisons were ties. No difference was seen.');
  expect(html).toContain('none decided');
  expect(html).not.toMatch(/NaN|Infinity|-0\.00|undefined/);
});
