/** From what a person brings to comparisons: which files are meant, what they are, which column is which, and then row by row. Nothing is stored
 *  here; pictures are read where somebody asks for them. */
import { WinnowError } from '../../shared/errors.ts';
import { type Cells, Later, type Table, type TableRow } from '../formats/rows.ts';
import { pictureOf, plain } from './cells.ts';
import {
  at,
  checkSaid,
  fieldNamed,
  fits,
  listed,
  type Mapping,
  mappingOf,
  missingOf,
  noColumn,
  type Where,
} from './mapping.ts';
import { inOrder, openFile, type Place } from './places.ts';
import {
  type Comparison,
  type Field,
  type FormatName,
  type PreferenceFormat,
  Refused,
  type Row,
} from './preference.ts';
import { splitNamed, splitsOf } from './splits.ts';
import { byContent, formats } from './table.ts';
import { isTableFile, openTable, tableFiles } from './tables.ts';

export interface OpenOptions {
  /** Guessed from the content if left out. */
  as?: FormatName | undefined;
  split?: string | undefined;
  where?: Where | undefined;
  /** Ours → theirs. */
  map?: Readonly<Record<string, string>> | undefined;
  perGroup?: number | undefined;
}

export interface Source {
  place: Place;
  /** Below the place's root. */
  file: string;
  table: Table;
  split: string;
  mapping: Mapping;
}

/** A row that gives a pair, or none and why. */
export type Found = {
  /** Index into the set's sources. */
  source: number;
  /** From 0, in its file. */
  row: number;
} & ({ comparison: Comparison; refused?: undefined } | { comparison?: undefined; refused: string });

export interface ReadSet {
  /** Of comparisons, refused ones among them, over all sources. */
  skip?: number | undefined;
  limit?: number | undefined;
  /** Whether only what is counted is wanted: what a row says beside is left out. */
  counting?: boolean | undefined;
  signal?: AbortSignal | undefined;
}

export interface PreferenceSet {
  format: PreferenceFormat;
  sources: readonly Source[];
  /** Of all files that were found, whether or not they are taken. */
  splits: readonly string[];
  /** Rows of all sources; null where only reading tells. */
  rows: number | null;
  /** What else a person should know, in sentences. */
  notes: readonly string[];
  /** What it was opened with: the same request on the same files is the same set. */
  request: Readonly<Record<string, unknown>>;
  read(options?: ReadSet): AsyncGenerator<Found>;
}

/** Rows that are looked at to know a format. */
const SAMPLE = 16;
/** Rows of pictures that wait for the others of their group. */
const MAX_WAITING = 1_000_000;

/** Rejects with NotFound, BadFile, TruncatedFile, MissingColumns and the like. */
export async function openPreferences(places: readonly Place[], options: OpenOptions = {}): Promise<PreferenceSet> {
  const { as, where = new Map<string, string[]>(), map = {}, perGroup } = options;
  const found: Omit<Source, 'mapping'>[] = [];
  let format: PreferenceFormat | undefined = as && formats[as];
  for (const place of places) {
    const special = await ofFolder(place, format);
    if (special) {
      format ??= special.format;
      found.push(...special.tables.map((one) => ({ place, split: 'train', ...one })));
    } else found.push(...(await tablesOf(place, options.split)));
  }
  if (found.length === 0)
    throw new WinnowError(
      'NotFound',
      `${places.map(({ name }) => name).join(', ')} ${places.length === 1 ? 'holds' : 'hold'} no preference data that is known.`,
      'Bring parquet, CSV, JSON or JSONL, or folders of pictures: see winnow import --help.',
    );
  const splits = [...new Set(found.map(({ split }) => split))];
  const wanted = options.split === undefined ? undefined : splitNamed(options.split);
  const taken = found.filter(({ split }) => wanted === undefined || split === wanted || split === options.split);
  if (taken.length === 0)
    throw new WinnowError(
      'BadArguments',
      `There is no split ${options.split}.`,
      `Choose one of ${splits.join(', ')}, or leave it out.`,
    );
  const notes: string[] = [];
  let sources: Source[];
  ({ format, sources } = await recognise(taken, format, map, notes));
  for (const { file, table } of sources) {
    for (const column of where.keys())
      if (!table.columns.includes(column) && !table.columns.includes(column.split('.', 1)[0]!))
        throw noColumn(column, table.columns, file);
      else if (table.isLater?.(column))
        throw new WinnowError(
          'BadArguments',
          `${column} of ${file} holds bytes, which --where cannot compare.`,
          'Choose a column of text or numbers.',
        );
    checkSaid(format, table.columns, map, file);
  }
  const counts = sources.map(({ table }) => table.count);
  return {
    format,
    sources,
    splits,
    notes,
    request: { format: format.name, where: [...where], map, perGroup, split: options.split },
    rows: counts.includes(null) ? null : counts.reduce<number>((sum, count) => sum + count!, 0),
    read: (reading) => readSet({ format, sources, places, where, perGroup }, reading ?? {}),
  };
}

