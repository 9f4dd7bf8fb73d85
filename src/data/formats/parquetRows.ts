/** Parquet by range, through hyparquet: the footer, then what is asked for. Columns of bytes (pictures) are read later, page by page, so that
 *  neither counting nor a file of one giant row group takes more memory than its largest page. Always with `utf8: false`: else bytes become text.
 *  https://parquet.apache.org/docs/file-format/ */
import type { AsyncBuffer, Compressors, FileMetaData, RowGroup, SchemaTree } from 'hyparquet';
import { isWinnowError, WinnowError } from '../../shared/errors.ts';
import { type Cell, Later, type NamedFile, type ReadRows, type Table, type TableRow } from './rows.ts';

/** Rows of light columns in memory at once. */
const WINDOW_ROWS = 65_536;
/** A column chunk (one column of one row group) up to here is read whole. */
const WHOLE_BYTES = 4 * 2 ** 20;
/** In memory of light columns, unpacked. */
const WINDOW_BYTES = 64 * 2 ** 20;
/** Of one page: pyarrow's have 1 MiB, or one batch of large values. */
const MAX_PAGE_BYTES = 2 ** 30;
/** A page of this size may be made of a few bytes, as where all labels are the same; of a larger one deflate makes at most 1032 bytes of one. */
const MAX_BLOWN_BYTES = 16 * 2 ** 20;
const MOST_TIMES = 1100;
const HEAD_BYTES = 16_384;

interface PageLocation {
  offset: bigint;
  compressed_page_size: number;
  first_row_index: bigint;
}

/** Pages of one column chunk, found by their headers as far as they were needed. */
interface Pages {
  locations: PageLocation[];
  next: number;
  rows: number;
}

interface Group {
  rowGroup: RowGroup;
  start: number;
  rows: number;
}

interface Column {
  name: string;
  /** Bytes lie in it. */
  heavy: boolean;
  /** No lists in it: a page's rows can be counted by its header. */
  paged: boolean;
}

export class ParquetTable implements Table {
  readonly name: string;
  readonly columns: readonly string[];
  readonly count: number;
  readonly bytes: number;
  private readonly file: NamedFile;
  private readonly byName: Map<string, Column>;
  private readonly groups: Group[];
  private readonly metadata: FileMetaData;
  private readonly library: Library;
  private readonly compressors: Compressors;
  private readonly pages = new Map<string, Pages>();
  /** Column → the rows of it that were read last. */
  private readonly last = new Map<string, { group: number; start: number; values: ArrayLike<Cell> }>();

  private constructor(file: NamedFile, metadata: FileMetaData, library: Library, compressors: Compressors) {
    this.file = file;
    this.name = file.name;
    this.bytes = file.size;
    this.metadata = metadata;
    this.library = library;
    this.compressors = compressors;
    this.byName = new Map(
      library.parquetSchema(metadata).children.map((tree) => [tree.element.name, describe(tree)] as const),
    );
    this.columns = [...this.byName.keys()];
    if (this.columns.some((name) => typeof name !== 'string')) throw new Error('a column without a name');
    let start = 0;
    this.groups = metadata.row_groups.map((rowGroup) => {
      const rows = Number(rowGroup.num_rows);
      const group = { rowGroup, start, rows };
      start += rows;
      return group;
    });
    this.count = start;
  }

  /** Rejects with TruncatedFile, BadFile, or UnsupportedConfig for compression that is not read. */
  static async open(file: NamedFile): Promise<ParquetTable> {
    await checkMarks(file);
    const library = await loadLibrary();
    const metadata = await guarded(file.name, async () => {
      const found = await library.parquetMetadataAsync(asyncBuffer(file), { parsers, geoparquet: false });
      for (const { columns, num_rows: rows } of found.row_groups)
        if (!(rows >= 0n) || columns.some(({ meta_data }) => !meta_data || !Array.isArray(meta_data.path_in_schema)))
          throw new Error('a row group without its columns');
      return found;
    });
    const codecs = new Set(
      metadata.row_groups.flatMap(({ columns }) => columns.map(({ meta_data }) => meta_data!.codec)),
    );
    const compressors = await compressorsFor(codecs, file.name);
    return guarded(file.name, async () => new ParquetTable(file, metadata, library, compressors));
  }

