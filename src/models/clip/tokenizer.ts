/** CLIPTokenizer: lower-cased byte-level BPE whose words end in `</w>`, from tokenizer.json or from vocab.json + merges.txt.
 *  Gives the ids that transformers (5, tokenizers backend) gives, awkward prompts included, and also where the folder's small files say
 *  different things (tokenization_utils_base.py, `_from_pretrained`; tools/reference/layouts). */
import { WinnowError } from '../../shared/errors.ts';
import { isRecord, shown } from '../../shared/json.ts';
import { limits } from '../config.ts';

/** The parsed files of a `tokenizer/` folder, those that are there. */
export interface TokenizerFiles {
  'tokenizer.json'?: unknown;
  'vocab.json'?: unknown;
  /** Text. */
  'merges.txt'?: string | undefined;
  'tokenizer_config.json'?: unknown;
  'special_tokens_map.json'?: unknown;
  'added_tokens.json'?: unknown;
}

/** A token found in the text before it is split into words. `normalized`: found after lower-casing, else in the text as typed. */
interface AddedToken {
  content: string;
  special: boolean;
  normalized: boolean;
  lstrip: boolean;
  rstrip: boolean;
  /** Only where no letter, digit or underscore touches it. */
  single_word: boolean;
}

type Json = Record<string, unknown>;

const SUFFIX = '</w>';
// transformers' pre-tokeniser: CLIP's words, then (for a special token in odd case, which is a word here) GPT-2's split of them.
// Rust's \s is Unicode's White_Space; JavaScript's also counts U+FEFF and misses U+0085.
const WORDS = /<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\p{White_Space}\p{L}\p{N}]+/gu;
const PIECES = /'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}+|[^\p{White_Space}\p{L}\p{N}]+/gu;

/** GPT-2's printable stand-in for each byte. */
const byteToChar: readonly string[] = (() => {
  const isPrintable = (b: number): boolean => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
  let next = 256;
  return Array.from({ length: 256 }, (_, b) => String.fromCharCode(isPrintable(b) ? b : next++));
})();

const charToByte: ReadonlyMap<string, number> = new Map(byteToChar.map((char, byte) => [char, byte]));

/** NFC, runs of white space to one space, lower case letter by letter (a final sigma stays a sigma, as in Rust's char::to_lowercase). */
function normalize(text: string): string {
  return Array.from(text.normalize('NFC').replace(/\p{White_Space}+/gu, ' '), (char) => char.toLowerCase()).join('');
}

function bad(what: string): WinnowError {
  return new WinnowError(
    'BadFile',
    `The tokenizer cannot be read: ${what}.`,
    'Choose a model folder whose tokenizer is a CLIPTokenizer.',
  );
}

/** The tokens that may have a role, in the order in which transformers adds them, and what CLIPTokenizer takes where no file says one. */
const roles: Readonly<Record<string, string | undefined>> = {
  bos_token: '<|startoftext|>',
  eos_token: '<|endoftext|>',
  unk_token: '<|endoftext|>',
  sep_token: undefined,
  pad_token: '<|endoftext|>',
  cls_token: undefined,
  mask_token: undefined,
};

export class ClipTokenizer {
  /** Tokens that have an id. */
  readonly vocabSize: number;
  /** The largest id that it gives. */
  readonly largestId: number;
  /** tokenizer_config.json's model_max_length; undefined where it sets no limit. */
  readonly lengthLimit: number | undefined;
  readonly bosId: number;
  readonly eosId: number;
  readonly padId: number;
  private readonly vocab: ReadonlyMap<string, number>;
  private readonly ranks: ReadonlyMap<string, number>;
  private readonly unknownId: number;
  private readonly added: readonly AddedToken[];
  private readonly ids: ReadonlyMap<string, number>;
  private readonly raw: Splitter;
  private readonly normalized: Splitter;
  private readonly padsLeft: boolean;
  private readonly cutsLeft: boolean;
  private tokens: ReadonlyMap<number, string> | undefined;
  private readonly words = new Map<string, readonly number[]>();

