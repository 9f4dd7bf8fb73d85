/** Which files are tables, and of what kind: by their first bytes, and by name where those leave it open. */
import { WinnowError } from '../../shared/errors.ts';
import { CsvTable } from '../formats/csvRows.ts';
import { JsonTable } from '../formats/jsonRows.ts';
import { ParquetTable } from '../formats/parquetRows.ts';
import type { NamedFile, Table } from '../formats/rows.ts';

const parquet = /\.(parquet|pq)$/i;
/** Of `datasets.save_to_disk`, whose other files are JSON: known, to be refused. */
const arrow = /\.arrow$/i;
const json = /\.(json|jsonl|ndjson)$/i;
const csv = /\.(csv|tsv)$/i;
/** By name, of a folder. Parquet goes before what lies beside it. */
const kinds = [parquet, arrow, /\.(json|jsonl|ndjson|csv|tsv)$/i];

/** Of a folder's files those that may be its tables. */
export function tableFiles(files: readonly string[]): string[] {
  for (const kind of kinds) {
    const found = files.filter((file) => kind.test(file));
    if (found.length > 0) return found;
  }
  return [];
}

export const isTableFile = (file: string): boolean => kinds.some((kind) => kind.test(file));

/** Rejects with BadFile, TruncatedFile, UnsupportedConfig. */
export async function openTable(file: NamedFile): Promise<Table> {
  if (file.size === 0)
    throw new WinnowError('BadFile', `${file.name} is empty (0 bytes).`, 'Download or export it again.');
  const head = await file.read(0, Math.min(64, file.size));
  const magic = String.fromCharCode(...head.subarray(0, 4));
  if (magic === 'PAR1' || magic === 'PARE' || parquet.test(file.name)) return ParquetTable.open(file);
  if (magic.startsWith('PK\x03\x04'))
    throw new WinnowError('BadFile', `${file.name} is a zip file.`, 'Unpack it, and bring the folder.');
  if (magic.startsWith('\x1f\x8b'))
    throw new WinnowError('BadFile', `${file.name} is compressed (gzip).`, 'Unpack it first.');
  if (magic.startsWith('ARRO') || arrow.test(file.name))
    throw new WinnowError('BadFile', `${file.name} is an Arrow file.`, 'Save it as parquet: dataset.to_parquet(…).');
  const first = new TextDecoder()
    .decode(head)
    .replace(/^\uFEFF/, '')
    .trimStart()[0];
  const isJson = json.test(file.name) || (!csv.test(file.name) && (first === '{' || first === '['));
  return isJson ? JsonTable.open(file) : CsvTable.open(file);
}
