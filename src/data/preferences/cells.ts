/** What cells of others mean: text, numbers, yes and no, pictures. */
import { type Cell, Later, cellOf } from '../formats/rows.ts';
import { isRecord } from '../../shared/json.ts';
import { limits } from '../../shared/limits.ts';
import { pathFrom, type Place } from './places.ts';
import { type Picture, Refused } from './preference.ts';
import { splitOf } from './splits.ts';

const decoder = new TextDecoder('utf-8', { fatal: true });

/** Null where there is nothing. */
export async function textOf(cell: Cell): Promise<string | null> {
  const value = await cellOf(cell);
  if (value === null || value === undefined) return null;
  if (typeof value === 'string') return value;
  if (value instanceof Uint8Array) {
    try {
      return decoder.decode(value);
    } catch {
      throw new Refused('its text is not UTF-8');
    }
  }
  return typeof value === 'object' ? JSON.stringify(value) : String(value as number);
}

export async function promptOf(cell: Cell): Promise<string> {
  const prompt = await textOf(cell);
  if (prompt === null) throw new Refused('it has no prompt');
  if (prompt.trim() === '') throw new Refused('its prompt is empty');
  if (prompt.length > limits.prompt)
    throw new Refused(`its prompt has ${prompt.length} characters, more than ${limits.prompt}`);
  return prompt;
}

/** Null where there is nothing, or not-a-number. */
export function numberOf(cell: Cell): number | null {
  if (typeof cell === 'boolean') return cell ? 1 : 0;
  if (typeof cell === 'bigint') return Number(cell);
  if (typeof cell === 'string') {
    const text = cell.trim();
    if (/^(true|yes)$/i.test(text)) return 1;
    if (/^(false|no)$/i.test(text)) return 0;
    if (text === '' || !Number.isFinite(Number(text))) return null;
    return Number(text);
  }
  return typeof cell === 'number' && Number.isFinite(cell) ? cell : null;
}

/** Whether a cell says something that is no number. */
export const isNothing = (cell: Cell): boolean =>
  cell === null ||
  cell === undefined ||
  (typeof cell === 'number' && Number.isNaN(cell)) ||
  (typeof cell === 'string' && /^\s*(nan|null|none)?\s*$/i.test(cell));