  constructor(files: TokenizerFiles) {
    const { vocab, merges } = readModel(files);
    const { config, listed, named, extra } = readAdded(files);
    this.vocab = vocab;
    this.ranks = new Map(merges.map((pair, rank) => [pair, rank]));

    // A token that is described once and plain text once (as published CLIP tokenizers have <|endoftext|>) is added twice, and the later
    // description stands.
    const added = new Map<string, AddedToken>();
    const ids = new Map<string, number>();
    let highest = -1;
    const add = (token: AddedToken): void => {
      const { content } = token;
      const next = highest >= vocab.size ? highest + 1 : vocab.size;
      const id = ids.get(content) ?? vocab.get(content) ?? next;
      highest = Math.max(highest, id);
      ids.set(content, id);
      added.set(content, token);
    };
    listed.forEach(add);
    const known = new Set<string>();
    const before = new Set(added.keys());
    for (const token of [...Object.values(named), ...extra]) {
      const key = JSON.stringify(token);
      if (before.has(token.content) || known.has(key)) continue;
      known.add(key);
      add(token);
    }
    this.added = [...added.values()];
    this.ids = ids;
    const idOf = (role: string): number => {
      const { content } = named[role] ?? described(roles[role]!);
      return ids.get(content) ?? vocab.get(content)!;
    };
    this.bosId = idOf('bos_token');
    this.eosId = idOf('eos_token');
    this.unknownId = idOf('unk_token');
    this.padId = idOf('pad_token');
    this.vocabSize = new Set([...vocab.keys(), ...ids.keys()]).size;
    this.largestId = [...vocab.values(), ...ids.values()].reduce((largest, id) => Math.max(largest, id), 0);
    this.raw = new Splitter(this.added.filter(({ normalized }) => !normalized));
    this.normalized = new Splitter(
      this.added.filter(({ normalized }) => normalized),
      normalize,
    );
    this.lengthLimit = lengthLimit(config['model_max_length'] ?? config['max_len']);
    this.padsLeft = onTheLeft(config, 'padding_side');
    this.cutsLeft = onTheLeft(config, 'truncation_side');
  }

  /** lengthLimit, or CLIP's 77. */
  get maxLength(): number {
    return this.lengthLimit ?? 77;
  }

  /** Everything that decides about ids, as text: the same for tokenizers that give the same ids, whatever files they came in. */
  get content(): string {
    const { vocab, ranks, unknownId, bosId, eosId, padId, ids, lengthLimit, padsLeft, cutsLeft } = this;
    return JSON.stringify([
      [...vocab].sort(([a, i], [b, j]) => i - j || (a < b ? -1 : 1)),
      [...ranks.keys()],
      this.added
        .map(({ content, normalized, lstrip, rstrip, single_word: word }) =>
          JSON.stringify([content, ids.get(content), normalized, lstrip, rstrip, word]),
        )
        .sort(),
      { unknownId, bosId, eosId, padId, lengthLimit, padsLeft, cutsLeft },
    ]);
  }

  /** Token ids of one prompt: start, words, end, padding; cut so that start and end always fit. Length `maxLength`. */
  encode(text: string, maxLength = this.maxLength): Int32Array {
    const words = this.tokenize(text);
    const room = Math.max(0, maxLength - 2);
    const kept = this.cutsLeft ? words.slice(Math.max(0, words.length - room)) : words.slice(0, room);
    const ids = [this.bosId, ...kept, this.eosId].slice(0, maxLength);
    const out = new Int32Array(maxLength).fill(this.padId);
    out.set(ids, this.padsLeft ? maxLength - ids.length : 0);
    return out;
  }

  /** Ids of the words alone, uncut: for counting tokens. */
  tokenize(text: string): number[] {
    return this.raw
      .split(text)
      .flatMap((part) =>
        typeof part !== 'string'
          ? [this.ids.get(part.content)!]
          : this.normalized
              .split(normalize(part))
              .flatMap((piece) =>
                typeof piece === 'string' ? this.encodeWords(piece) : [this.ids.get(piece.content)!],
              ),
      );
  }

  /** What `encode` leaves out of a prompt, as its tokens spell it; '' where all of it fits. */
  lost(text: string, maxLength: number): string {
    const words = this.tokenize(text);
    const room = Math.max(0, maxLength - 2);
    return this.decode(this.cutsLeft ? words.slice(0, Math.max(0, words.length - room)) : words.slice(room));
  }

