/** BertTokenizer of an uncased BERT: words and punctuation marks without accents, each cut into the longest pieces that the vocabulary has.
 *  Gives the ids that transformers (5, tokenizers backend) gives. */
import { WinnowError } from '../../shared/errors.ts';
import { limits } from '../config.ts';

/** Tokens that stand for themselves wherever a text has them. */
const SPECIAL = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'] as const;

/** A word of more letters is unknown as a whole. */
const MOST_LETTERS = 100;

// The tokenizers library's: its last range but two begins a hundred code points later than BERT's own.
const IDEOGRAPH =
  /[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u{20000}-\u{2a6df}\u{2a700}-\u{2b81f}\u{2b920}-\u{2ceaf}\u{2f800}-\u{2fa1f}]/gu;
const REMOVED = /[\0\ufffd]|(?![\t\n\r])[\p{Cc}\p{Cf}\p{Co}\p{Cs}]/gu;
const WORDS = /[!-/:-@[-`{-~\p{P}]|[^\p{White_Space}!-/:-@[-`{-~\p{P}]+/gu;

function bad(file: string, what: string): WinnowError {
  return new WinnowError(
    'BadFile',
    `${file} cannot be read: ${what}.`,
    'Take vocab.txt of google-bert/bert-base-uncased.',
  );
}

export class WordPieceTokenizer {
  /** Tokens that have an id: ids are smaller. */
  readonly size: number;
  private readonly vocab: ReadonlyMap<string, number>;
  private readonly tokens: readonly string[];
  private readonly special: RegExp;
  private readonly unknown: number;
  /** Letters of the longest piece. */
  private readonly longest: number;
  private readonly known = new Map<string, readonly number[]>();

  /** @param text vocab.txt: a piece a line, its id the line's number; what continues a word begins with `##`.
   *  @param added tokens that are added to those of the file, if it does not have them, with the next ids.
   *  Throws BadFile for a vocabulary without BERT's special tokens. */
  constructor(text: string, added: readonly string[], file = 'vocab.txt') {
    const lines = text.split('\n').map((line) => line.replace(/\r$/, ''));
    if (lines.at(-1) === '') lines.pop();
    if (lines.length > limits.rows) throw bad(file, `it has ${lines.length} lines`);
    // Of a piece that is there twice, the later line counts.
    const vocab = new Map(lines.map((token, id) => [token, id]));
    const missing = SPECIAL.find((token) => !vocab.has(token));
    if (missing) throw bad(file, `it has no ${missing}`);
    for (const token of added) {
      if (vocab.has(token)) continue;
      vocab.set(token, lines.length);
      lines.push(token);
    }
    this.vocab = vocab;
    this.tokens = lines;
    this.size = lines.length;
    this.unknown = vocab.get('[UNK]')!;
    this.longest = lines.reduce((most, { length }) => Math.max(most, length), 0);
    const all = [...SPECIAL, ...added].map((token) => token.replace(/[^\w]/g, '\\$&'));
    this.special = new RegExp(`(${all.join('|')})`);
  }

  /** [CLS], as many tokens as there is room for, [SEP], and [PAD] up to `length`. @returns ids [length], and how many are no padding. */
  encode(text: string, length: number): { ids: Int32Array; count: number } {
    const kept = this.tokenize(text).slice(0, length - 2);
    const ids = new Int32Array(length).fill(this.vocab.get('[PAD]')!);
    ids.set([this.vocab.get('[CLS]')!, ...kept, this.vocab.get('[SEP]')!]);
    return { ids, count: kept.length + 2 };
  }

  /** Of the text alone, uncut. */
  tokenize(text: string): number[] {
    return text
      .split(this.special)
      .flatMap((part, i) => (i % 2 === 1 ? [this.vocab.get(part)!] : this.words(part).flatMap((w) => this.pieces(w))));
  }

  /** What `encode` leaves out of a text, as its tokens spell it; '' where all of it fits. */
  lost(text: string, length: number): string {
    const rest = this.tokenize(text).slice(length - 2);
    return rest
      .map((id) => this.tokens[id]!)
      .join(' ')
      .replaceAll(' ##', '')
      .replace(/^##/, '');
  }

  private words(text: string): string[] {
    const clean = text
      .replace(REMOVED, '')
      .replace(IDEOGRAPH, ' $& ')
      .normalize('NFD')
      .replace(/\p{Mn}/gu, '');
    // Letter by letter: a final sigma stays a sigma.
    return (
      Array.from(clean, (char) => char.toLowerCase())
        .join('')
        .match(WORDS) ?? []
    );
  }

  private pieces(word: string): readonly number[] {
    const known = this.known.get(word);
    if (known) return known;
    const ids = this.cut(Array.from(word)) ?? [this.unknown];
    if (this.known.size < 50_000) this.known.set(word, ids);
    return ids;
  }

  /** Undefined where a part of it is no piece. */
  private cut(letters: readonly string[]): number[] | undefined {
    if (letters.length > MOST_LETTERS) return undefined;
    const ids: number[] = [];
    for (let from = 0; from < letters.length;) {
      let to = Math.min(letters.length, from + this.longest);
      const idOf = (): number | undefined => this.vocab.get((from > 0 ? '##' : '') + letters.slice(from, to).join(''));
      while (to > from && idOf() === undefined) to--;
      if (to === from) return undefined;
      ids.push(idOf()!);
      from = to;
    }
    return ids;
  }
}
