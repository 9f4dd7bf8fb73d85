import { afterEach, expect, it } from 'vitest';
import { readLabels } from '../../data/labels.ts';
import { signature } from '../../judges/judge.ts';
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
      scoreReadable: (judge: string, items: { file: string }[]) => {
        asked.push(judge);
        return { scores: items.map(({ file }) => ({ score: value[/([pqr][01])\.png$/.exec(file)![1]!]! })), lost: [] };
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

it('leaves a pair out whose picture is gone, says so, and labels it once the picture is back', async () => {
  let gone = /q1\.png$/;
  await openStudio({
    engine: {
      scoreReadable: (_judge: string, items: { file: string }[]) => ({
        scores: items.map(({ file }) => (gone.test(file) ? null : { score: file.endsWith('0.png') ? 1 : 0 })),
        lost: items.flatMap(({ file }) => (gone.test(file) ? { file, message: `There is no file ${file}.` } : [])),
      }),
    },
  });
  const studio = useStudio.getState;
  studio().addPairs(['p', 'q', 'r', 's', 't'].map((id) => pairOf(id)));
  const label = () => studio().labelBy({ place: 'judges/taste', info }, 'score', 'taste', 0);
  const labelled = () => [...studio().labels.byRater.get('taste')!.byPair.keys()];
  await label();
  expect(labelled()).toEqual(['p', 'r', 's', 't']);
  expect(await readLabels(await db())).toHaveLength(4);
  expect(studio()).toMatchObject({ judging: null, labelProblem: { name: 'NotFound' } });
  expect(studio().labelProblem!.message).toMatch(/^One pair was left out.*There is no file .*q1\.png/);
  gone = /nothing/;
  await label();
  expect(labelled()).toEqual(['p', 'r', 's', 't', 'q']);
  expect(studio().labelProblem).toBeNull();
});

it('goes by the scale that is asked for, and signs by it', async () => {
  await openStudio({
    engine: {
      scoreReadable: (_judge: string, items: { file: string }[]) => ({
        scores: items.map(({ file }) => {
          const first = file.endsWith('0.png');
          return { score: first ? 1 : 0, alignment: first ? 0 : 1 };
        }),
        lost: [],
      }),
    },
  });
  useStudio.getState().addPairs([pairOf('p')]);
  const both: JudgeInfo = {
    ...info,
    scales: [...info.scales, { name: 'alignment', title: 'Prompt alignment', needs: ['image', 'prompt'] }],
  };
  const { labelBy } = useStudio.getState();
  for (const { name } of both.scales)
    await labelBy({ place: 'judges/taste', info: both }, name, signature(both, name), 0);
  const { byRater } = useStudio.getState().labels;
  const won = (signed: string): number => {
    const { answer, shownLeft } = byRater.get(signed)!.byPair.get('p')!;
    return answer === 'left' ? shownLeft : 1 - shownLeft;
  };
  expect([...byRater.keys()]).toEqual(['taste', 'taste alignment']);
  expect([won('taste'), won('taste alignment')]).toEqual([0, 1]);
});

it('asks once what of each prompt a judge does not read, and again of another judge in its place', async () => {
  const asked: string[][] = [];
  await openStudio({
    engine: {
      judgeCuts: (_place: string, prompts: string[]) => {
        asked.push(prompts);
        return prompts.filter((prompt) => prompt.length > 10).map((prompt) => ({ prompt, lost: prompt.slice(10) }));
      },
      deleteJudge: () => undefined,
    },
  });
  const { readJudgeCuts, deleteJudge } = useStudio.getState();
  const lost = () => [...(useStudio.getState().judgeLost['judges/taste'] ?? [])];
  await readJudgeCuts('judges/taste', ['short', 'much too long']);
  await readJudgeCuts('judges/taste', ['much too long', '__proto__']);
  expect(asked).toEqual([['short', 'much too long'], ['__proto__']]);
  expect(lost()).toEqual([
    ['short', ''],
    ['much too long', 'ong'],
    ['__proto__', ''],
  ]);
  await deleteJudge('taste');
  expect(lost()).toEqual([]);
});
