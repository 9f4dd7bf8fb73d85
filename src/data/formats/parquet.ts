/** Parquet files, written row group by row group: of what is larger than memory, one group is held. https://parquet.apache.org/docs/file-format/ */
import type { KeyValue, SchemaElement } from 'hyparquet-writer';

export interface ParquetColumn {
  name: string;
  /** The element of that name, and those below it. */
  schema: readonly SchemaElement[];
  /** Bytes that do not shrink: as they are, and without statistics. */
  raw?: true;
}

/** By the columns' names; null and undefined are nulls. */
export type ParquetRow = Readonly<Record<string, unknown>>;

const leaf = (name: string, element: Omit<SchemaElement, 'name'>): ParquetColumn => ({
  name,
  schema: [{ name, repetition_type: 'OPTIONAL', ...element }],
});

/** What a column's values are: string; Uint8Array; bigint; number; boolean. */
export const column = {
  string: (name: string) =>
    leaf(name, { type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } }),
  /** Un-annotated BYTE_ARRAY. */
  binary: (name: string): ParquetColumn => ({ ...leaf(name, { type: 'BYTE_ARRAY' }), raw: true }),
  boolean: (name: string) => leaf(name, { type: 'BOOLEAN' }),
  int64: (name: string) => leaf(name, { type: 'INT64' }),
  double: (name: string) => leaf(name, { type: 'DOUBLE' }),
  float: (name: string) => leaf(name, { type: 'FLOAT' }),
  /** Nanoseconds since 1970, of no time zone, as pandas writes them: bigint. */
  timestamp: (name: string) =>
    leaf(name, { type: 'INT64', logical_type: { type: 'TIMESTAMP', unit: 'NANOS', isAdjustedToUTC: false } }),
  /** Arrays of numbers. */
  int32List: (name: string): ParquetColumn => ({
    name,
    schema: [
      { name, repetition_type: 'OPTIONAL', num_children: 1, converted_type: 'LIST', logical_type: { type: 'LIST' } },
      { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
      { name: 'element', repetition_type: 'OPTIONAL', type: 'INT32' },
    ],
  }),
  /** The Image of Hugging Face's datasets: `{ bytes, path }`. */
  image: (name: string): ParquetColumn => ({
    name,
    schema: [
      { name, repetition_type: 'OPTIONAL', num_children: 2 },
      { name: 'bytes', repetition_type: 'OPTIONAL', type: 'BYTE_ARRAY' },
      { name: 'path', repetition_type: 'OPTIONAL', type: 'BYTE_ARRAY', converted_type: 'UTF8' },
    ],
    raw: true,
  }),
} satisfies Record<string, (name: string) => ParquetColumn>;

/** Of one row group: what is held at once. */
const GROUP_ROWS = 1000;
const GROUP_BYTES = 32 * 2 ** 20;

/** The bytes of a file, to be taken in order; a row is asked for when those before it are taken. */
export async function* parquetBytes(
  columns: readonly ParquetColumn[],
  rows: AsyncIterable<ParquetRow>,
  metadata: readonly KeyValue[] = [],
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  // Only what writes one needs it.
  const { ByteWriter, ParquetWriter } = await import('hyparquet-writer');
  const writer = new ByteWriter();
  const taken = (): Uint8Array<ArrayBuffer> => {
    const bytes = new Uint8Array(writer.getBuffer());
    writer.index = 0;
    return bytes;
  };
  const file = new ParquetWriter({
    writer,
    schema: [{ name: 'schema', num_children: columns.length }, ...columns.flatMap(({ schema }) => schema)],
    kvMetadata: [...metadata],
    createdBy: 'winnow',
  });
  let group: ParquetRow[] = [];
  let held = 0;
  const write = (): Uint8Array<ArrayBuffer> => {
    void file.write({
      columnData: columns.map(({ name, raw }) => ({
        name,
        data: group.map((row) => row[name] ?? null),
        ...(raw && { encoding: 'PLAIN' as const, codec: 'UNCOMPRESSED' as const, statistics: false }),
      })),
      rowGroupSize: group.length,
    });
    [group, held] = [[], 0];
    return taken();
  };
  for await (const row of rows) {
    group.push(row);
    held += bytesOf(Object.values(row));
    if (group.length >= GROUP_ROWS || held >= GROUP_BYTES) yield write();
  }
  if (group.length > 0) yield write();
  void file.finish();
  yield taken();
}

function bytesOf(values: readonly unknown[]): number {
  let sum = 0;
  for (const value of values)
    if (value instanceof Uint8Array) sum += value.length;
    else if (typeof value === 'object' && value !== null && !Array.isArray(value)) sum += bytesOf(Object.values(value));
  return sum;
}
