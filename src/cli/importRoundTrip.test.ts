/** What goes out by `winnow export` comes in again by `winnow import`; and what an import meets that is not right. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatJsonl } from '../data/formats/jsonl.ts';
import { importName, importPreferences, type PreferenceSink } from '../data/preferences/importing.ts';
import { openPreferences } from '../data/preferences/open.ts';
import { filesOf } from '../records/foreignImages.ts';
import type { LabelEvent } from '../records/labels.ts';
import type { PairRecord } from '../records/pairs.ts';
import { heldOutOf } from '../data/heldOut.ts';
import { pairsFor } from '../data/pairs.ts';
import { presetNamed } from '../training/presets.ts';
import { placeOf } from './places.ts';
import { preferenceFolder } from './preferenceFolder.ts';
import { readLabels, readPairs } from './records.ts';
import { winnow } from './testCli.ts';

const top = join(import.meta.dirname, '../..');
const fixtures = join(top, 'tools/preferences/fixtures');
const standard = presetNamed('standard')!.config;
const root = mkdtempSync(join(tmpdir(), 'winnow-import-'));
const at = (name: string): string => join(root, name);

interface Answer {
  pairs: number;
  usable: number;
  ties: number;
  refused: { row: number; reason: string }[];
  raters: number;
  prompts: number;
  format: string;
}

async function imported(...args: string[]): Promise<Answer> {
  const { code, out, err } = await winnow('import', ...args, '--json');
  expect({ code, err: code === 0 ? '' : err }).toEqual({ code: 0, err: '' });
  return JSON.parse(out) as Answer;
}

async function refused(...args: string[]): Promise<{ name: string; what: string; remedy: string }> {
  const { code, out } = await winnow('import', ...args, '--json');
  expect(code).not.toBe(0);
  return (JSON.parse(out) as { error: { name: string; what: string; remedy: string } }).error;
}

/** Six of the bundled pairs, judged by two people and a judge; one answer was taken back, one pair nobody judged. */
const own = at('own');
const label = (
  id: string,
  pair: string,
  by: string,
  answer: 'left' | 'right' | 'tie',
  shownLeft: 0 | 1 = 0,
): LabelEvent => ({
  type: 'label',
  id,
  pair,
  answer,
  shownLeft,
  clearly: id === 'a',
  elapsedMs: 900,
  at: '2026-01-02T03:04:05.000Z',
  by,
});

beforeAll(() => {
  mkdirSync(own);
  cpSync(join(top, 'public/pairs'), join(own, 'pairs'), { recursive: true });
  const pairs = (JSON.parse(readFileSync(join(own, 'pairs/pairs.json'), 'utf8')) as PairRecord[]).slice(0, 6);
  const [p0, p1, p2, p3, p4] = pairs.map(({ id }) => id) as [string, string, string, string, string, string];
  writeFileSync(join(own, 'pairs.jsonl'), formatJsonl(pairs));
  const events: LabelEvent[] = [
    label('a', p0, 'person', 'left', 1),
    label('b', p1, 'person:Ada', 'right'),
    label('c', p2, 'person', 'tie'),
    label('d', p3, 'a', 'left'),
    label('e', p4, 'person', 'left'),
    { type: 'retract', id: 'f', label: 'e', at: '2026-01-02T03:05:05.000Z' },
    label('g', p4, 'person', 'right'),
  ];
  writeFileSync(join(own, 'labels.jsonl'), formatJsonl(events));
});

