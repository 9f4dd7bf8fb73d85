/** Which files of a folder are its pictures. */
import { copyFileSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { pictureSource } from './pictureSource.ts';
import type { JudgeFigures } from '../evaluation/judgeFigures.ts';
import { winnow } from './testCli.ts';

const pictures = join(import.meta.dirname, '../../tools/reference/pictures');
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'winnow-pictures-'));
  mkdirSync(join(folder, 'blobs'));
  mkdirSync(join(folder, 'snapshot/deep'), { recursive: true });
  copyFileSync(join(pictures, 'rgb.jpg'), join(folder, 'blobs/1234'));
  // As a hub's cache keeps them.
  symlinkSync('../../blobs/1234', join(folder, 'snapshot/deep/linked.jpg'));
  symlinkSync('nowhere', join(folder, 'snapshot/broken.jpg'));
  copyFileSync(join(pictures, 'rgb.jpg'), join(folder, 'snapshot/own.jpg'));
  writeFileSync(join(folder, 'snapshot/own.txt'), 'a tree\n');
  // As macOS leaves them.
  mkdirSync(join(folder, 'snapshot/__MACOSX'));
  for (const name of ['._own.jpg', '__MACOSX/._own.jpg'])
    writeFileSync(join(folder, 'snapshot', name), '\0\x05\x16\x07');
});

const found = async (path: string): Promise<[string, string | null][]> =>
  (await pictureSource(path, () => {})).pictures.map(({ file, prompt }) => [file, prompt]);

it('takes links to pictures, and leaves out what is hidden', async () => {
  expect(await found(join(folder, 'snapshot'))).toEqual([
    ['deep/linked.jpg', null],
    ['own.jpg', 'a tree'],
  ]);
});

it('reads the prompts that data sets keep of folders, and of folders below', async () => {
  const set = join(folder, 'set');
  for (const name of ['train/deep', 'test']) mkdirSync(join(set, name), { recursive: true });
  for (const name of ['train/a.jpg', 'train/deep/b.jpg', 'test/c.jpg', 'test/d.jpg'])
    copyFileSync(join(pictures, 'rgb.jpg'), join(set, name));
  writeFileSync(
    join(set, 'train/metadata.jsonl'),
    '\ufeff{"file_name": "./a.jpg", "text": "a tree"}\r\n\r\nnonsense\r\n{"file_name": "deep/b.jpg", "prompt": "a bird"}\r\n{"file_name": "../../out.jpg", "text": "no"}\r\n',
  );
  writeFileSync(join(set, 'test/metadata.csv'), 'file_name,text\nc.jpg,"a ""red"", small house"\n');
  expect(await found(set)).toEqual([
    ['test/c.jpg', 'a "red", small house'],
    ['test/d.jpg', null],
    ['train/a.jpg', 'a tree'],
    ['train/deep/b.jpg', 'a bird'],
  ]);
});

it('is the same folder however it is written', async () => {
  const before = process.cwd();
  process.chdir(join(folder, 'snapshot'));
  try {
    const here = await found('.');
    expect(here).toEqual(await found('./'));
    expect(here).toEqual(await found(join(folder, 'snapshot')));
  } finally {
    process.chdir(before);
  }
});

it('names the picture of many that cannot be used, and scores the others', { timeout: 60_000 }, async () => {
  const some = join(folder, 'some');
  mkdirSync(some);
  copyFileSync(join(pictures, 'rgb.jpg'), join(some, 'good.jpg'));
  writeFileSync(join(some, 'bad.png'), '');
  const { code, out, err } = await winnow('score', some, '--by', 'a', '--json');
  expect(code).toBe(0);
  expect(err).toContain('1 of 2 pictures is left out: the pictures cannot be read.');
  expect(err).toContain('The picture bad.png cannot be used: its file is empty.');
  const { by } = JSON.parse(out) as { by: JudgeFigures[] };
  expect(by[0]!.n).toBe(1);
});