  bytesOf(column: string): number {
    return this.sum(column, 'total_compressed_size');
  }

  isLater(column: string): boolean {
    return this.byName.get(column)?.heavy ?? false;
  }

  async *rows({ from = 0, columns = this.columns, signal }: ReadRows = {}): AsyncGenerator<TableRow> {
    const wanted = columns.flatMap((name) => this.byName.get(name) ?? []);
    const light = wanted.filter(({ heavy }) => !heavy);
    const heavy = wanted.filter((column) => column.heavy);
    for (const [index, group] of this.groups.entries()) {
      if (from >= group.start + group.rows) continue;
      const unpacked = light.reduce(
        (sum, { name }) => sum + this.chunkBytes(index, name, 'total_uncompressed_size'),
        0,
      );
      const share = Math.ceil((group.rows * WINDOW_BYTES) / Math.max(1, unpacked));
      const window = Math.max(1024, Math.min(WINDOW_ROWS, share));
      for (let start = Math.max(0, from - group.start); start < group.rows; start += window) {
        signal?.throwIfAborted();
        const end = Math.min(group.rows, start + window);
        const values: (readonly [string, ArrayLike<Cell>])[] = [];
        for (const column of light) values.push([column.name, await this.range(index, column, start, end)]);
        for (let row = start; row < end; row++) {
          const cells: Record<string, Cell> = {};
          for (const [name, list] of values) cells[name] = list[row - start] ?? null;
          for (const column of heavy) cells[column.name] = new Later(() => this.cell(index, column, row));
          yield { row: group.start + row, cells };
        }
      }
    }
  }

  private sum(column: string, what: 'total_compressed_size' | 'total_uncompressed_size'): number {
    return this.groups.reduce((sum, _, index) => sum + this.chunkBytes(index, column, what), 0);
  }

  private chunkBytes(group: number, column: string, what: 'total_compressed_size' | 'total_uncompressed_size'): number {
    let bytes = 0;
    for (const { meta_data } of this.groups[group]!.rowGroup.columns)
      if (meta_data!.path_in_schema[0] === column) bytes += Number(meta_data![what] ?? 0n);
    return bytes;
  }

  /** One cell, and with it the page that it lies on, which its neighbours will be asked of. */
  private async cell(index: number, column: Column, row: number): Promise<Cell> {
    const kept = this.last.get(column.name);
    if (kept?.group === index && row >= kept.start && row < kept.start + kept.values.length)
      return kept.values[row - kept.start] ?? null;
    this.last.delete(column.name);
    const [start, end] = await this.pageOf(index, column, row);
    const values = await this.range(index, column, start, end);
    this.last.set(column.name, { group: index, start, values });
    return values[row - start] ?? null;
  }

  /** Rows of the page that a row lies on: of the column's largest leaf. */
  private async pageOf(index: number, column: Column, row: number): Promise<[number, number]> {
    const { rowGroup, rows } = this.groups[index]!;
    if (!column.paged) return [0, rows];
    const chunks = rowGroup.columns.filter(({ meta_data }) => meta_data!.path_in_schema[0] === column.name);
    const sizes = chunks.map(({ meta_data }) => Number(meta_data!.total_compressed_size));
    const largest = chunks[sizes.indexOf(Math.max(...sizes))]?.meta_data?.path_in_schema.join('.');
    if (largest === undefined) throw this.damaged();
    const { locations, rows: found } = await this.locate(index, largest, row + 1);
    const at = locations.findLastIndex(({ first_row_index: first }) => Number(first) <= row);
    if (at < 0 || row >= found) throw this.damaged();
    return [
      Number(locations[at]!.first_row_index),
      Math.min(rows, at + 1 < locations.length ? Number(locations[at + 1]!.first_row_index) : found),
    ];
  }

