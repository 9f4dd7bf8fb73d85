/** CLIPTokenizer: lower-cased byte-level BPE whose words end in `</w>`, from tokenizer.json or from vocab.json + merges.txt.
 *  Gives the ids that transformers (5, tokenizers backend) gives, awkward prompts included. */
import { WinnowError } from '../../shared/errors.ts';

/** The parsed files of a `tokenizer/` folder, those that are there. */
export interface TokenizerFiles {
  'tokenizer.json'?: unknown;
  'vocab.json'?: unknown;
  /** Text. */
  'merges.txt'?: string;
  'tokenizer_config.json'?: unknown;
  'special_tokens_map.json'?: unknown;
}

/** A token found in the text before it is split into words. `normalized`: found after lower-casing, else in the text as typed. */
interface AddedToken {
  content: string;
  id: number;
  normalized: boolean;
  lstrip: boolean;
  rstrip: boolean;
}

type Json = Record<string, unknown>;

const SUFFIX = '</w>';
const isRecord = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

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

export class ClipTokenizer {
  readonly vocabSize: number;
  /** tokenizer_config.json's model_max_length; 77 where it gives none. */
  readonly maxLength: number;
  readonly bosId: number;
  readonly eosId: number;
  readonly padId: number;
  private readonly vocab: ReadonlyMap<string, number>;
  private readonly ranks: ReadonlyMap<string, number>;
  private readonly unknownId: number;
  private readonly added: readonly AddedToken[];
  private readonly words = new Map<string, readonly number[]>();

  constructor(files: TokenizerFiles) {
    const { vocab, merges, listed } = readModel(files);
    const config = isRecord(files['tokenizer_config.json']) ? files['tokenizer_config.json'] : {};
    const special = isRecord(files['special_tokens_map.json']) ? files['special_tokens_map.json'] : {};
    this.vocab = vocab;
    this.ranks = new Map(merges.map((pair, rank) => [pair, rank]));

    const decoder = isRecord(config.added_tokens_decoder) ? Object.values(config.added_tokens_decoder) : [];
    const found = new Map<string, AddedToken>();
    const add = (entry: unknown, replace = false): string => {
      const token = isRecord(entry) ? entry : { content: entry };
      const { content } = token;
      if (typeof content !== 'string' || content === '') throw bad(`a special token is ${JSON.stringify(entry)}`);
      if (!vocab.has(content)) vocab.set(content, Math.max(-1, ...vocab.values()) + 1);
      if (replace || !found.has(content))
        found.set(content, {
          content,
          id: vocab.get(content)!,
          normalized: token.normalized === true,
          lstrip: token.lstrip === true,
          rstrip: token.rstrip === true,
        });
      return content;
    };
    for (const entry of [...listed, ...decoder]) add(entry);
    const fixed = new Set(found.keys());
    // One token in two roles, once described and once as plain text (as published CLIP tokenizers have <|endoftext|>): transformers adds both
    // and the later one stands. Of two descriptions it adds the first.
    const plain = new Map<string, boolean>();
    const named = (role: string, fallback: string): number => {
      const entry = config[role] ?? special[role] ?? fallback;
      const name = isRecord(entry) ? String(entry.content) : String(entry);
      const content = add(entry, !fixed.has(name) && plain.get(name) === isRecord(entry));
      plain.set(content, !isRecord(entry));
      return vocab.get(content)!;
    };
    this.bosId = named('bos_token', '<|startoftext|>');
    this.eosId = named('eos_token', '<|endoftext|>');
    this.unknownId = named('unk_token', '<|endoftext|>');
    this.padId = named('pad_token', '<|endoftext|>');
    this.added = [...found.values()];
    this.vocabSize = vocab.size;
    // transformers writes 1e30 where there is no limit.
    const length = config.model_max_length;
    this.maxLength = typeof length === 'number' && length < 1e6 ? length : 77;
  }

  /** Token ids of one prompt: start, words, end, padding; cut so that start and end always fit. Length `maxLength`. */
  encode(text: string, maxLength = this.maxLength): Int32Array {
    const ids = this.tokenize(text).slice(0, Math.max(0, maxLength - 2));
    const out = new Int32Array(maxLength).fill(this.padId);
    out.set([this.bosId, ...ids, this.eosId].slice(0, maxLength));
    return out;
  }