describe('our own data', () => {
  it('comes in with all that is known of it', async () => {
    const answer = await imported(own, '--out', at('again'));
    expect(answer).toEqual({ pairs: 6, usable: 4, ties: 1, refused: [], raters: 3, prompts: 6, format: 'winnow' });
    const withoutTime = ({ importedAt: _, ...pair }: PairRecord): object => pair;
    expect(readPairs(at('again')).map(withoutTime)).toEqual(readPairs(own));
    expect(readLabels(at('again')).events).toEqual(readLabels(own).events);
    for (const file of readPairs(own).flatMap(({ images }) => images.flatMap(filesOf)))
      expect(readFileSync(join(at('again'), file)).equals(readFileSync(join(own, file)))).toBe(true);
  });

  it('goes out and comes in with why its pairs were asked, so that a run holds out the same ones', async () => {
    const [made, folder] = [at('round'), at('round-out')];
    cpSync(join(own, 'pairs'), join(made, 'pairs'), { recursive: true });
    const pairs = Array.from({ length: 24 }, (_, i): PairRecord => ({
      ...readPairs(own)[i % 6]!,
      // In no order of their names.
      id: `pair ${(7 * i) % 24}`,
      prompt: `prompt ${i}`,
      asked: { round: 'run', at: '2026-01-02T03:04:05.000Z', order: i, why: i % 3 === 0 ? 'chosen' : 'random' },
    }));
    writeFileSync(join(made, 'pairs.jsonl'), formatJsonl(pairs));
    writeFileSync(
      join(made, 'labels.jsonl'),
      formatJsonl(pairs.map(({ id }) => label(`l ${id}`, id, 'person', 'left'))),
    );
    const heldOut = (from: string): string[] => {
      const train = pairsFor(standard, readPairs(from), readLabels(from));
      return [...heldOutOf(train, standard).pairs].map((i) => train[i]!.pair);
    };
    expect(heldOut(made)).toHaveLength(4);
    const chosen = new Set(pairs.filter(({ asked }) => asked!.why === 'chosen').map(({ id }) => id));
    expect(heldOut(made).filter((id) => chosen.has(id))).toEqual([]);
    expect((await winnow('export', made, '--as', 'jsonl', '--out', folder)).code).toBe(0);
    await imported(folder, '--out', at('round-again'));
    expect(heldOut(at('round-again'))).toEqual(heldOut(made));
    // Labels alone say it, too.
    expect((await winnow('export', made, '--as', 'jsonl', '--out', at('round.jsonl'))).code).toBe(0);
    cpSync(at('round.jsonl'), join(folder, 'alone/round.jsonl'));
    cpSync(join(made, 'pairs'), join(folder, 'alone/pairs'), { recursive: true });
    await imported(join(folder, 'alone'), '--out', at('round-alone'));
    expect(readPairs(at('round-alone')).map(({ id, asked }) => [id, asked])).toEqual(
      pairs.map(({ id, asked }) => [id, asked]),
    );
  });

  it('says whose labels without a name are, where that is said', async () => {
    await imported(own, '--rater', 'Bo', '--out', at('named'));
    const by = readLabels(at('named')).events.flatMap((event) => (event.type === 'label' ? [event.by] : []));
    expect(by).toEqual(['person:Bo', 'person:Ada', 'person:Bo', 'a', 'person:Bo', 'person:Bo']);
  });

  it.each([
    ['pickapic', { pairs: 4, usable: 4, ties: 0, raters: 3, prompts: 4, format: 'pickapic' }],
    ['pairs', { pairs: 4, usable: 4, ties: 0, raters: 1, prompts: 4, format: 'pairs' }],
    ['chosen', { pairs: 4, usable: 4, ties: 0, raters: 1, prompts: 4, format: 'chosen' }],
    ['folders', { pairs: 4, usable: 4, ties: 0, raters: 1, prompts: 4, format: 'folders' }],
    ['jsonl', { pairs: 6, usable: 4, ties: 1, raters: 3, prompts: 6, format: 'winnow' }],
  ])('comes in from its own export --as %s', async (form, counts) => {
    const folder = at(`export-${form}`);
    const { code, err } = await winnow('export', own, '--as', form, '--out', folder);
    expect({ code, err: code === 0 ? '' : err }).toEqual({ code: 0, err: '' });
    const { refused: none, ...answer } = await imported(folder, '--out', at(`from-${form}`));
    expect(none).toEqual([]);
    expect(answer).toEqual(counts);
    // The preferred picture of each prompt is the one that was preferred.
    const preferred = (from: string): Record<string, string> => {
      const { byPair } = readLabels(from);
      return Object.fromEntries(
        readPairs(from).flatMap((pair) => {
          const said = byPair.get(pair.id);
          if (!said || (said.answer !== 'left' && said.answer !== 'right')) return [];
          const winner = said.answer === 'left' ? said.shownLeft : 1 - said.shownLeft;
          return [[pair.prompt, readFileSync(join(from, pair.images[winner]!.file)).toString('base64')]];
        }),
      );
    };
    expect(preferred(at(`from-${form}`))).toEqual(preferred(own));
  });

  it('is judged on a Label Studio server, and the answers come back to the pairs that they are about', async () => {
    const tasks = at('tasks');
    expect((await winnow('export', own, '--as', 'label-studio', '--out', tasks)).code).toBe(0);
    const file = readdirSync(tasks).find((name) => name.endsWith('.json'))!;
    const listed = JSON.parse(readFileSync(join(tasks, file), 'utf8')) as {
      data: { pair: string; shown_left: number };
    }[];
    const judged = listed.map((task, i) => ({
      id: i,
      ...task,
      annotations: [
        {
          id: i,
          completed_by: 5,
          was_cancelled: false,
          created_at: '2026-03-01T00:00:00Z',
          lead_time: 2,
          // Always the picture that came first.
          result: [{ type: 'pairwise', value: { selected: task.data.shown_left === 0 ? 'left' : 'right' } }],
        },
      ],
    }));
    writeFileSync(join(tasks, 'export.json'), JSON.stringify(judged));
    cpSync(own, at('returned'), { recursive: true });
    const answer = await imported(join(tasks, 'export.json'), '--out', at('returned'));
    expect({ ...answer, refused: answer.refused.length }).toMatchObject({
      pairs: 6,
      format: 'label-studio',
      refused: 0,
    });
    expect(readPairs(at('returned'))).toEqual(readPairs(own));
    const back = readLabels(at('returned')).events.filter((event) => event.type === 'label' && event.by === 'import:5');
    expect(back).toHaveLength(6);
    for (const event of back) {
      if (event.type !== 'label') continue;
      expect(event.answer === 'left' ? event.shownLeft : 1 - event.shownLeft).toBe(0);
      expect(event.elapsedMs).toBe(2000);
    }
    // Into a folder of its own, the pictures come along.
    expect(await imported(join(tasks, 'export.json'), '--out', at('apart'))).toMatchObject({
      pairs: 6,
      usable: 6,
      raters: 1,
    });
  });
});