  /** Walks the headers of a chunk's pages until `until` rows are passed: some bytes of each page. */
  private async locate(index: number, path: string, until: number): Promise<Pages> {
    const meta = this.groups[index]!.rowGroup.columns.find(
      ({ meta_data }) => meta_data!.path_in_schema.join('.') === path,
    )?.meta_data;
    if (!meta) throw this.damaged();
    const begin = Number(meta.dictionary_page_offset || meta.data_page_offset);
    const end = begin + Number(meta.total_compressed_size);
    const key = `${index} ${path}`;
    const pages = this.pages.get(key) ?? { locations: [], next: begin, rows: 0 };
    // Those of row groups that were passed are not needed again.
    for (const other of this.pages.keys()) if (!other.startsWith(`${index} `)) this.pages.delete(other);
    this.pages.set(key, pages);
    while (pages.rows < until && pages.next < end) {
      const { header, length } = await this.header(pages.next, end);
      const size = header.compressed_page_size;
      if (!(size >= 0) || pages.next + length + size > this.file.size) throw this.damaged();
      if (size > MAX_PAGE_BYTES || header.uncompressed_page_size > MAX_PAGE_BYTES) throw this.tooLarge(path);
      const rows = header.data_page_header_v2?.num_rows ?? header.data_page_header?.num_values ?? 0;
      if (header.type !== 'DICTIONARY_PAGE') {
        if (!(rows >= 0)) throw this.damaged();
        pages.locations.push({
          offset: BigInt(pages.next),
          compressed_page_size: length + size,
          first_row_index: BigInt(pages.rows),
        });
        pages.rows += rows;
      }
      pages.next += length + size;
    }
    return pages;
  }

  private async header(at: number, end: number) {
    for (let bytes = HEAD_BYTES; ; bytes *= 64) {
      const stop = Math.min(end, at + bytes, this.file.size);
      const head = await this.file.read(at, stop);
      const reader = { view: new DataView(head.buffer, head.byteOffset, head.byteLength), offset: 0 };
      try {
        const header = this.library.parquetHeader(reader);
        return { header, length: reader.offset };
      } catch {
        // Statistics in it may be long.
        if (at + bytes >= end || bytes > 2 ** 20) throw this.damaged();
      }
    }
  }

  /** Values of a column in rows [start, end) of a row group. */
  private async range(index: number, column: Column, start: number, end: number): Promise<ArrayLike<Cell>> {
    const { rowGroup, start: groupStart, rows: groupRows } = this.groups[index]!;
    const { library, metadata } = this;
    const values = await guarded(this.name, async () => {
      const pageLocations: Record<string, PageLocation[]> = {};
      let size = 0;
      for (const { meta_data } of rowGroup.columns) {
        const path = meta_data!.path_in_schema;
        if (path[0] !== column.name) continue;
        const bytes = Number(meta_data!.total_compressed_size);
        if (!column.paged || bytes <= WHOLE_BYTES) size += bytes;
        else pageLocations[path.join('.')] = (await this.locate(index, path.join('.'), end)).locations;
      }
      if (size > MAX_PAGE_BYTES) throw this.tooLarge(column.name);
      const plan = library.parquetPlanGroup({
        rowGroup,
        groupStart,
        groupRows,
        ranges: [[start, end]],
        columns: [column.name],
        pageLocations,
      });
      const options = {
        file: asyncBuffer(this.file),
        metadata,
        columns: [column.name],
        utf8: false,
        parsers,
        compressors: this.compressors,
      };
      const read = library.readRowGroup(options, { metadata, rowStart: 0, ...plan }, plan.groups[0]!);
      const [assembled] = library.assembleAsync(read, library.parquetSchema(metadata), parsers).asyncColumns;
      if (!assembled) throw new Error(`no column ${column.name}`);
      const { data, skipped } = await assembled.data;
      const flat = library.flatten(data) as ArrayLike<Cell>;
      return slice(flat, start - skipped, end - skipped);
    });
    if (values.length !== end - start) throw this.damaged();
    return values;
  }

