/** Labels are append-only events; everything shown is a projection of them. Undo appends a retraction, redo appends the answer again. */
import type { Answer, LabelEvent } from '../records/labels.ts';
import { distinctBy } from '../shared/arrays.ts';
import { type Database, putDurably, readStore } from './db.ts';

export type Label = Extract<LabelEvent, { type: 'label' }>;

export interface LabelState {
  /** Labels that stand, in the order they were given. A pair may stand here twice: its last label counts. */
  given: Label[];
  /** Labels taken back that redo would give again, last one first to return. A new answer empties it. */
  undone: Label[];
  /** Pair id → the label that counts. */
  byPair: Map<string, Label>;
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

/** An event counts once, where it stands first: files that were put behind one another hold some twice. */
export function foldLabels(events: readonly LabelEvent[]): LabelState {
  const given: Label[] = [];
  const undone: Label[] = [];
  for (const event of distinctBy(events, ({ id }) => id)) {
    if (event.type === 'retract') {
      const index = given.findLastIndex((label) => label.id === event.label);
      if (index >= 0) undone.push(...given.splice(index, 1));
      continue;
    }
    const again = undone.at(-1);
    if (again && isSameAnswer(again, event)) undone.pop();
    else undone.length = 0;
    given.push(event);
  }
  return { given, undone, byPair: new Map(given.map((label) => [label.pair, label])) };
}

/** A redo repeats the whole answer, its elapsed time too; a person cannot do that by hand. */
function isSameAnswer(a: Label, b: Label): boolean {
  return (
    a.pair === b.pair &&
    a.answer === b.answer &&
    a.shownLeft === b.shownLeft &&
    a.clearly === b.clearly &&
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
  const times = labels.map((label) => label.elapsedMs).sort((a, b) => a - b);
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