describe('an import that is cut off', () => {
  const source = join(fixtures, 'pickapic');
  const whole = { pairs: 16, usable: 12, ties: 4, refused: [], raters: 3, prompts: 8, format: 'pickapic' };
  const kept = (folder: string): object => {
    const plain = ({ createdAt: _, importedAt: __, images, ...pair }: PairRecord): object => ({
      ...pair,
      images: images.map(({ createdAt: ___, ...image }) => image),
    });
    return {
      pairs: readPairs(folder).map(plain),
      labels: readLabels(folder).events,
      pictures: readdirSync(join(folder, 'pictures')).toSorted(),
    };
  };

  it('is stopped whole, and goes on to what it would have been', async () => {
    expect(await imported(source, '--out', at('at-once'))).toEqual(whole);
    const stop = new AbortController();
    const set = await openPreferences([await placeOf(source, stop.signal)]);
    const sink = preferenceFolder(at('stopped'), await importName(set), () => undefined);
    let files = 0;
    const stopping: PreferenceSink = {
      ...sink,
      file: async (path, bytes) => {
        if (++files === 10) stop.abort();
        await sink.file(path, bytes);
      },
    };
    await expect(importPreferences(set, stopping, { signal: stop.signal })).rejects.toMatchObject({
      name: 'Cancelled',
    });
    expect(readPairs(at('stopped'))).toHaveLength(5);
    expect(readLabels(at('stopped')).events).toHaveLength(5);
    expect(await imported(source, '--out', at('stopped'))).toEqual(whole);
    expect(kept(at('stopped'))).toEqual(kept(at('at-once')));
  });

  it.each(['after its pairs', 'after its labels'])(
    'by a kill %s, before it noted that, makes nothing twice',
    async (when) => {
      const folder = at(`killed ${when}`);
      expect(await imported(source, '--limit', '5', '--out', folder)).toMatchObject({ pairs: 5 });
      const [state] = readdirSync(join(folder, 'imports'));
      const file = join(folder, 'imports', state!);
      // As it stood before the last batch.
      writeFileSync(
        file,
        JSON.stringify({ ...(JSON.parse(readFileSync(file, 'utf8')) as object), done: 0, added: 0, result: undefined }),
      );
      if (when === 'after its pairs') rmSync(join(folder, 'labels.jsonl'));
      expect(await imported(source, '--limit', '5', '--out', folder)).toEqual({
        ...whole,
        pairs: 5,
        usable: 4,
        ties: 1,
        prompts: 3,
      });
      expect(readPairs(folder)).toHaveLength(5);
      expect(readLabels(folder).events).toHaveLength(5);
    },
  );

  it('whose pairs were thrown away brings them again', async () => {
    expect(await imported(source, '--out', at('lost'))).toEqual(whole);
    for (const name of ['pairs.jsonl', 'labels.jsonl']) rmSync(join(at('lost'), name));
    expect(await imported(source, '--out', at('lost'))).toEqual(whole);
    expect(readPairs(at('lost'))).toHaveLength(16);
  });

  it('and another into the same place brings only what is new', async () => {
    expect(await imported(source, '--split', 'train', '--out', at('both'))).toMatchObject({ pairs: 12 });
    const { pairs, refused: twice } = await imported(source, '--out', at('both'));
    expect([pairs, twice.length, twice[0]!.reason]).toEqual([4, 12, expect.stringContaining('there already')]);
    expect(readPairs(at('both'))).toHaveLength(16);
  });
});