  private damaged = (): WinnowError => damaged(this.name);

  private tooLarge(column: string): WinnowError {
    return new WinnowError(
      'BadFile',
      `${this.name} holds more than ${MAX_PAGE_BYTES / 2 ** 30} GiB of ${column} in one piece, which cannot be read in parts.`,
      'Write it again in smaller row groups (row_group_size=1000).',
    );
  }
}

type Library = Awaited<ReturnType<typeof loadLibrary>>;

/** Only what imports parquet needs it. The parts behind `hyparquet` itself let pages be read one by one; its version is pinned. */
async function loadLibrary() {
  const [main, plan, rowgroup, column, utils] = await Promise.all([
    import('hyparquet'),
    import('hyparquet/src/plan.js'),
    import('hyparquet/src/rowgroup.js'),
    import('hyparquet/src/column.js'),
    import('hyparquet/src/utils.js'),
  ]);
  return {
    parquetMetadataAsync: main.parquetMetadataAsync,
    parquetSchema: main.parquetSchema,
    parquetPlanGroup: plan.parquetPlanGroup,
    readRowGroup: rowgroup.readRowGroup,
    assembleAsync: rowgroup.assembleAsync,
    parquetHeader: column.parquetHeader,
    flatten: utils.flatten,
  };
}

/** Snappy is hyparquet's own; the others are loaded where a file has them, each held to what its page may become. */
async function compressorsFor(codecs: ReadonlySet<string>, name: string): Promise<Compressors> {
  const needed = [...codecs].filter((codec) => codec !== 'UNCOMPRESSED');
  if (needed.length === 0) return {};
  const known = ['SNAPPY', 'GZIP', 'BROTLI', 'ZSTD', 'LZ4', 'LZ4_RAW'];
  const foreign = needed.filter((codec) => !known.includes(codec));
  if (foreign.length > 0)
    throw new WinnowError(
      'UnsupportedConfig',
      `${name} is compressed in a way that is not read here (${foreign[0] ?? 'one without a name'}).`,
      "Write it again with compression='zstd' or 'snappy'.",
    );
  const library = await import('hyparquet-compressors');
  const { snappyUncompress } = await import('hyparquet');
  const bounded =
    (unpack: (input: Uint8Array, length: number) => Uint8Array) =>
    (input: Uint8Array, length: number): Uint8Array => {
      if (!(length >= 0) || length > MAX_PAGE_BYTES || length > Math.max(MAX_BLOWN_BYTES, input.length * MOST_TIMES))
        throw new Error(`a page of ${length} bytes in ${input.length}`);
      return unpack(input, length);
    };
  return {
    SNAPPY: bounded((input, length) => {
      const output = new Uint8Array(length);
      snappyUncompress(input, output);
      return output;
    }),
    GZIP: bounded((input, length) => library.gunzip(input, new Uint8Array(length))),
    BROTLI: bounded((input, length) => library.decompressBrotli(input, length)),
    ZSTD: bounded((input, length) => library.decompressZstd(input, new Uint8Array(length))),
    LZ4: bounded((input, length) => library.decompressLz4(input, length)),
    LZ4_RAW: bounded((input, length) => library.decompressLz4Raw(input, length)),
  };
}

/** Times as text, to the nanosecond: a Date would lose what goes out again. */
const parsers = {
  timestampFromMilliseconds: (millis: bigint): string => timeText(millis * 1_000_000n),
  timestampFromMicroseconds: (micros: bigint): string => timeText(micros * 1000n),
  timestampFromNanoseconds: (nanos: bigint): string => timeText(nanos),
  dateFromDays: (days: number): string => timeText(BigInt(days) * 86_400_000_000_000n).slice(0, 10),
  jsonFromBytes: (bytes: Uint8Array): string => bytes && new TextDecoder().decode(bytes),
};

