/** Tables as text, through Papa Parse: with a header, separated by comma, tab, semicolon or bar, quoted as RFC 4180 has it, with any line ends.
 *  Read piece by piece. */
import { WinnowError } from '../../shared/errors.ts';
import type { NamedFile, ReadRows, Table, TableRow } from './rows.ts';
import { textPieces } from './textPieces.ts';

/** Of a row: a quote that is never closed makes one row of the rest. */
const MAX_ROW = 64 * 2 ** 20;
const MAX_COLUMNS = 10_000;
const separators = [',', '\t', ';', '|'];

export class CsvTable implements Table {
  readonly name: string;
  readonly columns: readonly string[];
  readonly count = null;
  readonly bytes: number;
  private readonly file: NamedFile;

  private constructor(file: NamedFile, columns: readonly string[]) {
    this.file = file;
    this.name = file.name;
    this.bytes = file.size;
    this.columns = columns;
  }

  /** Rejects with BadFile for a file without a header. */
  static async open(file: NamedFile): Promise<CsvTable> {
    for await (const cells of records(file)) {
      const columns = cells.values.map((name) => name.trim());
      if (columns.length > MAX_COLUMNS || columns.every((name) => name === '')) break;
      return new CsvTable(file, columns);
    }
    throw new WinnowError(
      'BadFile',
      `${file.name} has no header.`,
      'Put the names of its columns into its first line.',
    );
  }

  async *rows({ from = 0, signal }: ReadRows = {}): AsyncGenerator<TableRow> {
    let row = -1;
    for await (const { values, problem } of records(this.file, signal)) {
      if (++row === 0) continue;
      if (row - 1 < from) continue;
      const { columns } = this;
      const wrong =
        problem ??
        (values.length === columns.length
          ? undefined
          : `it has ${values.length} cells, and the header ${columns.length}`);
      yield wrong === undefined
        ? { row: row - 1, cells: Object.fromEntries(columns.map((name, i) => [name, values[i]!])) }
        : { row: row - 1, cells: {}, problem: wrong };
    }
  }
}

interface Line {
  values: string[];
  problem?: string;
}

/** Every line with something in it, the header among them. */
async function* records(file: NamedFile, signal?: AbortSignal): AsyncGenerator<Line> {
  const { default: Papa } = await import('papaparse');
  let rest = '';
  let separator: string | undefined;
  const take = (text: string, last: boolean): Line[] => {
    separator ??= separatorOf(text);
    const lines: (Line & { end: number })[] = [];
    Papa.parse<string[]>(text, {
      delimiter: separator,
      newline: '\n',
      step: ({ data, errors, meta }) => {
        const [error] = errors;
        lines.push({ values: data, end: meta.cursor, ...(error && { problem: `${error.message.toLowerCase()}` }) });
      },
    });
    // The last line may go on in the next piece.
    if (!last) lines.pop();
    rest = last ? '' : text.slice(lines.at(-1)?.end ?? 0);
    return lines.filter(({ values }) => values.length > 1 || (values[0] ?? '').trim() !== '');
  };
  for await (const piece of textPieces(file, signal)) {
    // A carriage return at the end of a piece may be half of a line end.
    const text = rest + piece;
    const whole = text.endsWith('\r') ? text.slice(0, -1) : text;
    const held = text.slice(whole.length);
    if (whole.length > MAX_ROW)
      throw new WinnowError('BadFile', `${file.name} has a quote that is never closed.`, 'Export it again.');
    yield* take(whole.replace(/\r\n?/g, '\n'), false);
    rest += held;
  }
  if (rest !== '') yield* take(rest.replace(/\r\n?/g, '\n'), true);
}

/** That which the header has most of. */
function separatorOf(text: string): string {
  const header = text
    .slice(0, 65_536)
    .split('\n', 1)[0]!
    .replace(/"[^"]*"/g, '');
  const counts = separators.map((separator) => header.split(separator).length);
  return separators[counts.indexOf(Math.max(...counts))]!;
}
