/** Python's regular expressions as PEFT's configs have them, matched in time that grows with the expression's length times the text's, whatever
 *  the expression: all ways through it are gone at once (K. Thompson, "Regular expression search algorithm", CACM 1968). JavaScript's own try
 *  one way after another, for ever where the file wants it.
 *
 *  Read are letters, `.`, classes, escapes, groups, `|`, `?`, `*`, `+`, `{m,n}`, `^`, `$`, `\A`, `\Z`, `\b`, looking ahead and looking
 *  behind; not back references and flags. */

/** Whether a path fits: all of it, or what stands behind one of its dots. `spend` is told the steps that it takes. */
export type PathPattern = (path: string, spend: (steps: number) => void) => boolean;

/** Of an expression, once `{m,n}` is written out. */
const MAX_STEPS = 4000;

type Step =
  | { kind: 'letter'; fits(letter: string): boolean }
  /** On to both. */
  | { kind: 'split'; to: readonly number[] }
  | { kind: 'place'; fits(text: string, at: number, spend: (steps: number) => void): boolean };

/** Puts the steps of a part behind those that there are. */
type Part = (program: Step[]) => void;

/** PEFT: re.match(rf"(.*\.)?({key})$", path). Undefined for what cannot be read. */
export function pathPattern(key: string): PathPattern | undefined {
  if (/^[\w.-]+$/.test(key)) {
    // Most are names. Their dots stand for any letter.
    return (path, spend) => {
      spend(1);
      const start = path.length - key.length;
      if (start < 0 || (start > 0 && path[start - 1] !== '.')) return false;
      for (let i = key.length - 1; i >= 0; i--) if (key[i] !== '.' && key[i] !== path[start + i]) return false;
      return true;
    };
  }
  try {
    const program = compiled(new Parser(key).whole());
    return (path, spend) =>
      runs(
        program,
        path,
        (at) => at === 0 || path[at - 1] === '.',
        (at) => at === path.length,
        spend,
      );
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function compiled(part: Part): Step[] {
  const program: Step[] = [];
  part(program);
  return program;
}

/** @param starts where a match may begin. @param ends where it may end. */
function runs(
  program: readonly Step[],
  text: string,
  starts: (at: number) => boolean,
  ends: (at: number) => boolean,
  spend: (steps: number) => void,
): boolean {
  const reached = new Int32Array(program.length + 1).fill(-1);
  let now: number[] = [];
  for (let at = 0; at <= text.length; at++) {
    const next: number[] = [];
    if (starts(at)) now.push(0);
    let steps = 0;
    for (let step: number | undefined; (step = now.pop()) !== undefined;) {
      if (reached[step] === at) continue;
      reached[step] = at;
      steps++;
      const what = program[step];
      if (!what) {
        if (ends(at)) return true;
      } else if (what.kind === 'split') now.push(...what.to);
      else if (what.kind === 'place') {
        if (what.fits(text, at, spend)) now.push(step + 1);
      } else if (at < text.length && what.fits(text[at]!)) next.push(step + 1);
    }
    spend(steps + 1);
    now = next;
  }
  return false;
}

const WORD = /\w/;
const places: Readonly<Record<string, (text: string, at: number) => boolean>> = {
  '^': (_, at) => at === 0,
  $: (text, at) => at === text.length,
  A: (_, at) => at === 0,
  Z: (text, at) => at === text.length,
  b: (text, at) => WORD.test(text[at - 1] ?? '') !== WORD.test(text[at] ?? ''),
};

const place =
  (fits: (text: string, at: number, spend: (steps: number) => void) => boolean): Part =>
  (program) =>
    void program.push({ kind: 'place', fits });

/** Throws SyntaxError. */
class Parser {
  private readonly source: string;
  private at = 0;

  constructor(source: string) {
    this.source = source;
  }

  whole(): Part {
    const part = this.choice();
    if (this.at < this.source.length) throw new SyntaxError('a bracket that nothing opens');
    return part;
  }

  private takes(text: string): boolean {
    if (!this.source.startsWith(text, this.at)) return false;
    this.at += text.length;
    return true;
  }

  private choice(): Part {
    const ways = [this.sequence()];
    while (this.takes('|')) ways.push(this.sequence());
    if (ways.length === 1) return ways[0]!;
    return (program) => {
      const to: number[] = [];
      program.push({ kind: 'split', to });
      const ends: number[][] = [];
      for (const way of ways) {
        to.push(program.length);
        way(program);
        const end: number[] = [];
        program.push({ kind: 'split', to: end });
        ends.push(end);
      }
      for (const end of ends) end.push(program.length);
    };
  }

  private sequence(): Part {
    const parts: Part[] = [];
    while (this.at < this.source.length && !'|)'.includes(this.source[this.at]!)) parts.push(this.repeated());
    return (program) => parts.forEach((part) => part(program));
  }

  private repeated(): Part {
    const part = this.atom();
    const [text, least, , most] = /^\{(\d*)(,(\d*))?\}/.exec(this.source.slice(this.at, this.at + 20)) ?? [];
    let bounds: [number, number];
    if (this.takes('*')) bounds = [0, Infinity];
    else if (this.takes('+')) bounds = [1, Infinity];
    else if (this.takes('?')) bounds = [0, 1];
    else if (text !== undefined && this.takes(text)) bounds = this.counted(text, least, most);
    else return part;
    // Which way is tried first says nothing of whether there is one.
    this.takes('?');
    if (/[*+?{]/.test(this.source[this.at] ?? '')) throw new SyntaxError('what is repeated twice');
    const [min, max] = bounds;
    return (program) => {
      const once = (): void => {
        part(program);
        if (program.length > MAX_STEPS) throw new SyntaxError('an expression that is too long');
      };
      for (let i = 0; i < min; i++) once();
      if (max === Infinity) {
        const start = program.length;
        const to = [start + 1];
        program.push({ kind: 'split', to });
        once();
        program.push({ kind: 'split', to: [start] });
        to.push(program.length);
      }
      const skips: number[][] = [];
      for (let more = max === Infinity ? 0 : max - min; more > 0; more--) {
        const to = [program.length + 1];
        program.push({ kind: 'split', to });
        skips.push(to);
        once();
      }
      for (const to of skips) to.push(program.length);
    };
  }

  private counted(text: string, least = '', most = ''): [number, number] {
    const min = Number(least);
    const max = !text.includes(',') ? min : most === '' ? Infinity : Number(most);
    if ((least === '' && most === '') || min > max || Math.max(min, max === Infinity ? 0 : max) > MAX_STEPS)
      throw new SyntaxError('a count that is none');
    return [min, max];
  }

  private atom(): Part {
    const letter = this.source[this.at++]!;
    if (letter === '(') return this.group();
    if (letter === '*' || letter === '+' || letter === '?') throw new SyntaxError('nothing to repeat');
    if (letter === '^' || letter === '$') return place(places[letter]!);
    if (letter === '.') return (program) => void program.push({ kind: 'letter', fits: (one) => one !== '\n' });
    if (letter === '\\') {
      const escaped = this.source[this.at++];
      if (escaped === undefined || /[1-9]/.test(escaped)) throw new SyntaxError('an escape that is not read');
      if (escaped === 'A' || escaped === 'Z' || escaped === 'b') return place(places[escaped]!);
      return /[a-zA-Z0]/.test(escaped) ? this.kindOf(`\\${escaped}`) : this.same(escaped);
    }
    if (letter !== '[') return this.same(letter);
    // Up to its bracket; one at the very start is a letter.
    const end = /^\^?\]?(?:\\.|[^\]\\])*\]/s.exec(this.source.slice(this.at))?.[0];
    if (end === undefined) throw new SyntaxError('a class without an end');
    this.at += end.length;
    return this.kindOf(`[${end.replace(/^(\^?)\]/, '$1\\]').replaceAll(/(?<!^)\[/g, '\\[')}`);
  }

  private same(letter: string): Part {
    return (program) => void program.push({ kind: 'letter', fits: (one) => one === letter });
  }

  /** A class or an escape, as both languages write it: asked letter by letter. */
  private kindOf(source: string): Part {
    if (!/^\[|^\\[dDwWsStnr]$/.test(source)) throw new SyntaxError('an escape that is not read');
    const kind = new RegExp(`^${source}$`);
    return (program) => void program.push({ kind: 'letter', fits: (one) => kind.test(one) });
  }

  private group(): Part {
    const look = ['?=', '?!', '?<=', '?<!'].find((mark) => this.takes(mark));
    if (look === undefined && !this.takes('?:')) {
      const name = /^\?P<\w+>/.exec(this.source.slice(this.at))?.[0];
      if (name !== undefined) this.at += name.length;
      else if (this.source[this.at] === '?') throw new SyntaxError('a group that is not read');
    }
    const part = this.choice();
    if (!this.takes(')')) throw new SyntaxError('a group without an end');
    if (look === undefined) return part;
    const program = compiled(part);
    const isHere = (at: number) => (from: number) => from === at;
    const anywhere = (): boolean => true;
    const isWanted = !look.endsWith('!');
    return look.startsWith('?<')
      ? place((text, at, spend) => runs(program, text, anywhere, isHere(at), spend) === isWanted)
      : place((text, at, spend) => runs(program, text, isHere(at), anywhere, spend) === isWanted);
  }
}
