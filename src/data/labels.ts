/** Labels are append-only events; everything shown is a projection of them. Undo appends a retraction, redo appends the answer again. */
import { type Answer, answers, type LabelEvent } from '../records/labels.ts';
import { raterKindOf, raterKinds } from '../records/raters.ts';
import { distinctBy } from '../shared/arrays.ts';
import { type Database, putDurably, readStore } from './db.ts';

export type Label = Extract<LabelEvent, { type: 'label' }>;

/** What one rater has answered. */
export interface RaterLabels {
  /** Labels that stand, in the order they were given, those of pairs shown again among them. A pair may stand here twice: its last label counts. */
  given: Label[];
  /** Labels taken back that redo would give again, last one first to return. A new answer empties it. */
  undone: Label[];
  /** Pair id → the label that counts. */
  byPair: Map<string, Label>;
}

/** What counts of a pair: its only label as it is, or what several raters' labels come to. */
export interface MergedLabel extends Label {
  /** Of several: whose answer it is. */
  raters?: string[];
}

export interface LabelState {
  /** By who gave them, in the order of their first labels. */
  byRater: Map<string, RaterLabels>;
  /** Pair id → what counts, and trains (`merged`). */
  byPair: Map<string, MergedLabel>;
}

export interface LabelCounts {
  labels: number;
  /** left or right: what training takes. */
  usable: number;
  tie: number;
  bothBad: number;
  skip: number;
  left: number;
  right: number;
  medianMs: number | null;
}

export const readLabels = (db: Database, onDamaged?: (what: string) => void): Promise<LabelEvent[]> =>
  readStore(db, 'labels', onDamaged);

export const appendLabel = (db: Database, event: LabelEvent): Promise<void> => putDurably(db, 'labels', [event]);

const nobody: RaterLabels = { given: [], undone: [], byPair: new Map() };

export const labelsOf = ({ byRater }: LabelState, by: string): RaterLabels => byRater.get(by) ?? nobody;

/** An event counts once, where it stands first: files that were put behind one another hold some twice. Undo and redo are each rater's own. */
export function foldLabels(events: readonly LabelEvent[]): LabelState {
  const byRater = new Map<string, RaterLabels>();
  const raterOf = new Map<string, RaterLabels>();
  for (const event of distinctBy(events, ({ id }) => id)) {
    if (event.type === 'retract') {
      const rater = raterOf.get(event.label);
      const index = rater?.given.findLastIndex((label) => label.id === event.label) ?? -1;
      if (rater && index >= 0) rater.undone.push(...rater.given.splice(index, 1));
      continue;
    }
    let rater = byRater.get(event.by);
    if (!rater) byRater.set(event.by, (rater = { given: [], undone: [], byPair: new Map() }));
    const { given, undone } = rater;
    const last = undone.at(-1);
    if (last && isSameAnswer(last, event)) undone.pop();
    else undone.length = 0;
    given.push(event);
    raterOf.set(event.id, rater);
  }
  for (const rater of byRater.values()) rater.byPair = standing(rater);
  return { byRater, byPair: mergedByPair(byRater.values()) };
}

function mergedByPair(raters: Iterable<RaterLabels>): Map<string, MergedLabel> {
  const ofPair = new Map<string, Label[]>();
  for (const { byPair } of raters) {
    for (const label of byPair.values()) {
      const labels = ofPair.get(label.pair);
      if (labels) labels.push(label);
      else ofPair.set(label.pair, [label]);
    }
  }
  return new Map([...ofPair].map(([pair, labels]) => [pair, merged(labels)]));
}

/** What counts of each pair where some raters do not. */
export function labelsFrom({ byRater, byPair }: LabelState, counts: (by: string) => boolean): Map<string, MergedLabel> {
  if ([...byRater.keys()].every(counts)) return byPair;
  return mergedByPair([...byRater].flatMap(([by, labels]) => (counts(by) ? [labels] : [])));
}

