/** Pairs and their labels: what is on screen, what was answered, what can be taken back. An answer is on disk before the next pair shows,
 *  and it counts for the showing that the person answered, or not at all. */
import { plural, t } from '@lingui/core/macro';
import {
  appendLabel,
  countLabels,
  foldLabels,
  foldOne,
  isUsable,
  type Label,
  labelsOf,
  type LabelCounts,
  type LabelState,
  readLabels,
  repetitionOf,
  retractionOf,
} from '../../data/labels.ts';
import { fetchBundledPairs, readPairs, savePairs, storeBundledFiles } from '../../data/pairs.ts';
import type { Answer, LabelEvent, PairRecord } from '../../service/types.ts';
import { WinnowError } from '../../shared/errors.ts';
import { actions, checkOwner, inTurn } from './action.ts';
import { dueAgain } from '../../evaluation/selfAgreement.ts';
import { asksAgain, judgedBy, queue, queueOf } from './labelSelectors.ts';
import { chosenModel } from './models.ts';
import { areEnlarged, decoded } from './pictures.ts';
import { type Problem, problemOf } from './problem.ts';
import { currentRater } from './ratersSlice.ts';
import { db, files, siteBase } from './services.ts';
import type { Slice } from './useStudio.ts';

export type QueueFilter = 'toJudge' | 'brought' | 'preferred' | 'tie' | 'bothBad' | 'skip';

/** One showing of a pair: sides are drawn anew each time. */
export interface Showing {
  pair: PairRecord;
  shownLeft: 0 | 1;
  since: number;
  /** Judged before by the same rater, who is not told: to see whether they say the same. */
  again?: true;
}

export interface LabelsSlice {
  pairs: PairRecord[];
  labelEvents: LabelEvent[];
  labels: LabelState;
  counts: LabelCounts;
  filter: QueueFilter;
  showing: Showing | null;
  /** An answer is being written; the next pair waits for it. */
  saving: boolean;
  /** The answer just given, for a moment's glow. */
  lastAnswer: { id: string; answer: Answer; clearly: boolean } | null;
  labelProblem: Problem | null;
  pairsRead: boolean;
  /** The first pair is on screen, or there is none: what only comes later may be loaded now. */
  firstShown: boolean;
  /** Reads labels, pairs and images from disk; brings in the bundled pairs. */
  readStored(): Promise<void>;
  addPairs(pairs: readonly PairRecord[]): void;
  /** Of which more is known now; they may have another place in the list. */
  replacePairs(pairs: readonly PairRecord[]): void;
  setFilter(filter: QueueFilter): void;
  /** Back to the pairs that are not judged yet, if another list is open. */
  judgeNew(): void;
  /** @param seen the showing that is answered, the one on screen if left out: where another one has taken its place, nothing is written. */
  answer(answer: Answer, clearly?: boolean, seen?: Showing | null): Promise<void>;
  undoLabel(): Promise<void>;
  redoLabel(): Promise<void>;
  showPair(pair: string): void;
  /** The next pair of the list, or the one before, without an answer. */
  stepShowing(by: 1 | -1): void;
  /** Another pair where the one on screen does not belong to the list that is open. */
  settleShowing(): void;
}

/** Of several with one id the first: it is the one that was shown, and that its label is about. */
function withoutTwins(pairs: readonly PairRecord[]): PairRecord[] {
  const byId = new Map<string, PairRecord>();
  for (const pair of pairs) if (!byId.has(pair.id)) byId.set(pair.id, pair);
  return [...byId.values()];
}

/** Whose key it was, and what list they had before them: it may be another one's turn before the work begins. */
interface Asked {
  filter: QueueFilter;
  by: string;
}

/** Bundled ones first, then as they were made or came, those of a file in its order, those of a round as they are to be asked. */
function inOrder(a: PairRecord, b: PairRecord): number {
  const rank = (pair: PairRecord): number => (pair.origin === 'bundled' ? 0 : 1);
  const at = ({ asked, importedAt, createdAt }: PairRecord): string => asked?.at ?? importedAt ?? createdAt;
  return (
    rank(a) - rank(b) ||
    at(a).localeCompare(at(b)) ||
    (a.asked?.order ?? 0) - (b.asked?.order ?? 0) ||
    (a.source?.file ?? '').localeCompare(b.source?.file ?? '') ||
    (a.source?.row ?? 0) - (b.source?.row ?? 0) ||
    // Of a folder of ours they came together, and were made one after the other.
    a.createdAt.localeCompare(b.createdAt)
  );
}