/** A list, also one that a CSV has as text. */
export function listOf(cell: Cell): unknown[] | null {
  if (Array.isArray(cell)) return cell;
  if (ArrayBuffer.isView(cell) && !(cell instanceof DataView)) return [...(cell as Float64Array)];
  if (typeof cell !== 'string' || !cell.trim().startsWith('[')) return null;
  try {
    const list: unknown = JSON.parse(cell.includes('"') ? cell : cell.replace(/'/g, '"'));
    return Array.isArray(list) ? list : null;
  } catch {
    return null;
  }
}

/** As it can go out again: null for what is nested or bytes. */
export function plain(cell: Cell): string | number | boolean | null | undefined {
  switch (typeof cell) {
    case 'bigint':
      return cell >= BigInt(Number.MIN_SAFE_INTEGER) && cell <= BigInt(Number.MAX_SAFE_INTEGER)
        ? Number(cell)
        : String(cell);
    case 'number':
      return Number.isFinite(cell) ? cell : null;
    case 'string':
    case 'boolean':
      return cell;
    case 'object':
      if (cell === null) return null;
      if (cell instanceof Later || cell instanceof Uint8Array) return undefined;
      try {
        return JSON.stringify(cell, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
      } catch {
        return undefined;
      }
    default:
      return undefined;
  }
}

/** ISO 8601, as far as it is a time. */
export function timeOf(cell: Cell): string | undefined {
  const value = typeof cell === 'bigint' ? Number(cell) : cell;
  if (typeof value !== 'string' && typeof value !== 'number') return undefined;
  // Seconds or milliseconds.
  const date = new Date(typeof value === 'number' && value < 1e11 ? value * 1000 : value);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

/** Of a picture's file. */
const MAX_PICTURE = 256 * 2 ** 20;

/** Where else a set keeps its pictures, below its file's folder. */
const shelves = (file: string): string[] => {
  const stem = file
    .split('/')
    .at(-1)!
    .replace(/\.[^.]*$/, '');
  const split = splitOf(file);
  return [
    '',
    'images/',
    ...(split === undefined ? [] : [`${split}/`]),
    `${stem}/`,
    `${stem.replace(/^metadata[-_]?/, '')}/`,
    'pictures/',
    'data/',
  ];
};

/** A picture of whatever a cell holds. `what` it is, in a refusal: `jpg_0`. */
export function pictureOf(cell: Cell, what: string, places: readonly Place[], place: Place, file: string): Picture {
  return {
    read: async () => {
      let value = await cellOf(cell);
      if (isRecord(value) && !(value instanceof Uint8Array)) {
        const { bytes, path } = value;
        value = bytes ?? path;
      }
      if (value instanceof Uint8Array) {
        if (value.length === 0) throw new Refused(`${what} is empty (0 bytes)`);
        return value;
      }
      if (value === null || value === undefined || value === '') throw new Refused(`it has no picture (${what})`);
      if (typeof value !== 'string') throw new Refused(`${what} is no picture`);
      return inText(value) ?? (await beside(value, what, places, place, file));
    },
  };
}

/** Base64, with or without `data:`, or as Python prints it; of JPEG, PNG and WebP. */
function inText(text: string): Uint8Array | undefined {
  const base64 = /^(?:b')?(?:data:image\/[\w.+-]+;base64,)?((?:\/9j\/|iVBORw0KGgo|UklGR)[\w+/\s-]*=*)'?$/.exec(
    text,
  )?.[1];
  if (base64 === undefined || base64.length < 64) return undefined;
  try {
    return Uint8Array.from(atob(base64.replace(/\s/g, '').replace(/-/g, '+').replace(/_/g, '/')), (char) =>
      char.charCodeAt(0),
    );
  } catch {
    return undefined;
  }
}

async function beside(
  path: string,
  what: string,
  places: readonly Place[],
  place: Place,
  file: string,
): Promise<Uint8Array> {
  const short = path.length > 120 ? `${path.slice(0, 100)}…` : path;
  if (/^(https?|ftp|s3|gs):/i.test(path))
    throw new Refused(`its picture is an address (${what}: ${short}), and addresses are not followed`);
  const direct = pathFrom(file, path);
  if (direct === undefined) throw new Refused(`the path of its picture leads outside (${what}: ${short})`);
  for (const below of candidates(path, direct, places, place, file)) {
    const found = await below.place.open(below.path);
    if (!found) continue;
    if (found.size === 0) throw new Refused(`its picture is empty (0 bytes: ${short})`);
    if (found.size > MAX_PICTURE)
      throw new Refused(`its picture has ${(found.size / 2 ** 20).toFixed(0)} MiB (${short})`);
    return found.read(0, found.size);
  }
  throw new Refused(`its picture is not there (${what}: ${short})`);
}

/** Where a picture may lie: from its file's folder, from the root, and below other places, which may be the folder that the path begins with. */
function* candidates(
  path: string,
  direct: string,
  places: readonly Place[],
  place: Place,
  file: string,
): Generator<{ place: Place; path: string }> {
  yield { place, path: direct };
  for (const from of new Set([file, '']))
    for (const shelf of shelves(file)) {
      const below = pathFrom(from, shelf + path);
      if (below !== undefined && below !== direct) yield { place, path: below };
    }
  const parts = path.split(/[\\/]/).filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) return;
  for (const other of places)
    if (other !== place)
      for (let i = 0; i < Math.min(parts.length, 4); i++) yield { place: other, path: parts.slice(i).join('/') };
}
