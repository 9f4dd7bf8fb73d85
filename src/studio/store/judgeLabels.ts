/** A judge labels pairs: read once one is asked to. */
import { t } from '@lingui/core/macro';
import { appendLabel, countLabels, foldOne, labelsOf } from '../../data/labels.ts';
import { judgeLabel } from '../../evaluation/judgeLabel.ts';
import type { LostPicture, PairRecord } from '../../service/types.ts';
import { WinnowError } from '../../shared/errors.ts';
import { lostWords } from './lostWords.ts';
import { problemOf } from './problem.ts';
import { db } from './services.ts';
import type { Slice } from './useStudio.ts';

type Store = Parameters<Slice<unknown>>;

/** Pairs scored in one turn of the engine. */
const BATCH = 4;

/** judgesSlice.ts labelBy. */
export async function labelAll(
  set: Store[0],
  get: Store[1],
  { place, scale, signed, margin }: { place: string; scale: string; signed: string; margin: number },
  isStopped: () => boolean,
): Promise<void> {
  const known = labelsOf(get().labels, signed).byPair;
  const open = get()
    .pairs.map((pair, index) => ({ pair, index }))
    .filter(({ pair }) => !known.has(pair.id));
  const lost: LostPicture[] = [];
  let unread = 0;
  set({ judging: { done: 0, total: open.length } });
  try {
    for (let start = 0; start < open.length; start += BATCH) {
      if (isStopped()) break;
      const batch = open.slice(start, start + BATCH);
      const begin = performance.now();
      const found = await get()
        .engine()
        .scoreReadable(
          place,
          batch.flatMap(({ pair }) => toScore(pair)),
        );
      lost.push(...found.lost);
      const elapsedMs = (performance.now() - begin) / batch.length;
      for (const [i, { pair, index }] of batch.entries()) {
        const [first, second] = [found.scores[2 * i], found.scores[2 * i + 1]];
        if (!first || !second) {
          unread += 1;
          continue;
        }
        const both = [first[scale]!, second[scale]!] as const;
        const event = judgeLabel(pair.id, index, both, { signed, margin, clearMargin: Infinity, elapsedMs });
        await appendLabel(await db(), event);
        const labels = foldOne(get().labels, event);
        set({ labels, labelEvents: [...get().labelEvents, event], counts: countLabels(labels.byPair) });
      }
      set({ judging: { done: start + batch.length, total: open.length } });
    }
  } finally {
    if (unread > 0) set({ labelProblem: problemOf(leftOut(unread, lost)) });
    set({ judging: null });
    get().settleShowing();
  }
}

const toScore = ({ images, prompt }: PairRecord): { file: string; prompt: string }[] =>
  images.map(({ file }) => ({ file, prompt }));

const leftOut = (count: number, lost: readonly LostPicture[]): WinnowError =>
  new WinnowError('NotFound', lostWords(count, lost), t`Bring them back, or delete what has lost its pictures.`);