describe('the same command', () => {
  it('after a correction in the file takes in what is new', async () => {
    const text = readFileSync(join(fixtures, 'pairs/beside/lines.jsonl'), 'utf8').split('\n').slice(0, 3);
    cpSync(join(fixtures, 'pairs/beside/images'), at('corrected/images'), { recursive: true });
    const file = at('corrected/lines.jsonl');
    writeFileSync(file, text.join('\n'));
    expect(await imported(file, '--out', at('of corrected'))).toMatchObject({ pairs: 3, usable: 2, ties: 1 });
    writeFileSync(file, text.join('\n').replace('"label_0": 1', '"label_0": 0'));
    expect(await imported(file, '--out', at('of corrected'))).toMatchObject({
      pairs: 1,
      usable: 1,
      refused: [{ row: 1 }, { row: 2 }],
    });
    const { byPair } = readLabels(at('of corrected'));
    expect([...byPair.values()].map(({ answer }) => answer)).toEqual(['right', 'right', 'tie']);
  });

  it('after more was judged brings the new answers', async () => {
    cpSync(own, at('judged on'), { recursive: true });
    const before = await imported(at('judged on'), '--out', at('of judged on'));
    const [, , , , , last] = readPairs(own);
    writeFileSync(join(at('judged on'), 'labels.jsonl'), formatJsonl([label('z', last!.id, 'person:Ada', 'left')]), {
      flag: 'a',
    });
    expect(await imported(at('judged on'), '--out', at('of judged on'))).toMatchObject({ pairs: 1, usable: 1 });
    expect(before).toMatchObject({ pairs: 6, usable: 4 });
    expect(readPairs(at('of judged on'))).toHaveLength(6);
    expect(readLabels(at('of judged on')).events).toHaveLength(8);
  });
});

