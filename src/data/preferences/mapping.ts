/** Which column each of a format's fields is read from, and which rows are taken (`--map`, `--where`). */
import { WinnowError } from '../../shared/errors.ts';
import { isRecord } from '../../shared/json.ts';
import { type Cell, type Cells, Later } from '../formats/rows.ts';
import { isNothing, numberOf } from './cells.ts';
import type { Field, PreferenceFormat } from './preference.ts';

/** Ours → theirs; what no column was found for is missing. */
export type Mapping = ReadonlyMap<string, string>;

/** A field by its name, or by one that others have for it. */
export const fieldNamed = ({ fields }: PreferenceFormat, name: string): Field | undefined =>
  fields.find(({ ours }) => ours === name) ?? fields.find(({ theirs }) => theirs.includes(name));

/** @param said the person's own, ours → theirs; before anything that is guessed. */
export function mappingOf(
  format: PreferenceFormat,
  columns: readonly string[],
  said: Readonly<Record<string, string>> = {},
): Mapping {
  const there = new Set(columns);
  const lower = new Map(columns.map((name) => [name.toLowerCase(), name] as const));
  const used = new Set(Object.values(said));
  const mapping = new Map(
    Object.entries(said).map(([name, column]) => [fieldNamed(format, name)?.ours ?? name, column]),
  );
  for (const { ours, theirs } of format.fields) {
    if (mapping.has(ours)) continue;
    const names = [ours, ...theirs];
    const found =
      names.find((name) => there.has(name) && !used.has(name)) ??
      names.map((name) => lower.get(name.toLowerCase())).find((name) => name !== undefined && !used.has(name));
    if (found === undefined) continue;
    used.add(found);
    mapping.set(ours, found);
  }
  return mapping;
}

/** Fields without which there is no pair, and that no column was found for. */
export const missingOf = ({ fields }: PreferenceFormat, mapping: Mapping): Field[] =>
  fields.filter(
    ({ ours, needed }) =>
      needed && !mapping.has(ours) && !(typeof needed === 'object' && needed.some((other) => mapping.has(other))),
  );

/** Throws BadArguments for a field that is none, and MissingColumns for a column that is not there. */
export function checkSaid(
  format: PreferenceFormat,
  columns: readonly string[],
  said: Readonly<Record<string, string>>,
  file: string,
): void {
  for (const [ours, theirs] of Object.entries(said)) {
    if (!fieldNamed(format, ours))
      throw new WinnowError(
        'BadArguments',
        `${ours} is no field of ${format.name}.`,
        `Its fields are ${format.fields.map((field) => field.ours).join(', ')}.`,
      );
    if (format.inside === undefined && !columns.includes(theirs.split('.', 1)[0]!) && !columns.includes(theirs))
      throw noColumn(theirs, columns, file);
  }
}

export const noColumn = (name: string, columns: readonly string[], file: string): WinnowError =>
  new WinnowError(
    'MissingColumns',
    `${file} has no column ${name}; it has ${listed(columns)}.`,
    'Give the name of one that it has.',
  );

export const listed = (columns: readonly string[]): string =>
  columns.length === 0
    ? 'none'
    : columns.length <= 30
      ? columns.join(', ')
      : `${columns.slice(0, 30).join(', ')} and ${columns.length - 30} more`;

/** A cell by its column, or by a path into a struct: `data.prompt`. */
export function at(cells: Cells, column: string): Cell {
  if (Object.hasOwn(cells, column)) return cells[column];
  let value: Cell = cells;
  for (const part of column.split('.')) {
    if (Array.isArray(value) && /^\d+$/.test(part)) value = (value as Cell[])[Number(part)];
    else if (isRecord(value) && Object.hasOwn(value, part)) value = value[part];
    else return null;
  }
  return value;
}

/** Column → the values of which a row must have one. */
export type Where = ReadonlyMap<string, readonly string[]>;

export const fits = (cells: Cells, where: Where): boolean =>
  [...where].every(([column, values]) => values.some((value) => isSame(at(cells, column), value)));

/** As people write values: numbers by value, yes and no in any case, nothing as nothing. */
function isSame(cell: Cell, value: string): boolean {
  if (cell instanceof Later || cell instanceof Uint8Array) return false;
  if (typeof cell === 'string') return cell === value || cell.trim() === value.trim();
  if (isNothing(cell)) return /^(null|none|nan)?$/i.test(value.trim());
  if (typeof cell === 'boolean')
    return /^(true|yes|1)$/i.test(value.trim()) ? cell : /^(false|no|0)$/i.test(value.trim()) && !cell;
  if (typeof cell === 'number' || typeof cell === 'bigint')
    return String(cell) === value.trim() || (value.trim() !== '' && numberOf(value) === Number(cell));
  return JSON.stringify(cell) === value;
}
