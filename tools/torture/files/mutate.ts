/** Mutations of files by their kind. Pure: the same random numbers make the same file. What knows a format (safetensors, PNG) puts the parts
 *  together again so that they pass the first checks, most of the time: what lies behind those is reached, too. */
import type { Random } from './random.ts';

/** The files of one input, by their names: a reader takes a folder, mostly of one. */
export type Files = Readonly<Record<string, Uint8Array>>;

const encoder = new TextEncoder();
const decoder = new TextDecoder();
export const bytesOf = (text: string): Uint8Array<ArrayBuffer> => encoder.encode(text);
export const textOf = (bytes: Uint8Array): string => decoder.decode(bytes);

/** Larger than this no mutation makes a file: what is to be found shows at this size, and a million inputs must be read. */
const MOST_BYTES = 2 ** 16;

/** Names that every object of JavaScript has, and what else has been taken for something it is not. */
const traps = [
  'constructor',
  '__proto__',
  'toString',
  'hasOwnProperty',
  'valueOf',
  'length',
  '0',
  '',
  ' ',
  'null',
  '../../x',
  '..\\x',
  '/etc/x',
  'C:\\x',
  '\u0000',
  '\ud800',
  '\ufeff',
  '🌳',
  '.*',
  '.?',
  '$&',
  '%s',
];

/** JSON that stands for numbers which `JSON.stringify` does not write. */
const rawNumbers = ['1e999', '-1e999', '1e308', '5e-324', '-0', '0.1', '9007199254740993', '1e21', 'Infinity', 'NaN'];
const numbers = [
  0,
  -1,
  1,
  2,
  0.5,
  77,
  255,
  256,
  1000,
  65_535,
  65_536,
  65_537,
  1e6,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32,
  1e12,
];

const RAW = '@raw:';
const raw = (text: string): string => `${RAW}${text}@`;

const nested = (depth: number, open: string, close: string): string => open.repeat(depth) + close.repeat(depth);

/** JSON text of a value in which `raw` stands for itself. What an earlier change nested deeper than can be printed again is just deep. */
export function print(value: unknown, indent?: number): string {
  try {
    return (JSON.stringify(value, undefined, indent) ?? 'null').replaceAll(/"@raw:([^"@]*)@"/g, '$1');
  } catch (error) {
    if (error instanceof RangeError) return nested(20_000, '[', ']');
    throw error;
  }
}

function value(random: Random, words: readonly string[]): unknown {
  switch (random.int(11)) {
    case 0:
      return null;
    case 1:
      return random.chance(0.5);
    case 2:
      return random.pick(numbers);
    case 3:
      return raw(random.pick(rawNumbers));
    case 4:
      return random.pick(traps);
    case 5:
      return [];
    case 6:
      return {};
    case 7:
      return random.pick(words).repeat(1 + random.int(3));
    case 8:
      return random.chance(0.1)
        ? raw(nested(random.pick([63, 64, 65, 5000, 20_000]), '[', ']'))
        : [random.pick(words), random.pick(numbers)];
    case 9:
      return random.chance(0.05) ? 'x'.repeat(random.pick([1000, 10_001, 60_000])) : random.pick(words);
    default:
      return { [random.pick(words)]: random.pick(numbers) };
  }
}

type Slot = { holder: Record<string, unknown>; key: string } | { holder: unknown[]; key: number };

function slotsOf(tree: unknown, slots: Slot[] = [], depth = 0): Slot[] {
  if (depth > 20 || slots.length > 2000) return slots;
  if (Array.isArray(tree)) {
    tree.slice(0, 200).forEach((child, key) => {
      slots.push({ holder: tree, key });
      slotsOf(child, slots, depth + 1);
    });
  } else if (typeof tree === 'object' && tree !== null) {
    const holder = tree as Record<string, unknown>;
    for (const key of Object.keys(holder)) {
      slots.push({ holder, key });
      slotsOf(holder[key], slots, depth + 1);
    }
  }
  return slots;
}

const inside = ({ holder, key }: Slot): unknown => (holder as Record<string | number, unknown>)[key];

/** Defined, not assigned: `__proto__` is a key like others. */
const put = (holder: object, key: string | number, entry: unknown): void => {
  Object.defineProperty(holder, key, { value: entry, enumerable: true, configurable: true, writable: true });
};

