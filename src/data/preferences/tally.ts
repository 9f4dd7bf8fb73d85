/** What was taken in, counted: pairs by what their labels come to (data/labels.ts), raters, prompts; and what is known already, so that nothing comes
 *  twice. Some 400 bytes a pair. */
import type { Answer, LabelEvent } from '../../records/labels.ts';
import type { PairRecord } from '../../records/pairs.ts';
import { answerAsShown, foldLabels, type Label, merged } from '../labels.ts';
import { type Hasher, isLabel } from './storing.ts';

interface Known {
  /** False of what another import brought. */
  counts: boolean;
  /** Where it came first. */
  row: number;
  /** Whether its pictures stand in the order of their ids: a later row may have them the other way round. */
  sorted: boolean;
  /** Hashed. */
  prompt: string;
  voices: Voice[];
}

interface Voice {
  by: string;
  /** With the first picture on the left. */
  answer: Answer;
}

export interface Counts {
  pairs: number;
  /** Where labels come to a preference. */
  usable: number;
  ties: number;
  raters: number;
  prompts: number;
}

export const isSorted = ({ images: [first, second] }: PairRecord): boolean => first.id <= second.id;

/** Labels that stand. */
const standing = (events: readonly LabelEvent[]): readonly Label[] =>
  events.every(isLabel) ? events : [...foldLabels(events).byRater.values()].flatMap(({ given }) => given);

export const voicesOf = (events: readonly LabelEvent[]): Voice[] =>
  standing(events).map((label) => ({ by: label.by, answer: answerAsShown(label, 0) }));

/** Of each rater the last; null where there are none. */
export function answerOf(voices: readonly Voice[]): Answer | null {
  if (voices.length <= 1) return voices[0]?.answer ?? null;
  const labels = new Map(
    voices.map(({ by, answer }) => [by, { by, answer, shownLeft: 0, clearly: false } as Label] as const),
  );
  return merged([...labels.values()]).answer;
}

/** Labels without a name are a rater of their own only where there are no others. */
export const countRaters = (raters: ReadonlySet<string>): number =>
  raters.size - (raters.size > 1 && raters.has('import') ? 1 : 0);

export class Tally {
  /** Pairs of this import. */
  counted = 0;
  private readonly pairs = new Map<string, Known>();
  private readonly raters = new Set<string>();
  private readonly prompts = new Set<string>();
  /** Ids of events that lay there before. */
  private readonly kept = new Set<string>();
  private readonly hasher: Hasher;

  constructor(hasher: Hasher) {
    this.hasher = hasher;
  }

  /** Undefined for a pair that is new. */
  known(pair: string): Readonly<Known> | undefined {
    return this.pairs.get(pair);
  }

  isKnownAnswer = (label: Label): boolean =>
    this.pairs
      .get(label.pair)
      ?.voices.some(({ by, answer }) => by === label.by && answer === answerAsShown(label, 0)) ?? false;

  isKept = ({ id }: LabelEvent): boolean => this.kept.has(id);

  addPair(pair: PairRecord, counts = true): void {
    const { id, prompt, source } = pair;
    if (this.pairs.has(id)) return;
    const named = this.hasher.of(prompt).slice(0, 16);
    this.pairs.set(id, { counts, row: source?.row ?? 0, sorted: isSorted(pair), prompt: named, voices: [] });
    if (!counts) return;
    this.counted++;
    this.prompts.add(named);
  }

  /** A pair of others' that this import says something of. */
  countIn(id: string): void {
    const known = this.pairs.get(id);
    if (!known || known.counts) return;
    known.counts = true;
    this.counted++;
    this.prompts.add(known.prompt);
  }

  addKept(events: readonly LabelEvent[]): void {
    for (const { id } of events) this.kept.add(id);
    this.addEvents(events);
  }

  /** Of one pair or of many, with what was taken back among them. */
  addEvents(events: readonly LabelEvent[]): void {
    for (const label of standing(events)) {
      const known = this.pairs.get(label.pair);
      if (!known) continue;
      known.voices.push({ by: label.by, answer: answerAsShown(label, 0) });
      if (known.counts) this.raters.add(label.by);
    }
  }

  counts(): Counts {
    let usable = 0;
    let ties = 0;
    for (const { counts, voices } of this.pairs.values()) {
      const answer = counts ? answerOf(voices) : null;
      if (answer === 'left' || answer === 'right') usable++;
      else if (answer === 'tie') ties++;
    }
    return { pairs: this.counted, usable, ties, raters: countRaters(this.raters), prompts: this.prompts.size };
  }
}
