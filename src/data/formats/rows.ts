/** Tables of others, whatever they are written in: rows by their columns' names, read a window at a time. */
import type { ByteRanges } from './bytes.ts';

/** A file by range, with the name that a person knows it by. */
export interface NamedFile extends ByteRanges {
  name: string;
}

/** As it stands in the file: text, number, bigint, boolean, null, bytes, list or struct; a `Later` where it is read when it is asked for. */
export type Cell = unknown;
export type Cells = Readonly<Record<string, Cell>>;

export interface TableRow {
  /** From 0, in the file. */
  row: number;
  cells: Cells;
  /** Why this row cannot be read; its cells are empty then. */
  problem?: string;
}

/** A cell that is large: only where somebody wants it, it is read. */
export class Later {
  readonly read: () => Promise<Cell>;
  constructor(read: () => Promise<Cell>) {
    this.read = read;
  }
}

export const cellOf = async (cell: Cell): Promise<Cell> => (cell instanceof Later ? await cell.read() : cell);

export interface ReadRows {
  /** From 0. */
  from?: number;
  /** Of the columns that are read at once; all if left out. Those that are read later cost nothing. */
  columns?: readonly string[] | undefined;
  signal?: AbortSignal | undefined;
}

export interface Table {
  /** As the person knows its file. */
  name: string;
  columns: readonly string[];
  /** Of rows; null where only reading tells. */
  count: number | null;
  /** Bytes that stand for this column in the file, where the file says so. */
  bytesOf?(column: string): number;
  /** Whether a column's cells are read when they are asked for. */
  isLater?(column: string): boolean;
  /** Of its file. */
  bytes: number;
  /** Of a table that is no file of its own: what tells it from another of its name. */
  mark?: string;
  /** In order. Rejects with a named error where the file as a whole cannot be read on. */
  rows(options?: ReadRows): AsyncGenerator<TableRow>;
}