  private decode(ids: readonly number[]): string {
    if (ids.length === 0) return '';
    this.tokens ??= new Map([...this.vocab, ...this.ids].map(([token, id]) => [id, token]));
    const chars = ids
      .map((id) => this.tokens!.get(id) ?? '')
      .join('')
      .replaceAll(SUFFIX, ' ');
    const bytes = Uint8Array.from(chars, (char) => charToByte.get(char) ?? 0x20);
    return new TextDecoder().decode(bytes).trim();
  }

  private encodeWords(text: string): number[] {
    return [...text.matchAll(WORDS)].flatMap(([word]) =>
      [...word.matchAll(PIECES)].flatMap(([piece]) => [...this.encodeWord(piece)]),
    );
  }

  private encodeWord(word: string): readonly number[] {
    const known = this.words.get(word);
    if (known) return known;
    const symbols = Array.from(new TextEncoder().encode(word), (byte) => byteToChar[byte]!);
    symbols[symbols.length - 1] += SUFFIX;
    const ids = merged(symbols, this.ranks).map((symbol) => this.vocab.get(symbol) ?? this.unknownId);
    if (this.words.size < 50_000) this.words.set(word, ids);
    return ids;
  }
}

/** Byte-pair merges of a word's symbols: the pair of the lowest rank first, of several the leftmost. In n log n, as words may be thousands of
 *  letters long: pairs wait in a heap, those that are no more are left out when their turn comes. */
function merged(symbols: string[], ranks: ReadonlyMap<string, number>): string[] {
  const next = symbols.map((_, i) => i + 1);
  const before = symbols.map((_, i) => i - 1);
  /** [rank, where its left symbol stands, both]. */
  const heap: [rank: number, at: number, pair: string][] = [];
  const isLess = (a: number, b: number): boolean =>
    heap[a]![0] < heap[b]![0] || (heap[a]![0] === heap[b]![0] && heap[a]![1] < heap[b]![1]);
  const swap = (a: number, b: number): void => void ([heap[a], heap[b]] = [heap[b]!, heap[a]!]);
  const add = (at: number): void => {
    if (at < 0 || next[at]! >= symbols.length) return;
    const pair = `${symbols[at]} ${symbols[next[at]!]}`;
    const rank = ranks.get(pair);
    if (rank === undefined) return;
    let i = heap.push([rank, at, pair]) - 1;
    for (; i > 0 && isLess(i, (i - 1) >> 1); i = (i - 1) >> 1) swap(i, (i - 1) >> 1);
  };
  symbols.forEach((_, i) => add(i));
  while (heap.length > 0) {
    const [, at, pair] = heap[0]!;
    const last = heap.pop()!;
    if (heap.length > 0) {
      heap[0] = last;
      for (let i = 0; ;) {
        const [left, right] = [2 * i + 1, 2 * i + 2];
        let least = i;
        if (left < heap.length && isLess(left, least)) least = left;
        if (right < heap.length && isLess(right, least)) least = right;
        if (least === i) break;
        swap(i, least);
        i = least;
      }
    }
    const right = next[at]!;
    if (symbols[at] === '' || right >= symbols.length || pair !== `${symbols[at]} ${symbols[right]}`) continue;
    symbols[at] += symbols[right]!;
    symbols[right] = '';
    next[at] = next[right]!;
    if (next[at]! < symbols.length) before[next[at]!] = at;
    add(before[at]!);
    add(at);
  }
  return symbols.filter((symbol) => symbol !== '');
}

/** Finds tokens in a text, leftmost first, the longest where several begin at one place. tokenizers, added_vocabulary.rs. */
class Splitter {
  private readonly tokens: ReadonlyMap<string, AddedToken>;
  private readonly pattern: RegExp | undefined;