/** Nanoseconds since 1970 → `2022-11-03T12:34:56.123456789Z`, without zeros at the end. */
function timeText(nanos: bigint): string {
  const second = 1_000_000_000n;
  const rest = ((nanos % second) + second) % second;
  const date = new Date(Number((nanos - rest) / 1_000_000n));
  if (Number.isNaN(date.getTime())) return String(nanos);
  const fraction = String(rest).padStart(9, '0').replace(/0+$/, '');
  return date.toISOString().replace(/\.\d+Z$/, fraction ? `.${fraction}Z` : 'Z');
}

function describe(tree: SchemaTree): Column {
  let heavy = false;
  let paged = true;
  const walk = (node: SchemaTree): void => {
    const { type, converted_type: converted, logical_type: logical, repetition_type: repetition } = node.element;
    if (repetition === 'REPEATED') paged = false;
    if (node.children.length === 0) {
      // Text is marked as such; numbers may be written as bytes, marked too.
      if (type === 'BYTE_ARRAY' && !converted && !logical) heavy = true;
    }
    node.children.forEach(walk);
  };
  walk(tree);
  return { name: tree.element.name, heavy, paged };
}

/** Ranges that lie in the file: others are a damaged footer's. */
const asyncBuffer = (file: NamedFile): AsyncBuffer => ({
  byteLength: file.size,
  async slice(start, end = file.size) {
    if (!(start >= 0 && start <= end && end <= file.size)) throw new Error(`bytes ${start} to ${end}`);
    const bytes = await file.read(start, end);
    if (bytes.byteLength !== end - start) throw new Error(`bytes ${start} to ${end} are missing`);
    return bytes.byteOffset === 0 && bytes.byteLength === bytes.buffer.byteLength
      ? (bytes.buffer as ArrayBuffer)
      : (bytes.slice().buffer as ArrayBuffer);
  },
});

function slice(values: ArrayLike<Cell>, start: number, end: number): ArrayLike<Cell> {
  if (start === 0 && end === values.length) return values;
  return Array.isArray(values) ? values.slice(start, end) : (values as Float64Array).subarray(start, end);
}

const MARK = 'PAR1';

async function checkMarks(file: NamedFile): Promise<void> {
  const text = (bytes: Uint8Array): string => String.fromCharCode(...bytes);
  if (file.size === 0)
    throw new WinnowError('BadFile', `${file.name} is empty (0 bytes).`, 'Download or export it again.');
  const head = text(await file.read(0, Math.min(4, file.size)));
  if (head === 'PARE')
    throw new WinnowError('UnsupportedConfig', `${file.name} is an encrypted parquet file.`, 'Export it unencrypted.');
  if (head.startsWith('vers') && file.size < 1024)
    throw new WinnowError(
      'BadFile',
      `${file.name} is a Git LFS pointer, the file itself was not fetched.`,
      'Run git lfs pull, or download it again.',
    );
  if (head !== MARK) throw new WinnowError('BadFile', `${file.name} is not a parquet file.`, 'Choose a parquet file.');
  const tail = file.size < 12 ? '' : text(await file.read(file.size - 4, file.size));
  if (tail === 'PARE')
    throw new WinnowError('UnsupportedConfig', `${file.name} is an encrypted parquet file.`, 'Export it unencrypted.');
  if (tail !== MARK)
    throw new WinnowError(
      'TruncatedFile',
      `${file.name} is cut off: a parquet file ends in its table of contents, and this one does not.`,
      'Download or copy it again.',
    );
}

const damaged = (name: string): WinnowError =>
  new WinnowError('BadFile', `${name} is a damaged parquet file.`, 'Download or export it again.');

/** What the library throws is a damaged file; what reading throws is told as it is. */
async function guarded<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isWinnowError(error) || (error instanceof DOMException && error.name === 'AbortError')) throw error;
    throw damaged(name);
  }
}
