/** JSON of others as a table: lines of objects, one array of them, or objects one after another, read piece by piece; also an object that holds
 *  the array (`{"data": […]}`), or one object a row under its key. */
import { isWinnowError, WinnowError } from '../../shared/errors.ts';
import { isRecord, parseJson } from '../../shared/json.ts';
import type { Cells, NamedFile, ReadRows, Table, TableRow } from './rows.ts';
import { textPieces } from './textPieces.ts';

/** Of one value. */
const MAX_VALUE = 64 * 2 ** 20;
/** Rows that are looked at for the names of columns. */
const SAMPLE = 64;

export class JsonTable implements Table {
  readonly name: string;
  readonly columns: readonly string[];
  readonly count: number | null;
  readonly bytes: number;
  private readonly file: NamedFile;
  /** Of a file whose rows lie inside one object. */
  private readonly inside: readonly Cells[] | undefined;

  private constructor(file: NamedFile, columns: readonly string[], inside: readonly Cells[] | undefined) {
    this.file = file;
    this.name = file.name;
    this.bytes = file.size;
    this.columns = columns;
    this.inside = inside;
    this.count = inside?.length ?? null;
  }

  /** Rejects with BadFile for what holds no objects. */
  static async open(file: NamedFile): Promise<JsonTable> {
    const columns = new Set<string>();
    const sample: Cells[] = [];
    let read = 0;
    for await (const { cells } of jsonRows(file)) {
      Object.keys(cells).forEach((key) => columns.add(key));
      if (Object.keys(cells).length > 0) sample.push(cells);
      if (++read === SAMPLE) break;
    }
    // One row of an array, or of lines, is a row, whatever lists it holds.
    if (read === 1 && sample.length === 1 && !isRow(sample[0]!) && !(await isArray(file))) {
      const inside = rowsInside(sample[0]!);
      if (inside) return new JsonTable(file, [...new Set(inside.slice(0, SAMPLE).flatMap(Object.keys))], inside);
    }
    if (read > 0 && sample.length === 0)
      throw new WinnowError('BadFile', `${file.name} holds no JSON objects.`, 'Choose JSON with one object a row.');
    return new JsonTable(file, [...columns], undefined);
  }

  async *rows({ from = 0, signal }: ReadRows = {}): AsyncGenerator<TableRow> {
    if (this.inside) {
      for (let row = from; row < this.inside.length; row++) yield { row, cells: this.inside[row]! };
      return;
    }
    for await (const row of jsonRows(this.file, signal)) if (row.row >= from) yield row;
  }
}

const isRow = (cells: Cells): boolean => ['prompt', 'caption'].some((name) => typeof cells[name] === 'string');

async function isArray(file: NamedFile): Promise<boolean> {
  for await (const piece of textPieces(file)) if (piece.trim() !== '') return piece.trimStart().startsWith('[');
  return false;
}

/** What a list of rows is called. */
const wrappers = /^(data|rows|items|records|examples|pairs|results|entries|tasks|train|validation|test)$/i;

function rowsInside(value: Cells): readonly Cells[] | undefined {
  const entries = Object.entries(value);
  const lists = entries.filter(
    ([name, list]) => wrappers.test(name) && Array.isArray(list) && list.length > 0 && list.every(isRecord),
  );
  if (lists.length === 1) return lists[0]![1] as Cells[];
  if (entries.length > 0 && entries.every(([, row]) => isRecord(row) && Object.keys(row).length > 1))
    return entries.map(([key, row]) => ({ key, ...(row as Cells) }));
  return undefined;
}

async function* jsonRows(file: NamedFile, signal?: AbortSignal): AsyncGenerator<TableRow> {
  let row = 0;
  for await (const text of values(file, signal)) {
    let found: TableRow;
    try {
      const value = parseJson(withoutNaN(text), { file: 'It', limit: MAX_VALUE });
      found = isRecord(value) ? { row, cells: value } : { row, cells: {}, problem: 'it is no JSON object' };
    } catch (error) {
      if (!isWinnowError(error)) throw error;
      found = { row, cells: {}, problem: 'it is not valid JSON' };
    }
    yield found;
    row++;
  }
}

