/** What is written is read again by hyparquet here, and by pyarrow and datasets in tools/preferences/check_exports.py. */
import { parquetMetadataAsync, parquetReadObjects, parquetSchema } from 'hyparquet';
import { describe, expect, it } from 'vitest';
import type { LabelEvent } from '../../../records/labels.ts';
import type { PairRecord } from '../../../records/pairs.ts';
import { importedPair, labelEvent, pairRecord } from '../../../records/testRecords.ts';
import { foldLabels } from '../../labels.ts';
import type { ExportSource, PairsExportOptions } from './exporter.ts';
import { nanoseconds, whole } from './pickapic.ts';
import { type PairsExportKind, pairsExportKinds, planPairsExport } from './table.ts';

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const pictureBytes = (file: string, size = 40): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(size).fill(file.length);
  bytes.set(new TextEncoder().encode(file));
  return bytes;
};

function sourceOf(pairs: PairRecord[], events: LabelEvent[], size = 40): ExportSource & { reads: string[] } {
  const reads: string[] = [];
  return {
    name: 'cats',
    pairs,
    events,
    byPair: foldLabels(events).byPair,
    files: {
      size: () => Promise.resolve(size),
      read: (file) => {
        reads.push(file);
        return Promise.resolve(pictureBytes(file, size));
      },
    },
    reads,
  };
}

async function joined(bytes: AsyncIterable<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array[] = [];
  for await (const piece of bytes) pieces.push(piece);
  return new Uint8Array(Buffer.concat(pieces));
}

async function written(
  kind: PairsExportKind,
  source: ExportSource,
  options: Partial<PairsExportOptions> = {},
): Promise<Map<string, Uint8Array<ArrayBuffer>>> {
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  for await (const { path, bytes } of planPairsExport(kind, source, options).entries())
    files.set(path, await joined(bytes));
  return files;
}

const rowsOf = (bytes: Uint8Array<ArrayBuffer>): Promise<Record<string, unknown>[]> =>
  parquetReadObjects({ file: bytes.buffer, utf8: false });

const train = 'data/train-00000-of-00001.parquet';

/** As a file of Pick-a-Pic has it. */
const came = {
  are_different: true,
  best_image_uid: 'u1',
  created_at: '2023-01-02T03:04:05.123456789Z',
  has_label: true,
  image_0_uid: 'u0',
  image_0_url: 'https://pictures.example/u0.jpeg',
  image_1_uid: 'u1',
  image_1_url: null,
  label_1: 1,
  model_0: 'dreamlike-art/dreamlike-photoreal-2.0',
  model_1: 'stabilityai/stable-diffusion-2-1',
  ranking_id: 1_144_421,
  user_id: '9007199254740993',
  num_example_per_prompt: 12,
  __index_level_0__: 77,
};
const imported = importedPair('i1', {
  prompt: 'Ein Häuschen, "rot"',
  source: { format: 'pickapic', file: 'a', row: 0, fields: came },
});
const importedLabel: LabelEvent = { ...labelEvent('l1', 'i1'), answer: 'right', by: 'import:3' };