  /** @param as how the text is changed before it is split, and so the tokens. */
  constructor(tokens: readonly AddedToken[], as: (content: string) => string = (content) => content) {
    // Of two that are the same once they are changed, the first, special ones before others.
    const order = [...tokens.filter(({ special }) => special), ...tokens.filter(({ special }) => !special)];
    this.tokens = new Map(order.toReversed().map((token) => [as(token.content), token]));
    const contents = [...this.tokens.keys()].filter((content) => content !== '').sort((a, b) => b.length - a.length);
    if (contents.length > 0)
      this.pattern = new RegExp(contents.map((text) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')).join('|'), 'gu');
  }

  split(text: string): (string | AddedToken)[] {
    if (!this.pattern) return text === '' ? [] : [text];
    const parts: (string | AddedToken)[] = [];
    let from = 0;
    for (const { 0: found, index } of text.matchAll(this.pattern)) {
      const token = this.tokens.get(found)!;
      const end = index + found.length;
      if (token.single_word && (isWordBefore(text, index) || isWordAfter(text, end))) continue;
      let before = index;
      while (token.lstrip && before > from && SPACE.test(text[before - 1]!)) before--;
      if (before > from) parts.push(text.slice(from, before));
      parts.push(token);
      from = end;
      while (token.rstrip && from < text.length && SPACE.test(text[from]!)) from++;
    }
    if (from < text.length) parts.push(text.slice(from));
    return parts;
  }
}

// All of one UTF-16 unit.
const SPACE = /\p{White_Space}/u;
// Rust's \w.
const WORD = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u;
const isWordAfter = (text: string, at: number): boolean =>
  at < text.length && WORD.test(String.fromCodePoint(text.codePointAt(at)!));
/** Of a pair of units the whole letter. */
const isWordBefore = (text: string, at: number): boolean =>
  at > 0 && (WORD.test(text[at - 1]!) || (at > 1 && text.codePointAt(at - 2)! > 0xffff && isWordAfter(text, at - 2)));

interface SaidToken extends AddedToken {
  /** Text without flags. */
  plain: boolean;
  /** Whether `normalized` is said. */
  says: boolean;
}

/** A token as a file has it: plain text, or with flags. A special one is found in the text as typed unless it says otherwise.
 *  @param special whether it is, where it does not say. */
function described(entry: unknown, special = true): SaidToken {
  const token: Json = isRecord(entry) ? entry : { content: entry };
  const { content } = token;
  if (typeof content !== 'string' || content === '') throw bad(`a special token is ${shown(entry)}`);
  const isSpecial = typeof token['special'] === 'boolean' ? token['special'] : special;
  const says = typeof token['normalized'] === 'boolean';
  return {
    content,
    plain: !isRecord(entry),
    special: isSpecial,
    says,
    normalized: says ? (token['normalized'] as boolean) : !isSpecial,
    lstrip: token['lstrip'] === true,
    rstrip: token['rstrip'] === true,
    single_word: token['single_word'] === true,
  };
}

function table(files: TokenizerFiles, name: keyof TokenizerFiles): Json {
  const value = files[name] ?? {};
  if (!isRecord(value)) throw bad(`${name} is not an object`);
  return value;
}

/** The tokens beside the vocabulary's words: those that are listed, in order of their ids; those that have a role; and others that are special.
 *  A config that lists them (added_tokens_decoder) was written last, and stands alone; before it, special_tokens_map.json wins over the
 *  config, and added_tokens.json and tokenizer.json list more. */
function readAdded(files: TokenizerFiles): {
  config: Json;
  listed: AddedToken[];
  named: Record<string, AddedToken>;
  extra: AddedToken[];
} {
  const config = table(files, 'tokenizer_config.json');
  const decoder = config['added_tokens_decoder'];
  const listed = new Map<number, SaidToken>();
  const byContent = new Map<string, SaidToken>();
  const list = (id: unknown, token: SaidToken): void => {
    if (!isId(id)) throw bad(`the id of ${shown(token.content)} is ${shown(id)}`);
    listed.set(id, token);
    byContent.set(token.content, token);
  };
  const said: Json = { ...config };
  if (isRecord(decoder)) for (const [id, entry] of Object.entries(decoder)) list(Number(id), described(entry, false));
  else {
    for (const [key, value] of Object.entries(table(files, 'special_tokens_map.json')))
      said[key] = isRecord(value) ? { ...value, special: true } : value;
    // What the config alone describes is not recognised here (it is no AddedToken yet).
    const map = table(files, 'special_tokens_map.json');
    const special = new Set(
      [...Object.keys(roles), 'extra_special_tokens', 'additional_special_tokens'].flatMap((key) => {
        // Of the map, those under the older name are not recognised either.
        const entry = (key === 'additional_special_tokens' ? config : said)[key];
        return isRecord(entry) && Object.hasOwn(map, key) ? [entry['content']] : (entry ?? []);
      }),
    );
    for (const [content, id] of Object.entries(table(files, 'added_tokens.json')))
      list(id, described({ content, special: special.has(content), normalized: !special.has(content) }));
    const whole = files['tokenizer.json'];
    const entries: unknown = isRecord(whole) ? (whole['added_tokens'] ?? []) : [];
    if (!Array.isArray(entries)) throw bad('added_tokens of tokenizer.json is not a list');
    for (const entry of entries) list(isRecord(entry) ? entry['id'] : undefined, described(entry, false));
  }
  const named: Record<string, SaidToken> = {};
  for (const [role, fallback] of Object.entries(roles)) {
    const entry = said[role] ?? fallback;
    if (entry === undefined) continue;
    const token = described(entry);
    const known = byContent.get(token.content) ?? token;
    // What has a role is special, whether it says so or not.
    known.special = true;
    if (!known.says) known.normalized = false;
    named[role] = known;
  }
  // Roles of other libraries' models, where they are plain text.
  for (const [key, entry] of Object.entries(config))
    if (!Object.hasOwn(roles, key) && key.endsWith('_token') && typeof entry === 'string')
      named[key] = described(entry);
  // transformers 4 writes a table of names, mostly empty; 5 a list.
  const more = said['extra_special_tokens'];
  if (isRecord(more)) for (const [key, entry] of Object.entries(more)) named[key] = described(entry);
  const asList = isRecord(more) || (Array.isArray(more) && more.length === 0) ? undefined : more;
  const older = config['additional_special_tokens'] ?? (Array.isArray(more) ? [] : said['additional_special_tokens']);
  const extra = asList ?? older ?? [];
  if (!Array.isArray(extra) || listed.size + extra.length > limits.rows) throw bad('its special tokens are not a list');
  return {
    config: said,
    listed: [...listed].sort(([a], [b]) => a - b).map(([, token]) => token),
    named,
    extra: extra.map((entry) => described(entry)),
  };
}

const isId = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) < limits.rows;

/** transformers writes 1e30 where there is no limit. */
function lengthLimit(value: unknown): number | undefined {
  if (value === undefined || value === null || (typeof value === 'number' && value > 1e6)) return undefined;
  if (!Number.isInteger(value) || (value as number) < 2 || (value as number) > limits.tokens)
    throw bad(`model_max_length is ${shown(value)}`);
  return value as number;
}

function onTheLeft(config: Json, field: string): boolean {
  const side = config[field] ?? 'right';
  if (side !== 'right' && side !== 'left') throw bad(`${field} is ${shown(side)}`);
  return side === 'left';
}

function readVocab(value: unknown): Map<string, number> {
  if (!isRecord(value) || !Object.values(value).every(isId)) throw bad('its vocabulary is not a table of ids');
  const vocab = new Map(Object.entries(value) as [string, number][]);
  if (vocab.size === 0) throw bad('its vocabulary is empty');
  return vocab;
}

/** Vocabulary, and merges as `a b` in order of rank. */
function readModel(files: TokenizerFiles): { vocab: Map<string, number>; merges: string[] } {
  const whole = files['tokenizer.json'];
  if (whole !== undefined) {
    const model: unknown = isRecord(whole) ? whole.model : undefined;
    if (!isRecord(model)) throw bad('tokenizer.json has no model');
    if (model.type !== 'BPE' || model.end_of_word_suffix !== SUFFIX)
      throw bad(`its model is ${shown(model.type)} with end_of_word_suffix ${shown(model.end_of_word_suffix)}`);
    if (!Array.isArray(model.merges)) throw bad('it has no merges');
    const merges = model.merges.map((pair: unknown) => {
      if (typeof pair === 'string') return pair;
      if (Array.isArray(pair) && pair.length === 2) return pair.join(' ');
      throw bad(`a merge is ${shown(pair)}`);
    });
    return { vocab: readVocab(model.vocab), merges };
  }
  const text = files['merges.txt'];
  if (files['vocab.json'] === undefined || text === undefined)
    throw bad('there is neither tokenizer.json nor vocab.json with merges.txt');
  const merges = text.split('\n').filter((line, i) => line.trim() !== '' && !(i === 0 && line.startsWith('#version')));
  return { vocab: readVocab(files['vocab.json']), merges: merges.map((line) => line.trim()) };
}