/** Python writes NaN and Infinity into JSON, where they have no place: nothing is said there. */
const withoutNaN = (text: string): string =>
  /\b(NaN|Infinity)\b/.test(text)
    ? text.replace(/"[^"\\]*(?:\\.[^"\\]*)*"|-?\b(?:NaN|Infinity)\b/g, (part) => (part.startsWith('"') ? part : 'null'))
    : text;

/** Texts of the values one after another; of an array, of its entries. */
async function* values(file: NamedFile, signal?: AbortSignal): AsyncGenerator<string> {
  let splitter: Splitter | undefined;
  let text = '';
  for await (const piece of textPieces(file, signal)) {
    text += piece;
    splitter ??= splitterOf(text, piece.length >= file.size);
    if (!splitter) continue;
    yield* splitter.take(text);
    text = splitter.rest;
    if (text.length > MAX_VALUE)
      throw new WinnowError('BadFile', `${file.name} holds a value of more than 64 MiB.`, 'Split it into rows.');
  }
  if (text.trim() !== '' || splitter?.open) {
    splitter ??= splitterOf(text, true) ?? new Lines();
    yield* splitter.take(`${text}\n`);
    if (splitter.open || splitter.rest.trim() !== '')
      throw new WinnowError(
        'TruncatedFile',
        `${file.name} ends in the middle of its JSON.`,
        'Download or copy it again.',
      );
  }
}

interface Splitter {
  /** What was not taken yet. */
  rest: string;
  /** Whether more must come. */
  open: boolean;
  take(text: string): string[];
}

/** Lines, where the first one is a whole object; else by brackets. Undefined while that is not plain. */
function splitterOf(text: string, whole: boolean): Splitter | undefined {
  const first = text.trimStart();
  if (first === '' && !whole) return undefined;
  if (first.startsWith('[')) return new Brackets(true);
  const end = first.indexOf('\n');
  if (end < 0 && !whole) return first.length > MAX_VALUE ? new Lines() : undefined;
  try {
    JSON.parse(end < 0 ? first : first.slice(0, end));
    return new Lines();
  } catch {
    return first.startsWith('{') ? new Brackets(false) : new Lines();
  }
}

class Lines implements Splitter {
  rest = '';
  readonly open = false;

  take(text: string): string[] {
    const lines = text.split('\n');
    this.rest = lines.pop()!;
    return lines.filter((line) => line.trim() !== '');
  }
}

/** Entries of an array, or objects one after another. */
class Brackets implements Splitter {
  rest = '';
  open: boolean;
  /** Of `rest`: how far it was looked at, and what stood open there. */
  private at = 0;
  private depth = 0;
  private quoted = false;
  private begun: boolean;

  constructor(array: boolean) {
    this.open = array;
    this.begun = !array;
  }

  take(text: string): string[] {
    const found: string[] = [];
    let start = 0;
    let i = this.at;
    if (!this.begun) {
      i = text.indexOf('[') + 1;
      start = i;
      this.begun = true;
    }
    for (; i < text.length; i++) {
      const char = text.charCodeAt(i);
      if (this.quoted) {
        if (char === 0x5c) i++;
        else if (char === 0x22) this.quoted = false;
      } else if (char === 0x22) this.quoted = true;
      else if (char === 0x7b || char === 0x5b) this.depth++;
      else if (char === 0x7d || char === 0x5d) {
        if (this.depth === 0) {
          // The end of the array.
          if (this.open && char === 0x5d) {
            const last = text.slice(start, i).trim();
            if (last !== '') found.push(last);
            this.open = false;
          }
          start = i + 1;
        } else if (--this.depth === 0 && !this.open) {
          found.push(text.slice(start, i + 1));
          start = i + 1;
        }
      } else if (char === 0x2c && this.depth === 0) {
        const value = text.slice(start, i).trim();
        if (value !== '') found.push(value);
        start = i + 1;
      }
    }
    this.rest = text.slice(start);
    this.at = i - start;
    return found;
  }
}