describe('pickapic', () => {
  it('has the 19 columns in their order and types', async () => {
    const files = await written('pickapic', sourceOf([pairRecord('p1')], [labelEvent('l1', 'p1')]));
    const { children } = parquetSchema(await parquetMetadataAsync(files.get(train)!.buffer));
    const types = children.map(({ element: { name, type, converted_type, logical_type, repetition_type } }) => [
      name,
      type,
      converted_type ?? logical_type?.type ?? '',
      repetition_type,
    ]);
    const of = (name: string, type: string, meant = ''): string[] => [name, type, meant, 'OPTIONAL'];
    expect(types).toEqual([
      of('are_different', 'BOOLEAN'),
      of('best_image_uid', 'BYTE_ARRAY', 'UTF8'),
      of('caption', 'BYTE_ARRAY', 'UTF8'),
      of('created_at', 'INT64', 'TIMESTAMP'),
      of('has_label', 'BOOLEAN'),
      of('image_0_uid', 'BYTE_ARRAY', 'UTF8'),
      of('image_0_url', 'BYTE_ARRAY', 'UTF8'),
      of('image_1_uid', 'BYTE_ARRAY', 'UTF8'),
      of('image_1_url', 'BYTE_ARRAY', 'UTF8'),
      of('jpg_0', 'BYTE_ARRAY'),
      of('jpg_1', 'BYTE_ARRAY'),
      of('label_0', 'DOUBLE'),
      of('label_1', 'DOUBLE'),
      of('model_0', 'BYTE_ARRAY', 'UTF8'),
      of('model_1', 'BYTE_ARRAY', 'UTF8'),
      of('ranking_id', 'INT64'),
      of('user_id', 'INT64'),
      of('num_example_per_prompt', 'INT64'),
      of('__index_level_0__', 'INT64'),
    ]);
    expect(children[3]!.element.logical_type).toEqual({ type: 'TIMESTAMP', unit: 'NANOS', isAdjustedToUTC: false });
  });

  it('gives a row that came in exactly as it came', async () => {
    const files = await written('pickapic', sourceOf([imported], [importedLabel]));
    const [row] = await parquetReadObjects({
      file: files.get(train)!.buffer,
      utf8: false,
      parsers: {
        ...(await import('hyparquet/src/convert.js')).DEFAULT_PARSERS,
        timestampFromNanoseconds: (n: bigint) => n as never,
      },
    });
    expect(row).toEqual({
      ...came,
      caption: 'Ein Häuschen, "rot"',
      created_at: BigInt(Date.parse('2023-01-02T03:04:05Z')) * 1_000_000n + 123_456_789n,
      jpg_0: pictureBytes('pictures/i1-0.jpg'),
      jpg_1: pictureBytes('pictures/i1-1.jpg'),
      label_0: 0,
      ranking_id: 1_144_421n,
      user_id: 9007199254740993n,
      num_example_per_prompt: 12n,
      __index_level_0__: 77n,
    });
  });

  it('says what a person says of it where they judged it again', async () => {
    const again: LabelEvent = { ...labelEvent('l2', 'i1'), answer: 'left', by: 'person:Ada' };
    const [row] = await rowsOf((await written('pickapic', sourceOf([imported], [importedLabel, again]))).get(train)!);
    expect(row).toMatchObject({ label_0: 1, label_1: 0, best_image_uid: 'u0', has_label: true, user_id: 0n });
    expect(row!['created_at']).toEqual(new Date(again.at));
  });

  it('leaves ties out unless they are asked for', async () => {
    const tie: LabelEvent = { ...labelEvent('l2', 'p2'), answer: 'tie' };
    const bad: LabelEvent = { ...labelEvent('l3', 'p3'), answer: 'bothBad' };
    const pairs = ['p1', 'p2', 'p3', 'p4'].map((id) => pairRecord(id));
    const source = sourceOf(pairs, [labelEvent('l1', 'p1'), tie, bad]);
    const planned = planPairsExport('pickapic', source);
    expect(planned).toMatchObject({ pairs: 1, leftOut: { tie: 1, bothBad: 1, skip: 0, unjudged: 1 } });
    const kept = await rowsOf((await written('pickapic', source, { keepTies: true })).get(train)!);
    expect(
      kept.map(({ label_0, label_1, has_label, best_image_uid }) => [label_0, label_1, has_label, best_image_uid]),
    ).toEqual([
      [1, 0, true, 'p1-0'],
      [0.5, 0.5, false, 'none'],
    ]);
  });

  it('holds a row group of pictures at a time, whatever their number', async () => {
    const pairs = Array.from({ length: 120 }, (_, i) => pairRecord(`p${i}`));
    const source = sourceOf(
      pairs,
      pairs.map(({ id }, i) => labelEvent(`l${i}`, id)),
      500_000,
    );
    const planned = planPairsExport('pickapic', source);
    let before = 0;
    let most = 0;
    const pieces: Uint8Array[] = [];
    for await (const piece of planned.single!.bytes()) {
      most = Math.max(most, source.reads.length - before);
      before = source.reads.length;
      pieces.push(piece);
    }
    // 32 MiB of pictures of 0.5 MB, in pairs.
    expect(most).toBe(68);
    const file = new Uint8Array(Buffer.concat(pieces));
    const metadata = await parquetMetadataAsync(file.buffer);
    expect(metadata.row_groups.map(({ num_rows }) => Number(num_rows))).toEqual([34, 34, 34, 18]);
    const last = (await rowsOf(file))[119]!['jpg_0'] as Uint8Array;
    expect(Buffer.compare(last, pictureBytes('images/p119-0.png', 500_000))).toBe(0);
  });

  it('cuts files at 500 MB, and numbers them', async () => {
    const pairs = Array.from({ length: 5 }, (_, i) => pairRecord(`p${i}`));
    const source = sourceOf(
      pairs,
      pairs.map(({ id }, i) => labelEvent(`l${i}`, id)),
    );
    source.files.size = () => Promise.resolve(120e6);
    const files = await written('pickapic', source);
    expect([...files.keys()]).toEqual([
      'README.md',
      'data/train-00000-of-00003.parquet',
      'data/train-00001-of-00003.parquet',
      'data/train-00002-of-00003.parquet',
    ]);
    const indices = await Promise.all(
      [...files.values()].slice(1).map(async (file) => (await rowsOf(file)).map((row) => row['__index_level_0__'])),
    );
    expect(indices).toEqual([[0n, 1n], [2n, 3n], [4n]]);
  });

  it('splits by prompt: no prompt is in both, and the card names the files', async () => {
    const pairs = Array.from({ length: 40 }, (_, i) => pairRecord(`p${i}`, { prompt: `prompt ${i % 10}` }));
    const source = sourceOf(
      pairs,
      pairs.map(({ id }, i) => labelEvent(`l${i}`, id)),
    );
    const files = await written('pickapic', source, { validation: 0.2 });
    const prompts = async (split: string): Promise<string[]> =>
      (await rowsOf(files.get(`data/${split}-00000-of-00001.parquet`)!)).map((row) => row['caption'] as string);
    const inTrain = await prompts('train');
    const held = await prompts('validation');
    expect([inTrain.length, held.length]).toEqual([32, 8]);
    expect(held.filter((prompt) => inTrain.includes(prompt))).toEqual([]);
    expect(text(files.get('README.md')!)).toContain('  - split: validation\n    path: data/validation-*\n');
  });
});

