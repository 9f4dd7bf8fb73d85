import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { byteRanges } from '../data/formats/bytes.ts';
import { WinnowError } from '../shared/errors.ts';
import { type JudgeFolder, type JudgeInfo, signature } from './judge.ts';
import { comparingJudge, hasLabelled } from './judge.ts';
import { judgeNamed, judgesOf, type JudgesFolder, readJudge } from './table.ts';

const postcard = join(import.meta.dirname, '../../public/models/postcard');
const configOf = (name: string): string => readFileSync(join(postcard, `scorers/${name}/config.json`), 'utf8');

/** A place with these files; one that lists its folders, or not. */
function folder(files: Record<string, string>, lists: boolean): JudgesFolder {
  const read: JudgesFolder['read'] = async (path) => {
    if (files[path] === undefined) throw new WinnowError('NotFound', `There is no ${path}.`, 'Check the path.');
    return new TextEncoder().encode(files[path]);
  };
  return {
    read,
    open: async (path) => byteRanges(await read(path)),
    ...(lists && {
      folders: async (path: string) => [
        ...new Set(
          Object.keys(files)
            .filter((file) => file.startsWith(`${path}/`) && file.split('/').length > 2)
            .map((file) => file.split('/')[1]!),
        ),
      ],
    }),
  };
}
const place = (files: Record<string, string>, path: string): JudgeFolder => ({ path, ...folder(files, false) });
const three = {
  'scorers/a/config.json': configOf('a'),
  'scorers/b/config.json': configOf('b'),
  'scorers/c/config.json': configOf('b'),
};
const namesOf = async (place: JudgesFolder): Promise<string[]> => (await judgesOf(place)).map(({ name }) => name);

describe('a model has the judges that its folder has', () => {
  it('any number, under any name, where the place lists its folders', async () => {
    expect(await namesOf(folder({ ...three, 'scorers/taste-2/config.json': configOf('a') }, true))).toEqual([
      'a',
      'b',
      'c',
      'taste-2',
    ]);
    expect(await namesOf(folder({ 'model_index.json': '{}' }, true))).toEqual([]);
  });

  it('as its index says, where the place does not', async () => {
    expect(await namesOf(folder({ ...three, 'scorers/index.json': '{ "judges": ["c", "a"] }' }, false))).toEqual([
      'a',
      'c',
    ]);
    // Of before there was an index.
    expect(await namesOf(folder(three, false))).toEqual(['a', 'b']);
  });

  it('without those that are none, or that lead out of it', async () => {
    const files = {
      ...three,
      'scorers/b/config.json': '{ "_class_name": "Other" }',
      'scorers/c/config.json': '{',
      'scorers/index.json': '{ "judges": ["a", "b", "c", "../../secret", "", 5, null] }',
    };
    expect(await namesOf(folder(files, false))).toEqual(['a']);
    expect(await namesOf(folder(files, true))).toEqual(['a']);
    await expect(namesOf(folder({ 'scorers/index.json': '[' }, false))).rejects.toThrow('scorers/index.json');
  });

  it('and the embedded one says so on a site, too', () => {
    const { judges } = JSON.parse(readFileSync(join(postcard, 'scorers/index.json'), 'utf8')) as { judges: string[] };
    const folders = readdirSync(join(postcard, 'scorers'), { withFileTypes: true }).filter((one) => one.isDirectory());
    expect(judges.toSorted()).toEqual(folders.map(({ name }) => name).toSorted());
  });
});

it('a judge that is asked for by name and not read is named with the reason', async () => {
  const place = folder({ ...three, 'scorers/b/config.json': '{ "_class_name": "PickScore" }' }, true);
  const ask = (name: string): Promise<unknown> => judgeNamed(place, name, { title: 'Postcard' });
  await expect(ask('c')).resolves.toMatchObject({
    name: 'c',
    from: 'model',
    kind: 'winnow-scorer',
    imageSize: expect.any(Number) as number,
  });
  await expect(ask('b')).rejects.toThrow(/scorers\/b\/config.json is of PickScore/);
  await expect(ask('d')).rejects.toThrow('The model Postcard has no judge d. Choose a or c.');
  await expect(ask('..')).rejects.toMatchObject({ name: 'NotFound' });
});

it('one that a person brings along is known by its folder', async () => {
  const judge = await readJudge(place({ 'config.json': configOf('a') }, '/judges/mine/'), {
    name: 'mine',
    from: 'folder',
  });
  expect(judge).toMatchObject({ name: 'mine', from: 'folder', title: 'Judge mine' });
  expect(judge.scales.map(({ name, needs }) => [name, needs])).toEqual([
    ['appeal', ['image']],
    ['alignment', ['image', 'prompt']],
  ]);
});

it('a folder that is no judge’s is named as none', async () => {
  await expect(readJudge(place({}, '/src/'), { name: 'src', from: 'folder' })).rejects.toMatchObject({
    name: 'NotFound',
    what: "/src/ is no judge's folder: it has no config.json.",
  });
});

describe('who labelled does not judge', () => {
  const judges = ['a', 'b', 'c'].map((name): JudgeInfo => ({
    name,
    title: name,
    kind: 'winnow-scorer',
    from: 'model',
    scales: [
      { name: 'appeal', title: 'Appeal', needs: ['image'] },
      { name: 'alignment', title: 'Alignment', needs: ['image', 'prompt'] },
    ],
    about: { purpose: '', weakness: '' },
    imageSize: 128,
  }));
  it.each([
    [['a'], 'b'],
    [['a', 'person'], 'b'],
    [['b'], 'a'],
    [['b alignment', 'a'], 'c'],
    // Nothing is known, as of records of before: the first labels unless another is named.
    [[], 'b'],
    [['person'], 'b'],
    // All did: then any is as good.
    [['a', 'b', 'c'], 'a'],
  ])('labelled by %j: %s compares', (by, name) => {
    expect(comparingJudge(judges, new Set(by))?.name).toBe(name);
  });

  it('and labels are signed as earlier versions signed them', () => {
    expect([signature(judges[0]!, 'appeal'), signature(judges[0]!, 'alignment')]).toEqual(['a', 'a alignment']);
    expect(hasLabelled(judges[1]!, new Set(['b alignment']))).toBe(true);
    expect(comparingJudge([], new Set())).toBeUndefined();
  });
});