describe('which rows', () => {
  const source = join(fixtures, 'codecs/pages-1.parquet');

  it('parts that skip what others took make the whole', async () => {
    const rows = async (...args: string[]): Promise<number[]> => {
      const folder = mkdtempSync(at('part-'));
      await imported(source, ...args, '--out', folder);
      return readPairs(folder).map(({ source: from }) => from!.row);
    };
    expect(await rows('--limit', '7')).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(await rows('--skip', '7', '--limit', '10')).toEqual([7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
    expect(await rows('--skip', '17')).toEqual([17, 18, 19, 20, 21, 22, 23]);
  });

  it('of one column several values, of several columns all', async () => {
    const folder = at('where');
    await imported(
      source,
      '--where',
      'user_id=7',
      '--where',
      'user_id=8',
      '--where',
      'has_label=true',
      '--out',
      folder,
    );
    const fields = readPairs(folder).map(({ source: from }) => from!.fields!);
    expect(fields).toHaveLength(12);
    expect(fields.every(({ user_id: user, has_label: has }) => (user === 7 || user === 8) && has === true)).toBe(true);
  });

  it('all that a row says stays, to the nanosecond', async () => {
    const folder = at('fields');
    await imported(join(fixtures, 'codecs/pickapic-zstd.parquet'), '--size', '64x48', '--fit', 'pad', '--out', folder);
    const [, pair] = readPairs(folder);
    expect(pair!.source).toMatchObject({ format: 'pickapic', file: 'pickapic-zstd.parquet', row: 1 });
    expect(pair!.source!.fields).toEqual({
      are_different: false,
      best_image_uid: 'u1b',
      created_at: '2022-11-03T12:00:01.000001Z',
      has_label: true,
      image_0_uid: 'u1a',
      image_0_url: 'https://example.invalid/u1a.png',
      image_1_uid: 'u1b',
      image_1_url: 'https://example.invalid/u1b.png',
      model_0: 'dreamlike-art/dreamlike-photoreal-2.0',
      model_1: 'dreamlike-art/dreamlike-photoreal-2.0',
      ranking_id: 1001,
      user_id: 8,
      num_example_per_prompt: 2,
      __index_level_0__: 1,
    });
    expect(pair!.sizing).toEqual({ width: 64, height: 48, fit: 'pad' });
  });

  it('are shown before anything is written', async () => {
    const { code, out } = await winnow('import', join(fixtures, 'pairs/bad-rows.parquet'), '--preview', '--json');
    const shown = JSON.parse(out) as { counted: number; usable: number; refused: { row: number }[]; first: unknown[] };
    expect({ code, ...shown, first: shown.first.length }).toMatchObject({
      code: 0,
      format: 'pairs',
      counted: 15,
      total: 15,
      first: 5,
    });
    expect(shown.refused.map(({ row }) => row)).toEqual(expect.arrayContaining([1, 2, 3, 4, 5, 6]));
  });
});

describe('a file that is not right', () => {
  const parquet = join(fixtures, 'codecs/pickapic-zstd.parquet');
  const copy = (name: string, change: (bytes: Buffer) => Buffer | void): string => {
    const bytes = readFileSync(parquet);
    writeFileSync(at(name), change(bytes) ?? bytes);
    return at(name);
  };

  it('is told by what is wrong with it, and nothing is left of it', async () => {
    const out = ['--out', at('none')];
    truncateSync(
      copy('cut.parquet', () => undefined),
      4000,
    );
    expect(await refused(at('cut.parquet'), ...out)).toMatchObject({
      name: 'TruncatedFile',
      what: expect.stringContaining('cut.parquet') as string,
    });
    writeFileSync(at('empty.parquet'), '');
    writeFileSync(at('empty.csv'), '');
    expect(await refused(at('empty.parquet'), ...out)).toMatchObject({
      what: expect.stringContaining('0 bytes') as string,
    });
    expect(await refused(at('empty.csv'), ...out)).toMatchObject({
      what: expect.stringContaining('0 bytes') as string,
    });
    // LZO, by its number in the footer.
    const lzo = copy('lzo.parquet', (bytes) => {
      for (let i = bytes.length - 8 - bytes.readUInt32LE(bytes.length - 8); i < bytes.length - 8; i++)
        if (bytes[i] === 0x15 && bytes[i + 1] === 0x0c && bytes[i + 2] === 0x16) bytes[i + 1] = 0x06;
    });
    expect(await refused(lzo, ...out)).toMatchObject({
      name: 'UnsupportedConfig',
      what: expect.stringContaining('LZO') as string,
    });
    writeFileSync(at('few.csv'), 'caption,jpg_0,colour\na,b,c\n');
    const missing = await refused(at('few.csv'), '--as', 'pairs', ...out);
    expect(missing.name).toBe('MissingColumns');
    expect(missing.what).toMatch(/few\.csv lacks jpg_1 .*label_0 .*it has caption, jpg_0, colour/);
    // The format that comes nearest, where none is named.
    expect((await refused(at('few.csv'), ...out)).remedy).toContain('--map jpg_1=COLUMN --map label_0=COLUMN');
    expect(await refused(parquet, '--where', 'nothing=1', ...out)).toMatchObject({ name: 'MissingColumns' });
    expect(await refused(parquet, '--where', 'jpg_0=nothing', ...out)).toMatchObject({ name: 'BadArguments' });
    expect(await refused(parquet, '--map', 'jpg_0=nothing', ...out)).toMatchObject({ name: 'MissingColumns' });
    expect(await refused(join(fixtures, 'pickapic'), '--split', 'nothing', ...out)).toMatchObject({
      name: 'BadArguments',
      remedy: expect.stringContaining('train, validation_unique') as string,
    });
    expect(await refused(at('not there'), ...out)).toMatchObject({ name: 'NotFound' });
    expect(existsSync(at('none'))).toBe(false);
  });
});

it('pictures lie in another source', async () => {
  const apart = mkdtempSync(at('apart-'));
  writeFileSync(join(apart, 'list.csv'), readFileSync(join(fixtures, 'pairs/beside/crlf-bom.csv')));
  const { refused: told, ...counts } = await imported(
    join(apart, 'list.csv'),
    join(fixtures, 'pairs/beside/images'),
    '--out',
    join(apart, 'out'),
  );
  expect(counts).toMatchObject({ pairs: 6, usable: 4, ties: 2 });
  expect(told.map(({ row }) => row)).toEqual([6, 7, 8]);
});

it('a table in a folder of its own names pictures from the root on', async () => {
  const set = mkdtempSync(at('set-'));
  cpSync(join(fixtures, 'pairs/beside/images'), join(set, 'images'), { recursive: true });
  mkdirSync(join(set, 'annotations'));
  writeFileSync(join(set, 'annotations/train.jsonl'), readFileSync(join(fixtures, 'pairs/beside/lines.jsonl')));
  expect(await imported(set, '--out', join(set, '../of-set'))).toMatchObject({
    pairs: 6,
    refused: [{ row: 6 }, { row: 7 }, { row: 8 }],
  });
});

describe('JSON as others write it', () => {
  const row = (i: number, label: unknown): Record<string, unknown> => ({
    caption: `a lamp, "NaN" ${i}`,
    jpg_0: readFileSync(join(fixtures, 'pairs/beside/images/0_0.png')).toString('base64'),
    jpg_1: `data:image/png;base64,${readFileSync(join(fixtures, 'pairs/beside/images/1_0.png')).toString('base64')}`,
    label_0: label,
  });
  const rows = [row(0, 1), row(1, 0), row(2, 0.5)];
  const counts = { pairs: 3, usable: 2, ties: 1, refused: [], raters: 1, prompts: 3, format: 'pairs' };

  it.each([
    ['an array in one line', JSON.stringify(rows)],
    ['an object of rows', JSON.stringify({ info: { version: 1 }, data: rows }, null, 2)],
    ['an object with a row under each key', JSON.stringify(Object.fromEntries(rows.map((one, i) => [`k${i}`, one])))],
    ['objects one after another over several lines', rows.map((one) => JSON.stringify(one, null, 2)).join('\n')],
    ['lines with CRLF and a byte order mark', `\ufeff${rows.map((one) => JSON.stringify(one)).join('\r\n')}\r\n`],
  ])('is read: %s', async (name, text) => {
    writeFileSync(at(`${name}.json`), text);
    expect(await imported(at(`${name}.json`), '--out', at(`out ${name}`))).toEqual(counts);
  });

  it('a line that is broken is refused alone, and so is NaN, which Python writes', async () => {
    const lines = [
      JSON.stringify(rows[0]),
      '{"caption": "broken",',
      JSON.stringify(row(3, 'X')).replace('"X"', 'NaN'),
      '[1]',
      JSON.stringify(rows[1]),
    ];
    writeFileSync(at('broken.jsonl'), lines.join('\n'));
    const { refused: told, ...rest } = await imported(at('broken.jsonl'), '--out', at('out broken'));
    expect(rest).toMatchObject({ pairs: 2, usable: 2 });
    expect(told.map(({ row: number }) => number)).toEqual([1, 2, 3]);
    expect(told[1]!.reason).toContain('no label');
  });

  it('an array that is cut off is told', async () => {
    writeFileSync(at('cut.json'), JSON.stringify(rows).slice(0, -40));
    expect(await refused(at('cut.json'), '--out', at('out cut'))).toMatchObject({ name: 'TruncatedFile' });
  });
});

describe('an address', () => {
  let server: Server;
  let host: string;
  let bytes = 0;
  beforeAll(async () => {
    server = createServer((request, response) => {
      const path = decodeURIComponent(new URL(request.url!, 'http://x').pathname);
      const file = join(fixtures, path.replace(/^\/whole/, ''));
      if (!existsSync(file)) return void response.writeHead(404).end();
      const data = readFileSync(file);
      const range = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '');
      if (!range || path.startsWith('/whole')) return void response.writeHead(200).end(data);
      const [start, end] = [Number(range[1]), Math.min(Number(range[2]) + 1, data.length)];
      bytes += end - start;
      response
        .writeHead(206, { 'content-range': `bytes ${start}-${end - 1}/${data.length}` })
        .end(data.subarray(start, end));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    host = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => void server.close());

  it('is read by range, with the pictures beside it', async () => {
    expect(await imported(`${host}/codecs/pickapic-gzip.parquet`, '--out', at('url'))).toMatchObject({
      pairs: 4,
      usable: 3,
      ties: 1,
    });
    expect(bytes).toBeGreaterThan(0);
    expect(await imported(`${host}/pairs/beside/lines.jsonl`, '--out', at('url-beside'))).toMatchObject({
      pairs: 6,
      refused: [{ row: 6 }, { row: 7 }, { row: 8 }],
    });
  });

  it('whose server gives no ranges is refused by name', async () => {
    expect(await refused(`${host}/whole/codecs/pickapic-gzip.parquet`, '--out', at('no-ranges'))).toMatchObject({
      name: 'DownloadFailed',
      what: expect.stringContaining('not in ranges') as string,
      remedy: expect.stringContaining('Download the file') as string,
    });
    expect(await refused(`${host}/nothing.parquet`, '--out', at('no-file'))).toMatchObject({ name: 'NotFound' });
  });
});