/** One change somewhere in a value, in place. Gives the value, or another where the whole was replaced. */
export function mutateValue(tree: unknown, random: Random, words: readonly string[]): unknown {
  const slots = slotsOf(tree);
  if (slots.length === 0 || random.chance(0.01)) return value(random, words);
  const slot = random.pick(slots);
  const old = inside(slot);
  const other = inside(random.pick(slots));
  const isList = Array.isArray(slot.holder);
  switch (random.int(12)) {
    case 0:
    case 1:
      put(slot.holder, slot.key, value(random, words));
      break;
    case 2:
      if (isList) (slot.holder as unknown[]).splice(slot.key as number, 1);
      else delete (slot.holder as Record<string, unknown>)[slot.key];
      break;
    case 3:
      // Renamed; or, where the new name is another's, that one is lost.
      if (isList) (slot.holder as unknown[]).reverse();
      else {
        delete (slot.holder as Record<string, unknown>)[slot.key];
        put(slot.holder, random.chance(0.5) ? random.pick(words) : random.pick(traps), old);
      }
      break;
    case 4:
      if (isList) (slot.holder as unknown[]).push(...(slot.holder as unknown[]).slice(0, 50));
      else put(slot.holder, random.pick(words), old);
      break;
    case 5:
      put(slot.holder, slot.key, structuredClone(other));
      break;
    case 6:
      put(slot.holder, slot.key, [old]);
      break;
    case 7:
      put(slot.holder, slot.key, typeof old === 'string' ? Number(old) : print(old).slice(0, 200));
      break;
    case 8:
    case 9:
      put(slot.holder, slot.key, number(old, random, words));
      break;
    case 10:
      put(slot.holder, slot.key, typeof old === 'string' ? word(old, random, words) : value(random, words));
      break;
    default:
      put(slot.holder, slot.key, typeof old === 'boolean' ? !old : random.pick(words));
  }
  return tree;
}

const number = (old: unknown, random: Random, words: readonly string[]): unknown =>
  typeof old === 'number'
    ? random.pick([old + 1, old - 1, -old, old * 2, old / 2, old * 1000, ...numbers])
    : value(random, words);

/** A text like the old one. */
function word(old: string, random: Random, words: readonly string[]): string {
  const at = random.int(old.length + 1);
  switch (random.int(6)) {
    case 0:
      return old.slice(0, at);
    case 1:
      return old.slice(0, at) + random.pick(words) + old.slice(at);
    case 2:
      return old.slice(0, at) + random.pick(traps) + old.slice(at);
    case 3:
      return old.toUpperCase();
    case 4:
      return random.chance(0.2) ? (old || 'x').repeat(random.pick([2, 100, 2000])).slice(0, MOST_BYTES) : old + old;
    default:
      return random.pick(words);
  }
}

