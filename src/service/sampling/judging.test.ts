/** Pictures that are gone or damaged, among others, before judges whose numbers torch has written. */
import { expect, it } from 'vitest';
import { WinnowError } from '../../shared/errors.ts';
import { MemoryFileStore } from '../memoryFiles.ts';
import { testEnvironment } from '../testEnvironment.ts';
import { judgedFile, readableScores } from './judging.ts';
import { filesOf, itemsOf, judgeOf, recording, scored } from './testJudges.ts';

it.each([
  ['judge-pickscore', '/PickScore/'],
  ['judge-image-reward', '/mine/'],
])('cost the others nothing, and are named: %s', async (name, path) => {
  const files = new MemoryFileStore();
  await files.write('images/damaged.png', new Uint8Array([1, 2, 3]));
  const env = testEnvironment({
    files,
    openModel: () => {
      throw new Error('no model here');
    },
  });
  const parts = { encodeText: () => Promise.reject(new Error('not read here')) };
  const [gone, damaged] = ['gone', 'damaged'].map((which) =>
    judgedFile(env, parts, { file: `images/${which}.png`, prompt: 'a tree' }),
  );
  const [first, second] = (await itemsOf(name)).map((item, i) => ({ ...item, file: String(i) }));
  const judge = await judgeOf(filesOf(name), path);
  await using scorer = await (await judge.plan(recording([]))).make();
  const alone = await scored(scorer.score([first!, second!]));
  const { scores, lost } = await readableScores(scorer, [gone!, first!, damaged!, second!, gone!]);
  const found = scores.map((score) => score && Object.values(score)[0]);
  expect(found).toEqual([null, alone[0], null, alone[1], null]);
  expect(lost.map(({ file }) => file)).toEqual(['images/gone.png', 'images/damaged.png', 'images/gone.png']);
  expect(lost[1]!.message).toContain('images/damaged.png');
});

it('are told from what is wrong with the judge', async () => {
  const missing = new WinnowError('NotFound', 'There is no file model.safetensors.', 'Take another copy.');
  const [item] = (await itemsOf('judge-pickscore')).map((one) => ({ ...one, file: 'a.png' }));
  const broken = {
    score: () => ({ [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(missing) }) }),
  };
  await expect(readableScores(broken, [item!])).rejects.toBe(missing);
});
