/** Pairs to be judged, and what training makes of the judged ones. Bundled pairs lie beside index.html under pairs/. */
import type { Strength } from '../losses/preference.ts';
import { type LossName, losses } from '../losses/table.ts';
import { filesOf, isForeign, latentsFileOf, type PairImage } from '../records/foreignImages.ts';
import { pairKind, problemsOf } from '../records/kinds.ts';
import type { Answer } from '../records/labels.ts';
import type { PairRecord } from '../records/pairs.ts';
import { raterKindOf } from '../records/raters.ts';
import type { TrainPair } from '../records/runs.ts';
import type { TrainConfig } from '../training/config.ts';
import type { FileStore } from './files.ts';
import { type Database, putRecords, readStore } from './db.ts';
import { isUsable, labelsFrom, type LabelState, type MergedLabel, winnerOf } from './labels.ts';

export const readPairs = (db: Database, onDamaged?: (what: string) => void): Promise<PairRecord[]> =>
  readStore(db, 'pairs', onDamaged);

export const savePairs = (db: Database, pairs: readonly PairRecord[]): Promise<void> => putRecords(db, 'pairs', pairs);

/** Whether a loss learns from an answer: left and right, and ties where it reads how sure a label is. */
export const trainsOn = (answer: Answer, loss: LossName): boolean =>
  isUsable(answer) || (answer === 'tie' && losses[loss].readsPreference);

/** Every pair that a loss learns from, as training takes it; both-bad and skipped ones train nothing.
 *  @param repeats how often each is drawn in an epoch, by who labelled it; 0 leaves it out. */
export function trainPairs(
  pairs: readonly PairRecord[],
  byPair: ReadonlyMap<string, MergedLabel>,
  loss: LossName,
  repeats: TrainConfig['repeats'] = { person: 1, import: 1, judge: 1 },
): TrainPair[] {
  return pairs.flatMap((pair) => {
    const label = byPair.get(pair.id);
    if (!label || !trainsOn(label.answer, loss)) return [];
    const often = repeats[raterKindOf(label.by)];
    if (often === 0) return [];
    const tie = label.answer === 'tie';
    // Sides are shuffled at every showing, so that the order of a tie says nothing.
    const winner = tie ? label.shownLeft : winnerOf(label)!;
    const strength: Strength | undefined = tie ? 'tie' : label.clearly ? 'clear' : undefined;
    const loser = winner === 0 ? 1 : 0;
    return [
      {
        pair: pair.id,
        prompt: pair.prompt,
        winnerLatents: latentsFileOf(pair.images[winner]),
        loserLatents: latentsFileOf(pair.images[loser]),
        ...(strength && losses[loss].readsPreference && { strength }),
        by: label.by,
        ...(label.raters && { raters: label.raters }),
        ...(pair.asked && pair.asked.why !== 'random' && { chosen: true }),
        ...(often > 1 && { repeats: often }),
        ...(pair.sizing && pair.images.some(isForeign) && { sizing: pair.sizing }),
      },
    ];
  });
}

/** As a run with these settings takes them: raters of a kind that it leaves out have no voice in what counts of a pair. */
export const pairsFor = (
  { loss, repeats }: Pick<TrainConfig, 'loss' | 'repeats'>,
  pairs: readonly PairRecord[],
  labels: LabelState,
): TrainPair[] =>
  trainPairs(
    pairs,
    labelsFrom(labels, (by) => repeats[raterKindOf(by)] > 0),
    loss,
    repeats,
  );

export const isBundledFile = (path: string): boolean => path.startsWith('pairs/');

/** The pairs that came with the studio; paths are made relative to the site, `pairs/...`. [] if it came without. */
export async function fetchBundledPairs(base: string): Promise<PairRecord[]> {
  const response = await fetch(`${base}pairs/pairs.json`);
  // A static host may answer a missing file with its index page.
  if (!response.ok || !response.headers.get('content-type')?.includes('json')) return [];
  const listed = (await response.json()) as unknown[];
  const pairs = listed.filter((pair) => problemsOf(pairKind, pair) === null) as PairRecord[];
  const place = (image: PairImage): PairImage =>
    isForeign(image)
      ? { ...image, file: bundledPath(image.file) }
      : { ...image, file: bundledPath(image.file), latentsFile: bundledPath(image.latentsFile) };
  return pairs.map((pair) => ({ ...pair, images: [place(pair.images[0]), place(pair.images[1])] }));
}

const bundledPath = (path: string): string => (isBundledFile(path) ? path : `pairs/${path.split('/').at(-1)}`);

/** Bundled labels count: their latents must be in the file store, where training reads them. */
export async function storeBundledFiles(base: string, store: FileStore, pairs: readonly PairRecord[]): Promise<void> {
  const files = pairs.flatMap((pair) => pair.images.flatMap(filesOf));
  for (const file of files.filter(isBundledFile)) {
    if (await store.exists(file)) continue;
    const response = await fetch(`${base}${file}`);
    // A static host may answer a missing file with its index page.
    if (response.ok && !response.headers.get('content-type')?.startsWith('text/html'))
      await store.write(file, new Uint8Array(await response.arrayBuffer()));
  }
}