function mutateJson(bytes: Uint8Array, random: Random, words: readonly string[]): Uint8Array {
  let text: string;
  try {
    let tree: unknown = JSON.parse(textOf(bytes));
    for (let changes = 1 + random.int(3); changes > 0; changes--) tree = mutateValue(tree, random, words);
    text = print(tree, random.chance(0.1) ? 2 : undefined);
  } catch {
    // No JSON, or deeper than it can be written.
    return mutateText(bytes, random, words);
  }
  // A key that stands there twice.
  if (random.chance(0.03))
    return bytesOf(text.replace(/^\{("[^"]*"):/, (all, key: string) => `{${key}:null,${all.slice(1)}`));
  return bytesOf(text);
}

/** Lines, words and numbers of a text; its encoding is `encoded`'s. */
export function mutateText(bytes: Uint8Array, random: Random, words: readonly string[]): Uint8Array {
  const lines = textOf(bytes).split('\n');
  for (let changes = 1 + random.int(3); changes > 0; changes--) {
    const at = random.int(lines.length);
    const line = lines[at]!;
    const fields = line.split(/([,:\t ])/);
    const field = random.int(fields.length);
    switch (random.int(8)) {
      case 0:
        lines.splice(at, 1);
        if (lines.length === 0) lines.push('');
        break;
      case 1:
        lines.splice(at, 0, random.chance(0.5) ? line : random.pick(words));
        break;
      case 2:
        lines[at] = word(line, random, words);
        break;
      case 3:
        fields[field] = random.chance(0.5) ? random.pick(words) : random.pick([...rawNumbers, ...traps]);
        lines[at] = fields.join('');
        break;
      case 4:
        fields.splice(field, 1 + random.int(3));
        lines[at] = fields.join('');
        break;
      case 5:
        fields.splice(field, 0, ...fields.slice(0, 40));
        lines[at] = fields.join('');
        break;
      case 6:
        lines[at] =
          line + random.pick(['\r', '\u2028', '"', '\\', '[', '{', ',', ':', ' '.repeat(random.pick([1, 5000]))]);
        break;
      default:
        lines[at] = line.replaceAll(/\d+/g, (digits) => (random.chance(0.5) ? digits : String(random.pick(numbers))));
    }
  }
  return bytesOf(lines.join('\n'));
}

function mutateJsonLines(bytes: Uint8Array, random: Random, words: readonly string[]): Uint8Array {
  if (random.chance(0.3)) return mutateText(bytes, random, words);
  const lines = textOf(bytes).split('\n');
  const at = random.int(lines.length);
  lines[at] = textOf(mutateJson(bytesOf(lines[at]!), random, words));
  return bytesOf(lines.join('\n'));
}

/** Bytes of no format. */
export function mutateBytes(bytes: Uint8Array, random: Random, words: readonly string[]): Uint8Array {
  const at = random.int(bytes.length + 1);
  const length = 1 + random.int(Math.min(64, bytes.length + 1));
  const put = (piece: Uint8Array, drop = 0): Uint8Array => {
    const rest = bytes.subarray(Math.min(bytes.length, at + drop));
    const out = new Uint8Array(at + piece.length + rest.length);
    out.set(bytes.subarray(0, at));
    out.set(piece, at);
    out.set(rest, at + piece.length);
    return out;
  };
  switch (random.int(9)) {
    case 0: {
      const out = bytes.slice();
      for (let flips = 1 + random.int(4); flips > 0 && out.length > 0; flips--)
        out[random.int(out.length)]! ^= 1 << random.int(8);
      return out;
    }
    case 1:
      return bytes.slice(0, at);
    case 2:
      return put(new Uint8Array(), length);
    case 3:
      return put(bytes.slice(at, at + length));
    case 4:
      return put(
        Uint8Array.from({ length }, () => random.int(256)),
        length,
      );
    case 5:
      return put(bytesOf(random.pick(words)), random.chance(0.5) ? length : 0);
    case 6: {
      const size = random.pick([1, 2, 4, 8]);
      const piece = new Uint8Array(size).fill(random.pick([0, 0xff, 0x7f, 0x80]));
      if (random.chance(0.5)) piece[random.int(size)] = random.int(256);
      return put(piece, size);
    }
    case 7:
      // No UTF-8: a byte that never stands in it, one that goes on alone, an overlong zero, a surrogate; and a mark in the middle.
      return put(
        Uint8Array.from(
          random.pick([[0xff], [0x80], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf5], [0xef, 0xbb, 0xbf], [0]]),
        ),
      );
    default: {
      const piece = bytes.subarray(at, at + length);
      const times = random.chance(0.1) ? Math.floor(MOST_BYTES / (piece.length + 1)) : 8;
      const many = new Uint8Array(piece.length * times);
      for (let i = 0; i < times; i++) many.set(piece, i * piece.length);
      return put(many);
    }
  }
}

/** The same text as some editor saves it. */
export function encoded(bytes: Uint8Array, random: Random): Uint8Array {
  const text = textOf(bytes);
  const utf16 = (little: boolean, mark: boolean): Uint8Array => {
    const units = (mark ? '\ufeff' : '') + text;
    const out = new DataView(new ArrayBuffer(units.length * 2));
    for (let i = 0; i < units.length; i++) out.setUint16(i * 2, units.charCodeAt(i), little);
    return new Uint8Array(out.buffer);
  };
  switch (random.int(7)) {
    case 0:
      return bytesOf(`\ufeff${text}`);
    case 1:
      return bytesOf(text.replaceAll('\n', '\r\n'));
    case 2:
      return bytesOf(text.replaceAll('\n', '\r'));
    case 3:
      return Uint8Array.from(text, (char) => char.charCodeAt(0) & 0xff);
    default:
      return utf16(random.chance(0.5), random.chance(0.7));
  }
}

type Mutator = (bytes: Uint8Array, random: Random, words: readonly string[]) => Uint8Array;

/** What a file's name ends in, and how such a file is mutated; of others the bytes. */
export type Mutators = Readonly<Record<string, Mutator>>;

export const textMutators: Mutators = {
  json: mutateJson,
  jsonl: mutateJsonLines,
  txt: mutateText,
  yaml: mutateText,
};

/** An input like a seed: one file of it changed, or several, or one taken away. */
export function mutate(seed: Files, random: Random, words: readonly string[], mutators: Mutators): Files {
  const out: Record<string, Uint8Array> = { ...seed };
  const names = Object.keys(seed);
  do {
    const name = random.pick(names);
    const bytes = out[name];
    if (!bytes) break;
    if (names.length > 1 && random.chance(0.02)) {
      delete out[name];
      continue;
    }
    const ending = name.slice(name.lastIndexOf('.') + 1);
    const mutator = mutators[ending];
    let made = mutator && !random.chance(0.12) ? mutator(bytes, random, words) : mutateBytes(bytes, random, words);
    if (mutator && random.chance(0.03)) made = mutateBytes(made, random, words);
    if (ending in textMutators && random.chance(0.04)) made = encoded(made, random);
    out[name] = made.length > 4 * MOST_BYTES + bytes.length ? made.subarray(0, 4 * MOST_BYTES + bytes.length) : made;
  } while (random.chance(0.25));
  return out;
}
