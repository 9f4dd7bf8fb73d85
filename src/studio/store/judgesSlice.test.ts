import { afterEach, expect, it } from 'vitest';
import { readLabels } from '../../data/labels.ts';
import type { JudgeInfo } from '../../service/types.ts';
import { db } from './services.ts';
import { closeStudio, openStudio, pairOf } from './testStudio.ts';
import { useStudio } from './useStudio.ts';

afterEach(closeStudio);

const info: JudgeInfo = {
  name: 'taste',
  title: 'Taste',
  kind: 'onnx',
  from: 'folder',
  scales: [{ name: 'score', title: 'Score', needs: ['image'] }],
  imageSize: null,
  about: { purpose: '', weakness: '' },
};

it('a judge labels what it has not labelled, ties within the margin, apart from the person’s labels', async () => {
  const asked: string[] = [];
  const value: Record<string, number> = { p0: 1, p1: 3, q0: 2, q1: 2.05, r0: 5, r1: 4 };
  await openStudio({
    engine: {
      score: (judge: string, items: { file: string }[]) => {
        asked.push(judge);
        return items.map(({ file }) => ({ score: value[/([pqr][01])\.png$/.exec(file)![1]!]! }));
      },
    },
  });
  useStudio.getState().addPairs(['p', 'q', 'r'].map((id) => pairOf(id)));
  const { labelBy } = useStudio.getState();
  await labelBy({ place: 'judges/taste', info }, 'score', 'taste', 0.1);
  expect(useStudio.getState().labelProblem).toBeNull();
  expect(new Set(asked)).toEqual(new Set(['judges/taste']));
  const { byRater } = useStudio.getState().labels;
  const given = byRater.get('taste')!.byPair;
  const won = (id: string): number | null => {
    const { answer, shownLeft } = given.get(id)!;
    return answer === 'tie' ? null : answer === 'left' ? shownLeft : 1 - shownLeft;
  };
  expect(['p', 'q', 'r'].map(won)).toEqual([1, null, 0]);
  expect(byRater.has('person')).toBe(false);
  expect(await readLabels(await db())).toHaveLength(3);
  // Nothing twice.
  await labelBy({ place: 'judges/taste', info }, 'score', 'taste', 0.1);
  expect(useStudio.getState().labelEvents).toHaveLength(3);
  expect(useStudio.getState().judging).toBeNull();
});