  /** Ids of the words alone, uncut: for counting tokens. */
  tokenize(text: string): number[] {
    const raw = this.added.filter((token) => !token.normalized);
    const normalized = this.added
      .filter((token) => token.normalized)
      .map((token) => ({ ...token, content: normalize(token.content) }));
    return splitAt(text, raw).flatMap((part) => {
      if (typeof part !== 'string') return [part.id];
      return splitAt(normalize(part), normalized).flatMap((piece) =>
        typeof piece === 'string' ? this.encodeWords(piece) : [piece.id],
      );
    });
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
    for (;;) {
      let best = Infinity;
      let at = -1;
      for (let i = 0; i + 1 < symbols.length; i++) {
        const rank = this.ranks.get(`${symbols[i]} ${symbols[i + 1]}`);
        if (rank !== undefined && rank < best) [best, at] = [rank, i];
      }
      if (at < 0) break;
      symbols.splice(at, 2, symbols[at]! + symbols[at + 1]!);
    }
    const ids = symbols.map((symbol) => this.vocab.get(symbol) ?? this.unknownId);
    if (this.words.size < 50_000) this.words.set(word, ids);
    return ids;
  }
}

/** Text and the tokens found in it, leftmost first, the longest where several begin at one place. */
function splitAt(text: string, tokens: readonly AddedToken[]): (string | AddedToken)[] {
  const parts: (string | AddedToken)[] = [];
  let rest = text;
  while (rest !== '') {
    let hit: { token: AddedToken; at: number } | undefined;
    for (const token of tokens) {
      const at = rest.indexOf(token.content);
      if (at < 0) continue;
      if (!hit || at < hit.at || (at === hit.at && token.content.length > hit.token.content.length))
        hit = { token, at };
    }
    if (!hit) {
      parts.push(rest);
      break;
    }
    const before = rest.slice(0, hit.at);
    const after = rest.slice(hit.at + hit.token.content.length);
    parts.push(hit.token.lstrip ? before.replace(/\p{White_Space}+$/u, '') : before, hit.token);
    rest = hit.token.rstrip ? after.replace(/^\p{White_Space}+/u, '') : after;
  }
  return parts;
}

function readVocab(value: unknown): Map<string, number> {
  if (!isRecord(value) || !Object.values(value).every(Number.isInteger))
    throw bad('its vocabulary is not a table of ids');
  return new Map(Object.entries(value) as [string, number][]);
}

/** Vocabulary, merges as `a b` in order of rank, and the added tokens the file lists. */
function readModel(files: TokenizerFiles): { vocab: Map<string, number>; merges: string[]; listed: unknown[] } {
  const whole = files['tokenizer.json'];
  if (whole !== undefined) {
    const model: unknown = isRecord(whole) ? whole.model : undefined;
    if (!isRecord(whole) || !isRecord(model)) throw bad('tokenizer.json has no model');
    if (model.type !== 'BPE' || model.end_of_word_suffix !== SUFFIX)
      throw bad(
        `its model is ${String(model.type)} with end_of_word_suffix ${JSON.stringify(model.end_of_word_suffix)}`,
      );
    if (!Array.isArray(model.merges)) throw bad('it has no merges');
    const merges = model.merges.map((pair: unknown) => {
      if (typeof pair === 'string') return pair;
      if (Array.isArray(pair) && pair.length === 2) return pair.join(' ');
      throw bad(`a merge is ${JSON.stringify(pair)}`);
    });
    return {
      vocab: readVocab(model.vocab),
      merges,
      listed: Array.isArray(whole.added_tokens) ? whole.added_tokens : [],
    };
  }
  const text = files['merges.txt'];
  if (files['vocab.json'] === undefined || text === undefined)
    throw bad('there is neither tokenizer.json nor vocab.json with merges.txt');
  const merges = text.split('\n').filter((line, i) => line.trim() !== '' && !(i === 0 && line.startsWith('#version')));
  return { vocab: readVocab(files['vocab.json']), merges: merges.map((line) => line.trim()), listed: [] };
}