/** With one more event, which is new: as folding all of them would give, without going through all. */
export function foldOne({ byRater, byPair }: LabelState, event: LabelEvent): LabelState {
  const holds = ({ given }: RaterLabels): boolean =>
    given.some(({ id }) => event.type === 'retract' && id === event.label);
  const by = event.type === 'label' ? event.by : [...byRater].find(([, rater]) => holds(rater))?.[0];
  if (by === undefined) return { byRater, byPair };
  const { given, undone } = byRater.get(by) ?? nobody;
  const taken = event.type === 'retract' ? given.findLast(({ id }) => id === event.label) : undefined;
  const last = undone.at(-1);
  const rater: RaterLabels =
    event.type === 'label'
      ? {
          given: [...given, event],
          undone: last && isSameAnswer(last, event) ? undone.slice(0, -1) : [],
          byPair: new Map(),
        }
      : { given: given.filter((label) => label !== taken), undone: [...undone, taken!], byPair: new Map() };
  rater.byPair = standing(rater);
  const raters = new Map(byRater).set(by, rater);
  const { pair } = event.type === 'label' ? event : taken!;
  const labels = [...raters.values()].flatMap((one) => one.byPair.get(pair) ?? []);
  const pairs = new Map(byPair);
  if (labels.length > 0) pairs.set(pair, merged(labels));
  else pairs.delete(pair);
  return { byRater: raters, byPair: pairs };
}

const standing = ({ given }: RaterLabels): Map<string, Label> =>
  new Map(given.filter(({ again }) => !again).map((label) => [label.pair, label]));

/** What the labels of one pair, each rater's own, come to. People count before what came with a data set, and that before judges: of the first
 *  kind that says anything, an answer that more than half of its raters give; where there is none, a tie. A skip is no voice where anybody has one.
 *  @param labels at least one, in the order of their raters. */
export function merged(labels: readonly Label[]): MergedLabel {
  if (labels.length === 1) return labels[0]!;
  const said = labels.filter(({ answer }) => answer !== 'skip');
  if (said.length === 0) return labels.at(-1)!;
  const kind = raterKinds.find((one) => said.some(({ by }) => raterKindOf(by) === one))!;
  const voices = said.filter(({ by }) => raterKindOf(by) === kind);
  if (voices.length === 1) return voices[0]!;
  const last = voices.at(-1)!;
  const side = last.shownLeft;
  const answerOf = (label: Label): Answer => answerAsShown(label, side);
  const more = (some: readonly unknown[], all: readonly unknown[]): boolean => 2 * some.length > all.length;
  const giving = (answer: Answer): Label[] => voices.filter((label) => answerOf(label) === answer);
  const answer = answers.find((one) => more(giving(one), voices)) ?? 'tie';
  const agreed = giving(answer);
  const whose = more(agreed, voices) ? agreed : voices;
  return {
    ...last,
    answer,
    clearly:
      isUsable(answer) &&
      more(
        agreed.filter(({ clearly }) => clearly),
        agreed,
      ),
    by: whose[0]!.by,
    raters: whose.map(({ by }) => by),
  };
}

/** A redo repeats the whole answer, its elapsed time too; a person cannot do that by hand. */
function isSameAnswer(a: Label, b: Label): boolean {
  return (
    a.pair === b.pair &&
    a.answer === b.answer &&
    a.shownLeft === b.shownLeft &&
    a.clearly === b.clearly &&
    a.again === b.again &&
    a.elapsedMs === b.elapsedMs
  );
}

export function retractionOf(label: Label, now = new Date()): LabelEvent {
  return { type: 'retract', id: crypto.randomUUID(), label: label.id, at: now.toISOString() };
}

export function repetitionOf(label: Label, now = new Date()): Label {
  return { ...label, id: crypto.randomUUID(), at: now.toISOString() };
}

export const isUsable = (answer: Answer): boolean => answer === 'left' || answer === 'right';

/** Index into PairRecord.images of the image that was preferred; null for answers without one. */
export function winnerOf(label: Label): 0 | 1 | null {
  if (!isUsable(label.answer)) return null;
  const other = label.shownLeft === 0 ? 1 : 0;
  return label.answer === 'left' ? label.shownLeft : other;
}

/** The label's answer as it reads with image `shownLeft` on the left: sides are drawn anew at every showing. */
export function answerAsShown({ answer, shownLeft: before }: Label, shownLeft: 0 | 1): Answer {
  if (!isUsable(answer) || before === shownLeft) return answer;
  return answer === 'left' ? 'right' : 'left';
}

export function countLabels(byPair: ReadonlyMap<string, Label>): LabelCounts {
  const labels = [...byPair.values()];
  const count = (answer: Answer): number => labels.filter((label) => label.answer === answer).length;
  // What came with a data set says nothing of time.
  const times = labels.flatMap(({ elapsedMs }) => (elapsedMs > 0 ? [elapsedMs] : [])).sort((a, b) => a - b);
  return {
    labels: labels.length,
    usable: count('left') + count('right'),
    tie: count('tie'),
    bothBad: count('bothBad'),
    skip: count('skip'),
    left: count('left'),
    right: count('right'),
    medianMs: times.length ? (times[(times.length - 1) >> 1]! + times[times.length >> 1]!) / 2 : null,
  };
}
