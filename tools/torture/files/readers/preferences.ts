/** Preference data of others: tables of any kind with their pictures beside, from recognising to the first pictures. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { byteRanges } from '../../../../src/data/formats/bytes.ts';
import { formatJsonl } from '../../../../src/data/formats/jsonl.ts';
import { column, parquetBytes, type ParquetRow } from '../../../../src/data/formats/parquet.ts';
import { openPreferences } from '../../../../src/data/preferences/open.ts';
import { inOrder, type Place } from '../../../../src/data/preferences/places.ts';
import { previewPreferences } from '../../../../src/data/preferences/preview.ts';
import { importedPair, labelEvent, pairRecord } from '../../../../src/records/testRecords.ts';
import { bytesOf, type Files } from '../mutate.ts';
import { allFinite, check, type Reader } from './reader.ts';

const fixture = (path: string): Uint8Array => new Uint8Array(readFileSync(join('tools/preferences/fixtures', path)));
/** Under the names that they have in the fixtures' folder. */
const files = (folder: string, ...paths: string[]): Files =>
  Object.fromEntries(paths.map((path) => [path, fixture(`${folder}/${path}`)]));

function memoryPlace(given: Files): Place {
  return {
    name: 'folder',
    folder: true,
    files: inOrder(Object.keys(given)),
    open: async (path) => (Object.hasOwn(given, path) ? byteRanges(given[path]!) : undefined),
  };
}

async function preview(given: Files): Promise<void> {
  const set = await openPreferences([memoryPlace(given)]);
  const { first, refused, ...counts } = await previewPreferences(set, { rows: 2 });
  const { counted, usable, ties, prompts, bytesNeeded } = counts;
  allFinite({ counted, usable, ties, prompts, bytesNeeded });
  check(usable + ties <= counted, 'more pairs than rows');
  check(
    refused.every(
      ({ row, reason }) => row >= 0 && reason.length > 0 && reason.length < 1000 && !/undefined|\[object/.test(reason),
    ),
    'a row that is refused without a reason',
  );
  // As the page's worker sends it.
  structuredClone(first);
}

const base = 'data/preferences';

/** As our own exports are. */
async function* exportedRows(): AsyncGenerator<ParquetRow> {
  for (const i of [0, 1, 2])
    yield {
      caption: `a tree, ${i}`,
      jpg_0: fixture(`pairs/beside/images/${i}_0.png`),
      jpg_1: fixture(`pairs/beside/images/${i}_1.png`),
      label_0: i / 2,
    };
}
const exported = async (): Promise<Uint8Array> => {
  const { string, binary, double } = column;
  const columns = [string('caption'), binary('jpg_0'), binary('jpg_1'), double('label_0')];
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for await (const part of parquetBytes(columns, exportedRows())) parts.push(part);
  return new Uint8Array(await new Blob(parts).arrayBuffer());
};
const written = await exported();

const own = (): Files => ({
  'pairs.jsonl': bytesOf(formatJsonl([pairRecord('p'), importedPair('q')])),
  'labels.jsonl': bytesOf(formatJsonl([labelEvent('a', 'p'), labelEvent('b', 'q')])),
});
const events = (): Files => {
  const { prompt, images } = pairRecord('p');
  return { 'mine.jsonl': bytesOf(formatJsonl([{ ...labelEvent('a', 'p'), winner: 0, prompt, images }])) };
};

export const preferenceReaders: readonly Reader[] = [
  {
    name: 'preference sets',
    sources: ['hpd', 'imagereward', 'rankings', 'metadata', 'folders', 'labelStudio', 'winnow', 'preview', 'tally'].map(
      (name) => `${base}/${name}`,
    ),
    words: [
      'human_preference',
      'rank',
      'image_path',
      'choice_dist',
      'generations',
      'annotations',
      'was_cancelled',
      'selected',
      'shown_left',
      '?d=',
      'prefer_0',
      'file_name',
      'win/',
      'retract',
    ],
    seeds: (): Files[] => [
      files('hpd', 'train.json', 'train/0a.jpg', 'train/0b.jpg'),
      files('hpd', 'test.json', 'test/h0.jpg', 'test/h1.jpg', 'test/h2.jpg'),
      files('hpdv3', 'train.json', 'images/0w.png', 'images/0l.png'),
      files('imagereward', 'test.json', 'images/0-0.webp', 'images/0-1.webp', 'images/0-2.webp'),
      {
        'a.csv': bytesOf(
          'image_path,prompt_id,prompt,rank,overall_rating,image_amount_in_total\na.png,1,a cat,1,6,2\nb.png,1,a cat,2,,2\n',
        ),
      },
      files('metadata', 'metadata.jsonl', 'images/0a.png', 'images/0b.png'),
      files('folders/win-lose', 'win/a.png', 'lose/a.jpg', 'win/a.txt'),
      files('folders/w-l', 'w/a.png', 'l/a.jpg', 'metadata.jsonl'),
      files('folders/chosen-rejected', 'chosen/a.png', 'rejected/a.jpg', 'metadata.csv'),
      files('label-studio', 'export.json', '0a.png', '0b.png'),
      own(),
      events(),
    ],
    read: preview,
    share: 0.5,
  },
  {
    name: 'preference tables',
    sources: [
      'data/formats/rows',
      'data/formats/textPieces',
      'data/formats/csvRows',
      'data/formats/jsonRows',
      `${base}/open`,
      `${base}/cells`,
      `${base}/mapping`,
      `${base}/splits`,
      `${base}/pairs`,
      `${base}/chosen`,
    ],
    words: [
      'caption',
      'jpg_0',
      'jpg_1',
      'label_0',
      'prompt',
      'chosen',
      'rejected',
      'configs:',
      '../',
      'nan',
      '0.5',
      '"',
      '\r\n',
    ],
    seeds: (): Files[] => {
      const beside = (name: string): Files =>
        files('pairs/beside', name, 'images/0_0.png', 'images/0_1.png', 'images/1_0.png', 'images/1_1.png');
      return [
        beside('crlf-bom.csv'),
        beside('tabs.tsv'),
        beside('lines.jsonl'),
        beside('array.json'),
        files('chosen/files', 'train.jsonl', 'pictures/0-good.webp', 'pictures/0-poor.png'),
        { 'README.md': fixture('readme/README.md'), 'files/a.csv': fixture('pairs/beside/crlf-bom.csv') },
        { 'a.csv': bytesOf('prompt,chosen,rejected\na cat,a.png,b.png\n') },
      ];
    },
    read: preview,
    share: 0.5,
  },
  {
    name: 'preference parquet',
    // parquet.ts writes what parquetRows.ts reads.
    sources: ['data/formats/parquetRows', 'data/formats/parquet'],
    words: ['PAR1', 'caption', 'jpg_0', 'label_0', 'huggingface'],
    seeds: (): Files[] => [
      { 'a.parquet': fixture('codecs/pickapic-none.parquet') },
      { 'a.parquet': written },
      { 'a.parquet': fixture('codecs/pickapic-zstd.parquet') },
      { 'a.parquet': fixture('codecs/pages-1.parquet') },
      { 'a.parquet': fixture('codecs/pages-2.parquet') },
      { 'a.parquet': fixture('pairs/structs.parquet') },
      { 'a.parquet': fixture('chosen/lists.parquet') },
    ],
    read: preview,
    share: 0.3,
  },
];