describe('pairs and chosen', () => {
  it('have what else the rows said, in types that hold it', async () => {
    const other = importedPair('i2', {
      source: { format: 'pairs', file: 'b', row: 1, fields: { rating: 0.5, note: 7, rare: null, caption: 'no' } },
    });
    const first = importedPair('i1', {
      source: { format: 'pairs', file: 'b', row: 0, fields: { rating: 2, note: 'x', seen: false } },
    });
    const source = sourceOf([first, other], [labelEvent('l1', 'i1'), { ...labelEvent('l2', 'i2'), answer: 'right' }]);
    const rows = await rowsOf((await written('pairs', source)).get(train)!);
    const jpg = (id: string): object => ({
      jpg_0: pictureBytes(`pictures/${id}-0.jpg`),
      jpg_1: pictureBytes(`pictures/${id}-1.jpg`),
    });
    expect(rows).toEqual([
      { caption: 'a red house', ...jpg('i1'), label_0: 1, rating: 2, note: 'x', seen: false, rare: null },
      { caption: 'a red house', ...jpg('i2'), label_0: 0, rating: 0.5, note: '7', seen: null, rare: null },
    ]);
    const chosen = (await written('chosen', source)).get(train)!;
    expect((await rowsOf(chosen))[1]).toMatchObject({
      prompt: 'a red house',
      chosen: { bytes: pictureBytes('pictures/i2-1.jpg'), path: '1-chosen.jpg' },
      rejected: { bytes: pictureBytes('pictures/i2-0.jpg'), path: '1-rejected.jpg' },
    });
    const { key_value_metadata } = await parquetMetadataAsync(chosen.buffer);
    expect(JSON.parse(key_value_metadata![0]!.value!)).toMatchObject({
      info: { features: { chosen: { _type: 'Image' }, rating: { dtype: 'float64' }, seen: { dtype: 'bool' } } },
    });
  });
});

describe('folders', () => {
  it('match winners and losers by name, with captions', async () => {
    const source = sourceOf([imported, pairRecord('p1')], [importedLabel, labelEvent('l2', 'p1')]);
    const files = await written('folders', source);
    expect([...files.keys()].toSorted()).toEqual([
      'lose/1.jpg',
      'lose/1.txt',
      'lose/2.png',
      'lose/2.txt',
      'metadata.jsonl',
      'win/1.jpg',
      'win/1.txt',
      'win/2.png',
      'win/2.txt',
    ]);
    expect(files.get('win/1.jpg')).toEqual(pictureBytes('pictures/i1-1.jpg'));
    expect(text(files.get('win/1.txt')!)).toBe('Ein Häuschen, "rot"');
    expect(JSON.parse(text(files.get('metadata.jsonl')!).split('\n')[0]!)).toEqual({
      image_0: 'lose/1.jpg',
      image_1: 'win/1.jpg',
      prompt: 'Ein Häuschen, "rot"',
      prefer_0: false,
      prefer_1: true,
    });
  });
});

