/** Pairs and their labels: what is on screen, what was answered, what can be taken back. An answer is on disk before the next pair shows. */
import {
  appendLabel,
  countLabels,
  foldLabels,
  isUsable,
  type Label,
  type LabelCounts,
  type LabelState,
  readLabels,
  repetitionOf,
  retractionOf,
} from '../../data/labels.ts';
import { fetchBundledPairs, readPairs, savePairs, storeBundledFiles, trainPairs } from '../../data/pairs.ts';
import type { Answer, LabelEvent, PairRecord, TrainPair } from '../../service/types.ts';
import { WinnowError } from '../../shared/errors.ts';
import { chosenModel, isPairOf } from './models.ts';
import { loadPicture } from './pictures.ts';
import { type Problem, problemOf } from './problem.ts';
import { db, files, siteBase } from './services.ts';
import type { Slice } from './useStudio.ts';

export type QueueFilter = 'toJudge' | 'preferred' | 'tie' | 'bothBad' | 'skip';

/** One showing of a pair: sides are drawn anew each time. */
export interface Showing {
  pair: PairRecord;
  shownLeft: 0 | 1;
  since: number;
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
  lastAnswer: { answer: Answer; pair: string } | null;
  labelProblem: Problem | null;
  pairsRead: boolean;
  /** Reads labels, pairs and images from disk; brings in the bundled pairs. */
  readStored(): Promise<void>;
  addPairs(pairs: readonly PairRecord[]): void;
  setFilter(filter: QueueFilter): void;
  queue(): PairRecord[];
  answer(answer: Answer, clearly?: boolean): Promise<void>;
  undoLabel(): Promise<void>;
  redoLabel(): Promise<void>;
  showPair(pair: string): void;
  /** What the chosen model can learn from with the chosen loss: judged pairs that were made by it. */
  usablePairs(): TrainPair[];
}

export const labelsSlice: Slice<LabelsSlice> = (set, get) => {
  const drawSide = (): 0 | 1 => (crypto.getRandomValues(new Uint8Array(1))[0]! & 1 ? 1 : 0);

  function show(pair: PairRecord | undefined): void {
    set({ showing: pair ? { pair, shownLeft: drawSide(), since: performance.now() } : null });
    // The pair after it is decoded before it is needed.
    const queue = get().queue();
    const next = queue[queue.findIndex((one) => one.id === pair?.id) + 1];
    for (const image of next?.images ?? []) void loadPicture(image.file).catch(() => undefined);
  }

  /** Writes one event; state changes only after it is on disk. */
  async function append(event: LabelEvent): Promise<void> {
    if (get().engineState === 'otherTab')
      throw new WinnowError('SecondTab', 'Winnow is at work in another tab.', 'Judge there, or take over here.');
    await appendLabel(await db(), event);
    const labelEvents = [...get().labelEvents, event];
    const labels = foldLabels(labelEvents);
    set({ labelEvents, labels, counts: countLabels(labels.byPair) });
  }

  async function guarded(work: () => Promise<void>): Promise<void> {
    if (get().saving) return;
    set({ saving: true, labelProblem: null });
    try {
      await work();
    } catch (error) {
      set({ labelProblem: problemOf(error) });
    } finally {
      set({ saving: false });
    }
  }

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

    async readStored() {
      try {
        const database = await db();
        const [labelEvents, stored] = await Promise.all([
          readLabels(database),
          readPairs(database),
          get().readLibrary(),
        ]);
        const labels = foldLabels(labelEvents);
        set({ labelEvents, labels, counts: countLabels(labels.byPair) });
        get().addPairs(stored);
        const bundled = await fetchBundledPairs(siteBase).catch(() => []);
        const known = new Set(stored.map((pair) => pair.id));
        await savePairs(
          database,
          bundled.filter((pair) => !known.has(pair.id)),
        );
        get().addPairs(bundled);
        set({ pairsRead: true });
        // Judging need not wait for it, training does.
        await storeBundledFiles(siteBase, await files(), bundled);
      } catch (error) {
        set({ labelProblem: problemOf(error), pairsRead: true });
      }
    },

    addPairs(pairs) {
      const known = new Set(get().pairs.map((pair) => pair.id));
      const all = [...get().pairs, ...pairs.filter((pair) => !known.has(pair.id))];
      // Bundled ones first, then in order of making.
      const rank = (pair: PairRecord): number => (pair.origin === 'bundled' ? 0 : 1);
      set({ pairs: all.sort((a, b) => rank(a) - rank(b) || a.createdAt.localeCompare(b.createdAt)) });
      if (!get().showing) show(get().queue()[0]);
    },

    setFilter(filter) {
      set({ filter });
      show(get().queue()[0]);
    },

    queue() {
      const { pairs, labels, filter } = get();
      const queue = pairs.filter((pair) => {
        const answer = labels.byPair.get(pair.id)?.answer;
        if (filter === 'toJudge') return answer === undefined;
        if (filter === 'preferred') return answer !== undefined && isUsable(answer);
        return answer === filter;
      });
      // The chosen model learns from its own pairs alone: they come first.
      const base = chosenModel(get())?.id;
      if (base === undefined) return queue;
      return [...queue.filter((pair) => isPairOf(pair, base)), ...queue.filter((pair) => !isPairOf(pair, base))];
    },

    answer: (answer, clearly = false) =>
      guarded(async () => {
        const { showing } = get();
        if (!showing) return;
        const { pair, shownLeft, since } = showing;
        // In a filtered list the answer may move the pair out of it: the one that followed comes next.
        const before = get().queue();
        const following = before[before.findIndex((one) => one.id === pair.id) + 1];
        const event: Label = {
          type: 'label',
          id: crypto.randomUUID(),
          pair: pair.id,
          answer,
          shownLeft,
          clearly: clearly && isUsable(answer),
          elapsedMs: Math.round(performance.now() - since),
          at: new Date().toISOString(),
          by: 'person',
        };
        await append(event);
        set({ lastAnswer: { answer, pair: pair.id } });
        show(
          following ??
            get()
              .queue()
              .find((one) => one.id !== pair.id),
        );
        if (get().labelEvents.length === 1) void get().askToPersist();
      }),

    undoLabel: () =>
      guarded(async () => {
        const label = get().labels.given.at(-1);
        if (!label) return;
        await append(retractionOf(label));
        set({ lastAnswer: null });
        show(get().pairs.find((pair) => pair.id === label.pair));
      }),

    redoLabel: () =>
      guarded(async () => {
        const label = get().labels.undone.at(-1);
        if (!label) return;
        await append(repetitionOf(label));
        set({ lastAnswer: { answer: label.answer, pair: label.pair } });
        show(get().queue()[0]);
      }),

    showPair(id) {
      show(get().pairs.find((pair) => pair.id === id));
    },

    usablePairs() {
      const base = chosenModel(get())?.id;
      const { pairs, labels, trainConfig } = get();
      const own = base === undefined ? pairs : pairs.filter((pair) => isPairOf(pair, base));
      return trainPairs(own, labels.byPair, trainConfig.loss);
    },
  };
};
