/** Judges on the Compare screen: what they say is figured as on the command line, of what every model has a picture of. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { armFigures } from '../../evaluation/armFigures.ts';
import { judgedSections } from '../../evaluation/judgedReport.ts';
import { Bootstrap } from '../../evaluation/bootstrap.ts';
import { cosineDistance, diversityOf } from '../../evaluation/diversity.ts';
import type { GenerateRequest, ImageRecord, JudgeInfo, ModelRef } from '../../service/types.ts';
import { testRun } from '../../service/testRuns.ts';
import { comparingJudges, unjudgedPictures } from './comparedScoresSlice.ts';
import { judgedComparison } from './judgedComparison.ts';
import { exportReport } from './takeAway.ts';
import { closeStudio, modelInfo, openStudio, studio } from './testStudio.ts';
import { useStudio } from './useStudio.ts';

const judge = (name: string, change: Partial<JudgeInfo> = {}): JudgeInfo => ({
  name,
  title: `Judge ${name}`,
  kind: 'winnow-scorer',
  from: 'model',
  scales: [{ name: 'appeal', title: 'Appeal', needs: ['image'] }],
  imageSize: null,
  about: { purpose: '', weakness: '' },
  ...change,
});
const [a, b] = [judge('a'), judge('b')];
const clip = judge('clip', {
  from: 'folder',
  kind: 'clip',
  title: 'A CLIP',
  embeds: true,
  scales: [{ name: 'alignment', title: 'Prompt alignment', needs: ['image', 'prompt'] }],
});
const base: ModelRef = { base: 'm', adapters: [] };
const run = testRun({ id: 'run', name: 'First run', model: base });
const tuned: ModelRef = { base: 'm', adapters: [{ kind: 'run', run: 'run', strength: 1 }] };
const other: ModelRef = { base: 'm', adapters: [{ kind: 'file', file: 'loras/style', strength: 1 }] };

/** The judge and the pictures of each call. */
let asked: { judge: string | null; files: string[] }[];
const prompts = ['a house by the sea', 'a cat', 'a tree on a hill'];
/** Some number of a picture: of its file. */
const valueOf = (file: string): number => [...file].reduce((sum, one) => (sum * 31 + one.charCodeAt(0)) % 997, 7) / 100;
const vectorOf = (file: string): Float32Array => Float32Array.of(valueOf(file), 1, valueOf(`${file}!`));

beforeEach(async () => {
  asked = [];
  let made = 0;
  await openStudio({
    engine: {
      models: () => [modelInfo('m', { judges: [a, b] })],
      runs: () => [run],
      storedJudges: () => [
        { id: 'clip', title: 'clip', complete: true, totalBytes: 1, place: 'judges/clip', info: clip, problem: null },
      ],
      modelHash: (ref: ModelRef) => JSON.stringify(ref.adapters),
      generate: (_job: string, { items, ...settings }: GenerateRequest): ImageRecord[] =>
        items.map((item) => {
          const id = `image${made++}`;
          const modelHash = JSON.stringify(settings.model.adapters);
          return { ...settings, ...item, id, modelHash, ranOn: 'engine', createdAt: '', file: `${id}.png` };
        }) as ImageRecord[],
      score: (name: string, items: { file: string; prompt: string }[]) => {
        asked.push({ judge: name, files: items.map(({ file }) => file) });
        const scale = name.endsWith('clip') ? 'alignment' : 'appeal';
        return items.map(({ file, prompt }) => ({ [scale]: valueOf(`${name} ${file} ${prompt}`) }));
      },
      features: (name: string | null, files: string[]) => {
        asked.push({ judge: `features of ${name}`, files });
        return files.map(vectorOf);
      },
      judgeCuts: (_name: string, all: string[]) => all.slice(0, 1).map((prompt) => ({ prompt, lost: 'the sea' })),
    },
  });
  await studio().readJudges();
  studio().setCompare({ compareA: base, compareB: tuned, comparePrompts: [...prompts, ''], compareSeeds: [1, 2] });
  await studio().makeComparison();
  expect(studio().compareProblem).toBeNull();
});

afterEach(closeStudio);

const names = () => comparingJudges(studio()).map(({ info }) => info.name);

it('is judged by who did not label what was trained on, until somebody chooses', async () => {
  expect(names()).toEqual(['b']);
  useStudio.setState({ runs: [{ ...run, pairs: run.pairs.map((pair) => ({ ...pair, raters: ['b'] })) }] });
  expect(names()).toEqual(['a']);
  studio().chooseCompareJudges(['b', 'judges/clip']);
  expect(names()).toEqual(['b', 'clip']);
  await studio().judgeComparison();
  const [ofB, ofClip] = judgedComparison(studio())!.judged;
  expect(ofB!.labelled.join()).toContain('Judge b labelled 1 of the 1 pairs of First run');
  expect(ofClip!.labelled).toEqual([]);
});