describe('label-studio', () => {
  it('shuffles the sides of every pair, and says which picture stands on the left', async () => {
    const pairs = Array.from({ length: 12 }, (_, i) => pairRecord(`p${i}`));
    const source = sourceOf(pairs, []);
    const files = await written('label-studio', source);
    const tasks = JSON.parse(text(files.get('tasks.json')!)) as { data: Record<string, string | number> }[];
    const lefts = tasks.map(({ data }) => data['shown_left']);
    expect(new Set(lefts)).toEqual(new Set([0, 1]));
    for (const [n, { data }] of tasks.entries()) {
      const path = (side: string): string => String(data[side]).replace('/data/local-files/?d=', '');
      const left = data['shown_left'] as 0 | 1;
      expect(files.get(path('left'))).toEqual(pictureBytes(`images/p${n}-${left}.png`));
      expect(files.get(path('right'))).toEqual(pictureBytes(`images/p${n}-${1 - left}.png`));
      expect(data).toMatchObject({ pair: `p${n}`, prompt: 'a red house' });
    }
    const again = JSON.parse(
      text((await written('label-studio', source, { seed: 1, picturesAt: 'https://x/' })).get('tasks.json')!),
    ) as typeof tasks;
    expect(again.map(({ data }) => data['shown_left'])).not.toEqual(lefts);
    expect(again[0]!.data['left']).toMatch(/^https:\/\/x\/pictures\/01-[01]\.png$/);
  });
});

describe('jsonl', () => {
  it('is a pairs folder with everything, or every answer alone', async () => {
    const source = sourceOf([imported, pairRecord('p1')], [importedLabel]);
    const files = await written('jsonl', source);
    expect([...files.keys()]).toEqual([
      'pictures/i1-0.jpg',
      'pictures/i1-1.jpg',
      'images/p1-0.png',
      'images/p1-0.safetensors',
      'images/p1-1.png',
      'images/p1-1.safetensors',
      'labels.jsonl',
      'pairs.jsonl',
    ]);
    expect(JSON.parse(text(files.get('pairs.jsonl')!).split('\n')[0]!)).toEqual(imported);
    const alone = text(await joined(planPairsExport('jsonl', source).single!.bytes()));
    expect(JSON.parse(alone)).toMatchObject({ ...importedLabel, prompt: imported.prompt, winner: 1 });
  });
});

describe('refusals', () => {
  it('names what a format cannot say, and what has no answer', () => {
    const source = sourceOf([pairRecord('p1')], []);
    for (const kind of pairsExportKinds.filter((one) => one !== 'label-studio' && one !== 'jsonl'))
      expect(() => planPairsExport(kind, source)).toThrow('None of 1 pairs has an answer');
    const judged = sourceOf([pairRecord('p1')], [labelEvent('l1', 'p1')]);
    expect(() => planPairsExport('chosen', judged, { keepTies: true })).toThrow(
      'cannot say that two pictures are alike',
    );
    expect(() => planPairsExport('folders', judged, { validation: 0.1 })).toThrow('has no splits');
    expect(() => planPairsExport('pickapic', judged, { validation: 0.1 })).toThrow('splits are by prompt');
  });

  it('reads points in time and whole numbers as far as 64 bits hold them', () => {
    expect(nanoseconds('1970-01-01T00:00:00.000000001Z')).toBe(1n);
    expect(nanoseconds('1969-12-31 23:59:59.5')).toBe(-500_000_000n);
    expect(nanoseconds('2023-01-01T01:00:00+01:00')).toBe(nanoseconds('2023-01-01T00:00:00'));
    for (const none of [null, 'yesterday', '2300-01-01T00:00:00Z', 7]) expect(nanoseconds(none)).toBeNull();
    expect([whole('9223372036854775807'), whole('9223372036854775808'), whole(0.5), whole('x')]).toEqual([
      2n ** 63n - 1n,
      null,
      null,
      null,
    ]);
  });
});
