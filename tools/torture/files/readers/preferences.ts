/** Preference data of others: tables of any kind with their pictures beside, from recognising to the first pictures. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { byteRanges } from '../../../../src/data/formats/bytes.ts';
import { openPreferences } from '../../../../src/data/preferences/open.ts';
import { inOrder, type Place } from '../../../../src/data/preferences/places.ts';
import { previewPreferences } from '../../../../src/data/preferences/preview.ts';
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
  const { first, refused, ...counts } = await previewPreferences(set, { rows: 4 });
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

export const preferenceReaders: readonly Reader[] = [
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
    sources: ['data/formats/parquetRows'],
    words: ['PAR1', 'caption', 'jpg_0', 'label_0', 'huggingface'],
    seeds: (): Files[] => [
      { 'a.parquet': fixture('codecs/pickapic-none.parquet') },
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