it('gives the figures of winnow evaluate, and asks for each score once', async () => {
  studio().chooseCompareJudges(['b', 'judges/clip']);
  expect(unjudgedPictures(studio())).toBe(24);
  expect(judgedComparison(studio())).toBeNull();
  await studio().judgeComparison();
  expect(studio().compareProblem).toBeNull();
  const found = judgedComparison(studio())!;
  expect(found.names).toEqual(['A · Base · m', 'B · First run']);
  expect(found.items.map(({ prompt, seed }) => [prompt, seed])).toEqual(
    prompts.flatMap((prompt) => [1, 2].map((seed) => [prompt, seed])),
  );
  const files = [0, 1].map((model) => found.items.map(({ images }) => images[model]!.file));
  for (const [i, [place, scale]] of [
    ['b', 'appeal'],
    ['judges/clip', 'alignment'],
  ].entries())
    expect(found.judged[i]!.figures).toEqual(
      armFigures(found.items, {
        scales: [scale!],
        scores: files.map((all) =>
          all.map((file, at) => ({ [scale!]: valueOf(`${place} ${file} ${found.items[at]!.prompt}`) })),
        ),
        tieMargin: 0,
      }),
    );
  // A tie is the first judge's alone, and the report says from where on.
  studio().setCompareTieMargin(1e6);
  const tied = judgedComparison(studio())!;
  expect(tied.judged[0]!.figures['appeal']!.comparisons[0]!.rate).toMatchObject({ wins: 0, losses: 0, ties: 6 });
  expect(tied.judged[1]).toEqual(found.judged[1]);
  expect(JSON.stringify(judgedSections(tied))).toContain('no further apart than 1000000 are a tie');
  studio().setCompareTieMargin(0);
  expect(judgedComparison(studio())).toEqual(found);
  // Diversity by the CLIP's embedding.
  const groups = [0, 2, 4];
  expect(found.diversity).toEqual({
    by: 'A CLIP',
    models: diversityOf(
      files.map((all) => groups.map((at) => [vectorOf(all[at]!), vectorOf(all[at + 1]!)])),
      new Bootstrap(3),
      cosineDistance,
    ),
  });
  const before = asked.length;
  expect(unjudgedPictures(studio())).toBe(0);
  await studio().judgeComparison();
  expect(asked).toHaveLength(before);

  // One more model: its pictures alone; and back to pixels where no judge has an embedding.
  studio().setCompare({ compareOthers: [other] });
  expect(judgedComparison(studio())).toBeNull();
  await studio().makeComparison();
  studio().chooseCompareJudges(['b']);
  await studio().judgeComparison();
  expect(new Set(asked.slice(before).flatMap(({ judge: who }) => who))).toEqual(new Set(['b', 'features of null']));
  expect(
    asked
      .slice(before)
      .filter(({ judge: who }) => who === 'b')
      .flatMap((one) => one.files),
  ).toHaveLength(6);
  const three = judgedComparison(studio())!;
  expect(three.names).toHaveLength(3);
  expect(three.diversity!.by).toBeNull();
  expect(three.judged[0]!.figures['appeal']!.strengths).toHaveLength(3);
});

it('keeps what was scored when it is stopped, and forgets it with the judge', async () => {
  const unsubscribe = useStudio.subscribe((state) => {
    if (state.comparedJudging?.done === 4) state.stopJudgingComparison();
  });
  await studio().judgeComparison();
  unsubscribe();
  expect(asked.map(({ files }) => files.length)).toEqual([4, 4]);
  expect(unjudgedPictures(studio())).toBe(4);
  expect(studio().comparedJudging).toBeNull();
  // What all models have scores of is figured already.
  expect(judgedComparison(studio())?.items.length ?? 0).toBeLessThan(6);
  await studio().judgeComparison();
  expect(judgedComparison(studio())!.items).toHaveLength(6);
  studio().forgetJudged();
  expect(judgedComparison(studio())).toBeNull();
});

it('stands in the report, with what judges did not read', async () => {
  studio().chooseCompareJudges(['judges/clip']);
  await studio().readJudgeCuts('judges/clip', prompts);
  await studio().judgeComparison();
  const html = (await exportReport(undefined)).bytes as string;
  for (const words of [
    'Judged: B · First run over A · Base · m',
    'A CLIP reads only the beginning of 1 of the prompts',
    'without “the sea”',
    'in deviations of the base',
    'As papers print it',
    'embeddings by A CLIP',
    'a cat (seed 2)',
  ])
    expect(html).toContain(words);
});