function leftOut(damaged: readonly string[]): WinnowError {
  const count = damaged.length;
  const some = damaged.slice(0, 3).join(', ');
  return new WinnowError(
    'BadFile',
    count > 3
      ? t`${count} records of this browser's storage cannot be read: ${some}, and more.`
      : t`${plural(count, {
          one: `One record of this browser's storage cannot be read: ${some}.`,
          other: `${count} records of this browser's storage cannot be read: ${some}.`,
        })}`,
    t`They are left out and stay where they are; everything else is here.`,
  );
}

const shortOf = ({ id, answer, clearly }: Label): LabelsSlice['lastAnswer'] => ({ id, answer, clearly });

export const labelsSlice: Slice<LabelsSlice> = (set, get) => {
  const drawSide = (): 0 | 1 => (crypto.getRandomValues(new Uint8Array(1))[0]! & 1 ? 1 : 0);

  const showingOf = (pair: PairRecord | undefined): Showing | null =>
    pair ? { pair, shownLeft: drawSide(), since: performance.now() } : null;

  const now = (): Asked => ({ filter: get().filter, by: currentRater(get()).by });
  const isNow = ({ filter, by }: Asked): boolean => filter === get().filter && by === currentRater(get()).by;

  const turned = (side: 0 | 1): 0 | 1 => (side === 0 ? 1 : 0);

  /** A pair that its rater judged before, sides turned. */
  function showingAgain(label: Label): Showing | null {
    const showing = showingOf(get().pairs.find(({ id }) => id === label.pair));
    return showing && { ...showing, shownLeft: turned(label.shownLeft), again: true };
  }

  /** What is to be shown again now, if anything is. */
  function due(labels = get().labels, filter = get().filter): Showing | null {
    const { by } = currentRater(get());
    const label = asksAgain(filter) ? dueAgain(labelsOf(labels, by), by) : undefined;
    return label ? showingAgain(label) : null;
  }

  /** The pair after the one on screen is decoded before it is needed. */
  function lookAhead(): void {
    const listed = queue(get());
    const next = listed[listed.findIndex((one) => one.id === get().showing?.pair.id) + 1];
    if (next)
      void decoded(
        next.images.map(({ file }) => file),
        areEnlarged(get()),
      );
  }

  function show(pair: PairRecord | undefined, showing = showingOf(pair)): void {
    set({ showing });
    lookAhead();
  }

  const showFirst = (): void => show(undefined, due() ?? showingOf(queue(get())[0]));

  /** Writes one event, then shows what `next` finds in the queue as it will be. The screen changes once, when the event is on disk and the next
   *  pictures are decoded, so that no key meets a pair that is not to be seen yet.
   *  @param asked when the key was struck. */
  async function append(
    event: LabelEvent,
    next: (queue: PairRecord[], labels: LabelState) => Showing | null,
    lastAnswer: LabelsSlice['lastAnswer'],
    asked: Asked,
  ): Promise<void> {
    checkOwner(get(), t`Judge there, or take over here.`);
    const { showing } = get();
    await appendLabel(await db(), event);
    const labelEvents = [...get().labelEvents, event];
    const labels = foldOne(get().labels, event);
    const { pairs, filter, whose } = get();
    const judged = judgedBy(labels, currentRater(get()).by, whose);
    const following = next(queueOf(pairs, judged, filter, chosenModel(get())?.id), labels);
    if (following)
      await decoded(
        following.pair.images.map(({ file }) => file),
        areEnlarged(get()),
      );
    const changed = { labelEvents, labels, counts: countLabels(labels.byPair), lastAnswer };
    if (get().showing === showing && isNow(asked)) {
      set({ ...changed, showing: following && { ...following, since: performance.now() } });
      lookAhead();
    } else {
      // Another list was opened meanwhile: what it shows may have been answered just now.
      set(changed);
      settleShowing();
    }
  }

  /** What is on screen belongs to the list that is open. */
  function settleShowing(): void {
    const { showing, filter } = get();
    if (showing?.again && asksAgain(filter)) return;
    if (!queue(get()).some(({ id }) => id === showing?.pair.id)) showFirst();
  }

  function allRead(): void {
    if (get().pairsRead) return;
    set({ pairsRead: true });
    const first = get().showing?.pair.images.map(({ file }) => file) ?? [];
    void decoded(first, areEnlarged(get())).then(() => set({ firstShown: true }));
  }

  const action = actions(set, get);
  const judging = inTurn(action, { problem: 'labelProblem', busy: 'saving' });

  const empty = foldLabels([]);

  return {
    pairs: [],
    labelEvents: [],
    labels: empty,
    counts: countLabels(empty.byPair),
    filter: 'toJudge',
    showing: null,
    saving: false,
    lastAnswer: null,
    labelProblem: null,
    pairsRead: false,
    firstShown: false,

    readStored: () =>
      action({ problem: 'labelProblem', background: true }, async () => {
        try {
          const database = await db();
          const damaged: string[] = [];
          const onDamaged = (what: string): void => void damaged.push(what);
          const [labelEvents, stored] = await Promise.all([
            readLabels(database, onDamaged),
            readPairs(database, onDamaged),
            get().readLibrary(onDamaged),
          ]);
          if (damaged.length > 0) set({ labelProblem: problemOf(leftOut(damaged)) });
          const labels = foldLabels(labelEvents);
          set({ labelEvents, labels, counts: countLabels(labels.byPair) });
          get().addPairs(stored);
          // Another tab may have judged since.
          settleShowing();
          const bundled = withoutTwins(await fetchBundledPairs(siteBase).catch(() => []));
          const known = new Set(stored.map((pair) => pair.id));
          await savePairs(
            database,
            bundled.filter((pair) => !known.has(pair.id)),
          );
          get().addPairs(bundled);
          allRead();
          // Judging need not wait for it, training does.
          await storeBundledFiles(siteBase, await files(), bundled);
        } catch (error) {
          // What the browser does not keep is said once, above every screen.
          if (!get().lacks) throw error;
        } finally {
          allRead();
        }
      }),

    addPairs(pairs) {
      const all = withoutTwins([...get().pairs, ...pairs]);
      set({ pairs: all.sort(inOrder) });
      if (!get().showing) showFirst();
    },

    replacePairs(pairs) {
      const known = new Map(pairs.map((pair) => [pair.id, pair]));
      set({
        pairs: get()
          .pairs.map((pair) => known.get(pair.id) ?? pair)
          .sort(inOrder),
      });
      lookAhead();
    },

    setFilter(filter) {
      set({ filter });
      showFirst();
    },

    judgeNew() {
      if (get().filter !== 'toJudge') get().setFilter('toJudge');
      else settleShowing();
    },

    answer(answer, clearly = false, seen = get().showing) {
      const asked = now();
      return judging(async () => {
        if (!seen || seen !== get().showing) return;
        const { pair, shownLeft, since, again } = seen;
        // In a filtered list the answer may move the pair out of it: the ones that followed come next.
        const before = queue(get());
        const following = new Set(before.slice(before.findIndex((one) => one.id === pair.id) + 1).map(({ id }) => id));
        const event: Label = {
          type: 'label',
          id: crypto.randomUUID(),
          pair: pair.id,
          answer,
          shownLeft,
          clearly: clearly && isUsable(answer),
          elapsedMs: Math.round(performance.now() - since),
          at: new Date().toISOString(),
          by: asked.by,
          ...(again && { again }),
        };
        await append(
          event,
          (queue, labels) =>
            due(labels) ??
            showingOf(queue.find(({ id }) => following.has(id)) ?? queue.find(({ id }) => id !== pair.id)),
          shortOf(event),
          asked,
        );
        if (get().labelEvents.length === 1) void get().askToPersist();
      });
    },

    undoLabel() {
      const asked = now();
      return judging(async () => {
        const label = labelsOf(get().labels, asked.by).given.at(-1);
        if (!label) return;
        const taken = showingOf(get().pairs.find((pair) => pair.id === label.pair));
        // The sides that it was shown on: turned against the first answer, as they were.
        const again = label.again && taken && { ...taken, shownLeft: label.shownLeft, again: label.again };
        await append(retractionOf(label), (queue) => again ?? taken ?? showingOf(queue[0]), null, asked);
      });
    },

    redoLabel() {
      const asked = now();
      return judging(async () => {
        const label = labelsOf(get().labels, asked.by).undone.at(-1);
        if (!label) return;
        const event = repetitionOf(label);
        await append(event, (queue, labels) => due(labels) ?? showingOf(queue[0]), shortOf(event), asked);
      });
    },

    showPair(id) {
      show(get().pairs.find((pair) => pair.id === id));
    },

    stepShowing(by) {
      const listed = queue(get());
      const at = listed.findIndex(({ id }) => id === get().showing?.pair.id);
      if (at >= 0 && listed[at + by]) show(listed[at + by]);
    },

    settleShowing,
  };
};