/** A folder that is no table itself, as one of its formats reads it. */
async function ofFolder(
  place: Place,
  asked: PreferenceFormat | undefined,
): Promise<{ format: PreferenceFormat; tables: { table: Table; file: string }[] } | undefined> {
  for (const format of asked ? [asked] : byContent) {
    const tables = await format.tables?.(place);
    if (tables && tables.length > 0) return { format, tables };
  }
  return undefined;
}

async function tablesOf(place: Place, split: string | undefined): Promise<Omit<Source, 'mapping'>[]> {
  const files = place.folder ? tableFiles(place.files) : inOrder(place.files);
  // Several files that were dropped together: tables, and pictures beside them.
  const tables = !place.folder && files.length > 1 ? files.filter(isTableFile) : files;
  const splits = await splitsOf(place, tables);
  const wanted = split === undefined ? undefined : splitNamed(split);
  const known = [...splits.values()].some((one) => one === wanted || one === split);
  const opened: Omit<Source, 'mapping'>[] = [];
  for (const [file, its] of splits) {
    // Those of other splits need not be whole.
    if (known && its !== wanted && its !== split) continue;
    opened.push({ place, file, split: its, table: await openTable(await openFile(place, file)) });
  }
  return opened;
}

/** The format that the first table is of, and the tables that are of it. */
async function recognise(
  found: readonly Omit<Source, 'mapping'>[],
  given: PreferenceFormat | undefined,
  map: Readonly<Record<string, string>>,
  notes: string[],
): Promise<{ format: PreferenceFormat; sources: Source[] }> {
  const firsts = await Promise.all(found.map(async ({ table }) => (table.columns.length > 0 ? firstRows(table) : [])));
  const fitsTo = (format: PreferenceFormat, i: number): boolean => {
    const { table } = found[i]!;
    return (
      Object.keys(map).every((name) => fieldNamed(format, name)) &&
      missingOf(format, mappingOf(format, table.columns, map)).length === 0 &&
      (given === format || format.recognise(new Set(table.columns), firsts[i]!))
    );
  };
  let format = given;
  for (let i = 0; format === undefined && i < found.length; i++) format = byContent.find((one) => fitsTo(one, i));
  if (format === undefined || !found.some((_, i) => fitsTo(format, i))) {
    const { file, table } = found[0]!;
    throw unknown(file, table, given, map);
  }
  const sources: Source[] = [];
  for (const [i, source] of found.entries()) {
    if (fitsTo(format, i)) sources.push({ ...source, mapping: mappingOf(format, source.table.columns, map) });
    else notes.push(`${source.file} is no ${format.title} and was left out.`);
  }
  return { format, sources };
}

async function firstRows(table: Table): Promise<Cells[]> {
  const first: Cells[] = [];
  for await (const { cells } of table.rows()) {
    first.push(cells);
    if (first.length === SAMPLE) break;
  }
  return first;
}

/** Names what is missing, of the format that was asked for, or of the one that comes nearest. */
function unknown(
  file: string,
  { columns }: Table,
  given: PreferenceFormat | undefined,
  map: Readonly<Record<string, string>>,
): WinnowError {
  const missing = (format: PreferenceFormat): Field[] => missingOf(format, mappingOf(format, columns, map));
  const found = (format: PreferenceFormat): number => {
    const mapping = mappingOf(format, columns, map);
    return format.fields.filter(({ ours, is }) => is !== 'more' && mapping.has(ours)).length;
  };
  const nearest =
    given ??
    byContent
      .filter((format) => !format.tables && format !== formats.pickapic)
      .toSorted((a, b) => found(b) - found(a) || missing(a).length - missing(b).length)[0]!;
  const lacking = missing(nearest);
  const names = lacking.map(({ ours, what }) => `${ours} (${what})`);
  return new WinnowError(
    'MissingColumns',
    `${file} lacks ${names.length > 0 ? names.join(', ') : 'what tells its format'}, as ${nearest.name} needs; it has ${listed(columns)}.`,
    lacking.length > 0
      ? `Say which column is which by ${lacking.map(({ ours }) => `--map ${ours}=COLUMN`).join(' ')}, or which format it is by --as.`
      : 'Say which format it is by --as.',
  );
}

