/** What a file is, by its content, whatever it is called. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openPreferences } from './open.ts';
import { filesPlace } from './places.ts';
import type { FormatName } from './preference.ts';
import { previewPreferences } from './preview.ts';

const place = (name: string, ...lines: unknown[]): ReturnType<typeof filesPlace> =>
  filesPlace([new File([lines.map((line) => JSON.stringify(line)).join('\n')], name)]);

const ranking = {
  prompt: 'a',
  image_path: ['0.jpg', '1.jpg'],
  rank: [2, 1],
  raw_annotations: [{ rank: [2, 1], user_hash: 'x' }],
};

it.each<[string, FormatName, ReturnType<typeof filesPlace>]>([
  [
    'lines of others that are called as ours are',
    'pairs',
    place('pairs.jsonl', { caption: 'a', jpg_0: 'a.png', jpg_1: 'b.png', label_0: 1 }),
  ],
  ['an array of one ranking', 'hpd', place('test.json', [ranking])],
  ['one line of a ranking', 'hpd', place('test.jsonl', ranking)],
  ['an object that holds the rows', 'hpd', place('test.json', { data: [ranking, ranking] })],
])('%s', async (_, format, brought) => {
  expect((await openPreferences([brought])).format.name).toBe(format);
});

it.each([
  ['half of a pair', { caption: 'a', jpg_0: 'a.png' }, /lacks jpg_1 .*label_0 .* as (pairs|pickapic) needs/],
  ['one that was chosen, over none', { prompt: 'a', chosen: 'a.png' }, /lacks rejected .* as chosen needs/],
])('%s is told what it lacks of the format that it comes nearest', async (_, row, message) => {
  await expect(openPreferences([place('x.jsonl', row)])).rejects.toMatchObject({
    name: 'MissingColumns',
    message: expect.stringMatching(message) as string,
  });
});

it("datasets' save_to_disk is known, and told what to do instead", async () => {
  const files = ['dataset_dict.json', 'train/state.json', 'train/data-00000-of-00001.arrow'].map((name) => {
    const file = new File(['ARROW1'], name);
    Object.defineProperty(file, 'webkitRelativePath', { value: `set/${name}` });
    return file;
  });
  await expect(openPreferences([filesPlace(files)])).rejects.toThrow(/Arrow file. Save it as parquet/);
});

it('real groups of ImageReward are counted as they are ranked', async () => {
  const name = 'imagereward-test-20.json';
  const bytes = readFileSync(join('tools/preferences/real', name));
  const set = await openPreferences([filesPlace([new File([bytes], name)])]);
  const { counted, usable, ties, prompts, raters, format } = await previewPreferences(set, { rows: 0 });
  // By Python: neighbours in rank, and the last against the first.
  expect({ counted, usable, ties, prompts, raters, format }).toEqual({
    counted: 93,
    usable: 80,
    ties: 13,
    prompts: 20,
    raters: 1,
    format: 'imagereward',
  });
});

it('a row of which a picture cannot be taken is refused in the preview, and counts as no pair', async () => {
  const row = (jpg_0: string) => ({ caption: 'a', jpg_0, jpg_1: 'b.png', label_0: 1 });
  const set = await openPreferences([place('x.jsonl', row('gone.png'))]);
  const { counted, usable, refused } = await previewPreferences(set, { rows: 4 });
  expect({ counted, usable, rows: refused.map((one) => one.row) }).toEqual({ counted: 1, usable: 0, rows: [0] });
});
