/** Tables of pairs as `load_dataset` finds them: `data/<split>-00000-of-0000N.parquet` and a card that names the splits; or one parquet file. */
import { parquetBytes, type ParquetColumn, type ParquetRow } from '../../formats/parquet.ts';
import type { ExportEntry, PairsExporter, ToWrite } from './exporter.ts';
import { type JudgedPair, splitByPrompt } from './judged.ts';

/** Of one file, in pictures: what the hub's own tools cut at. */
const SHARD_BYTES = 500e6;

export interface Table {
  columns: readonly ParquetColumn[];
  /** What Hugging Face's datasets are to make of the columns, where the parquet types do not say it. */
  features?: Readonly<Record<string, unknown>>;
  /** Row `index` of the whole. */
  row(judged: JudgedPair, index: number): Promise<ParquetRow>;
}

/** Of rows that are to be written: columns that come from fields depend on them. */
export type MakeTable = (given: ToWrite) => Table;

export const parquetExporter = (
  about: Pick<PairsExporter, 'title' | 'what' | 'ties'>,
  make: MakeTable,
): PairsExporter => ({
  ...about,
  splits: true,
  entries: (given) => tableFolder(given, make(given)),
  single: {
    extension: '.parquet',
    mediaType: 'application/vnd.apache.parquet',
    bytes: (given) => tableBytes(make(given), given.rows, 0),
  },
});

async function* tableFolder({ source, rows, options }: ToWrite, table: Table): AsyncGenerator<ExportEntry> {
  const splits = Object.entries(await splitByPrompt(rows, options.validation)).filter(([, held]) => held.length > 0);
  const card = [
    '---',
    'configs:',
    '- config_name: default',
    '  data_files:',
    ...splits.flatMap(([name]) => [`  - split: ${name}`, `    path: data/${name}-*`]),
    '---',
    '',
    `# ${source.name}`,
    '',
    `Pairs of pictures with the one that was preferred, written by Winnow: ${splits.map(([name, held]) => `${held.length} in ${name}`).join(', ')}.`,
    '',
  ].join('\n');
  yield { path: 'README.md', bytes: once(card) };
  let first = 0;
  for (const [name, held] of splits) {
    const shards = await shardsOf(held, source.files);
    for (const [i, shard] of shards.entries()) {
      const number = (n: number): string => String(n).padStart(5, '0');
      yield {
        path: `data/${name}-${number(i)}-of-${number(shards.length)}.parquet`,
        bytes: tableBytes(table, shard, first),
      };
      first += shard.length;
    }
  }
}

export async function* once(text: string): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  yield new TextEncoder().encode(text);
}

async function shardsOf(rows: readonly JudgedPair[], files: ToWrite['source']['files']): Promise<JudgedPair[][]> {
  const shards: JudgedPair[][] = [[]];
  let held = 0;
  for (const row of rows) {
    const [first, second] = row.pair.images;
    const bytes = (await files.size(first.file)) + (await files.size(second.file));
    if (held + bytes > SHARD_BYTES && held > 0) {
      shards.push([]);
      held = 0;
    }
    held += bytes;
    shards.at(-1)!.push(row);
  }
  return shards;
}

function tableBytes(
  { columns, features, row }: Table,
  rows: readonly JudgedPair[],
  first: number,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const made = async function* (): AsyncGenerator<ParquetRow> {
    for (const [i, judged] of rows.entries()) yield row(judged, first + i);
  };
  const metadata = features ? [{ key: 'huggingface', value: JSON.stringify({ info: { features } }) }] : [];
  return parquetBytes(columns, made(), metadata);
}