interface Reading {
  format: PreferenceFormat;
  sources: readonly Source[];
  places: readonly Place[];
  where: Where;
  perGroup: number | undefined;
}

async function* readSet(
  set: Reading,
  { skip = 0, limit = Infinity, counting = false, signal }: ReadSet,
): AsyncGenerator<Found> {
  let index = 0;
  for (const [source, one] of set.sources.entries()) {
    for await (const { row, read } of groupsOf(set, one, counting, signal)) {
      const found = await read();
      for (const comparison of found.length > 0 ? found : []) {
        if (index++ < skip) continue;
        if (index > skip + limit) return;
        yield { source, row, ...comparison };
      }
      if (index >= skip + limit) return;
    }
  }
}

type Read = { comparison: Comparison; refused?: undefined } | { comparison?: undefined; refused: string };

/** Rows, or groups of rows, each with how it's read. */
async function* groupsOf(
  set: Reading,
  source: Source,
  counting: boolean,
  signal: AbortSignal | undefined,
): AsyncGenerator<{ row: number; read: () => Promise<Read[]> }> {
  const { format, where } = set;
  const { table, mapping } = source;
  const columns = counting
    ? [
        ...new Set(
          [...mapping.values(), ...where.keys()].map((name) =>
            table.columns.includes(name) ? name : name.split('.', 1)[0]!,
          ),
        ),
      ]
    : undefined;
  const readAll = async (rows: readonly TableRow[]): Promise<Read[]> => {
    try {
      const found = await format.read(
        rows.map((row) => rowOf(row, set, source)),
        { perGroup: set.perGroup },
      );
      return found.map((comparison) => ({ comparison }));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return [{ refused: error.message }];
    }
  };
  const waiting = new Map<string, TableRow[]>();
  let count = 0;
  for await (const row of table.rows({ columns, signal })) {
    if (row.problem !== undefined) {
      const { problem } = row;
      yield { row: row.row, read: async () => [{ refused: problem }] };
      continue;
    }
    if (where.size > 0 && !fits(row.cells, where)) continue;
    const its = format.groupOf?.(rowOf(row, set, source));
    if (!its) {
      yield { row: row.row, read: () => readAll([row]) };
      continue;
    }
    const group = waiting.get(its.key) ?? [];
    group.push(row);
    waiting.set(its.key, group);
    if (group.length === its.size) {
      waiting.delete(its.key);
      count -= group.length - 1;
      yield { row: group[0]!.row, read: () => readAll(group) };
    } else if (++count > MAX_WAITING)
      throw new WinnowError(
        'BadFile',
        `${source.file} has more than ${MAX_WAITING.toLocaleString('en')} rows whose groups are not whole.`,
        'Sort it by prompt, or import it in parts.',
      );
  }
  for (const group of waiting.values()) yield { row: group[0]!.row, read: () => readAll(group) };
}

function rowOf({ row, cells }: TableRow, { format, places }: Reading, { mapping, place, file }: Source): Row {
  const own = new Set(format.fields.filter(({ is }) => is !== 'more').flatMap(({ ours }) => mapping.get(ours) ?? []));
  return {
    row,
    cells,
    column: (ours) => mapping.get(ours),
    cell: (ours) => {
      const column = mapping.get(ours);
      if (column === undefined) return null;
      return at(
        cells,
        format.inside === undefined || Object.hasOwn(cells, column) ? column : `${format.inside}.${column}`,
      );
    },
    picture: (cell, what) => pictureOf(cell, what, places, place, file),
    rest: () => {
      const fields: Comparison['fields'] = {};
      for (const [name, cell] of Object.entries(cells)) {
        if (own.has(name) || cell instanceof Later) continue;
        const value = plain(cell);
        if (value !== undefined) fields[name] = value;
      }
      return fields;
    },
  };
}
