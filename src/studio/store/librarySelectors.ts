/** The library's lists as they are looked through: which are wanted, in which order. */
import { type Label, winnerOf } from '../../data/labels.ts';
import { isForeign } from '../../records/foreignImages.ts';
import type { ImageRecord, PairRecord, RunRecord } from '../../service/types.ts';
import { modelKey } from './models.ts';

export type ImageOrder = 'newest' | 'oldest' | 'prompt' | 'seed';

export interface ImageFilter {
  /** Words of the prompt, or the seed. */
  text: string;
  /** `modelKey`, or all. */
  model: string;
  /** The id of a run whose checkpoints drew it, or all. */
  run: string;
  starred: boolean;
  order: ImageOrder;
}

const wordsOf = (text: string): string[] => text.toLowerCase().split(/\s+/).filter(Boolean);

export const isOfRun = ({ model }: Pick<ImageRecord, 'model'>, run: string): boolean =>
  model.adapters.some((adapter) => adapter.kind === 'run' && adapter.run === run);

const orders: Record<ImageOrder, (a: ImageRecord, b: ImageRecord) => number> = {
  newest: () => 0,
  oldest: () => 0,
  prompt: (a, b) => a.prompt.localeCompare(b.prompt) || a.seed - b.seed,
  seed: (a, b) => a.seed - b.seed,
};

/** @param images newest first. */
export function imagesListed(
  images: readonly ImageRecord[],
  { text, model, run, starred, order }: ImageFilter,
): readonly ImageRecord[] {
  const words = wordsOf(text);
  const wanted = images.filter(
    (image) =>
      (model === 'all' || modelKey(image.model) === model) &&
      (run === 'all' || isOfRun(image, run)) &&
      (!starred || image.starred === true) &&
      words.every((word) => image.prompt.toLowerCase().includes(word) || String(image.seed) === word),
  );
  return order === 'oldest' ? wanted.toReversed() : order === 'newest' ? wanted : wanted.sort(orders[order]);
}

export type Said = 'preferred' | 'tie' | 'bothBad' | 'skip' | 'none';

export interface PairFilter {
  text: string;
  from: 'all' | 'here' | 'elsewhere';
  said: Said | 'all';
  order: 'newest' | 'oldest' | 'prompt';
}

/** What a pair's label comes to. */
export const saidOf = (label: Label | undefined): Said =>
  !label ? 'none' : winnerOf(label) !== null ? 'preferred' : (label.answer as 'tie' | 'bothBad' | 'skip');

export function pairsListed(
  pairs: readonly PairRecord[],
  labels: ReadonlyMap<string, Label>,
  { text, from, said, order }: PairFilter,
): readonly PairRecord[] {
  const words = wordsOf(text);
  const wanted = pairs.filter(
    (pair) =>
      (from === 'all' || (from === 'elsewhere') === pair.images.some(isForeign)) &&
      (said === 'all' || saidOf(labels.get(pair.id)) === said) &&
      words.every((word) => pair.prompt.toLowerCase().includes(word)),
  );
  return wanted.sort((a, b) =>
    order === 'prompt'
      ? a.prompt.localeCompare(b.prompt)
      : (order === 'newest' ? -1 : 1) * a.createdAt.localeCompare(b.createdAt),
  );
}

export type RunOrder = 'newest' | 'oldest' | 'name' | 'steps';

const runOrders: Record<RunOrder, (a: RunRecord, b: RunRecord) => number> = {
  newest: (a, b) => b.createdAt.localeCompare(a.createdAt),
  oldest: (a, b) => a.createdAt.localeCompare(b.createdAt),
  name: (a, b) => a.name.localeCompare(b.name),
  steps: (a, b) => b.step - a.step,
};

export function runsListed(
  runs: readonly RunRecord[],
  { text, base, order }: { text: string; base: string; order: RunOrder },
): readonly RunRecord[] {
  const words = wordsOf(text);
  return runs
    .filter(
      (run) =>
        (base === 'all' || run.model.base === base) && words.every((word) => run.name.toLowerCase().includes(word)),
    )
    .sort(runOrders[order]);
}
