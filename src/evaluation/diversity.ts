/** How different a model's pictures of one prompt are: the mean distance between the pictures of its seeds. A tuned model that draws one picture
 *  whatever the seed wins same-seed comparisons and has lost something. */
import { type Bootstrap, type Interval, weightedMean } from './bootstrap.ts';

export interface Diversity {
  /** Mean over prompts of the distance between two seeds: root mean square of pixels, or 1 less the cosine of embeddings. */
  distance: number;
  interval: Interval | null;
  /** Against the first model, prompt by prompt drawn together; null for itself. */
  share: { value: number; interval: Interval | null } | null;
}

/** Of all models, and what it was figured of. */
export interface DiversityFigures {
  /** Title of the judge by whose embedding of pictures; null: by their pixels. */
  by: string | null;
  models: Diversity[];
}

type Distance = (a: Float32Array, b: Float32Array) => number;

/** Root mean square, of pixels. */
export const pixelDistance: Distance = (a, b) => {
  let squares = 0;
  for (let at = 0; at < a.length; at++) squares += (a[at]! - b[at]!) ** 2;
  return Math.sqrt(squares / a.length);
};

/** 1 less the cosine, of embeddings of any length. */
export const cosineDistance: Distance = (a, b) => {
  let [dot, ofA, ofB] = [0, 0, 0];
  for (let at = 0; at < a.length; at++) {
    dot += a[at]! * b[at]!;
    ofA += a[at]! ** 2;
    ofB += b[at]! ** 2;
  }
  return 1 - dot / Math.sqrt(ofA * ofB);
};

/** @param features of each model, of each prompt, of each seed: vectors of one length. Null where no prompt has two seeds. */
export function diversityOf(
  features: readonly (readonly (readonly Float32Array[])[])[],
  bootstrap: Bootstrap,
  distance: Distance = pixelDistance,
): Diversity[] | null {
  const byModel = features.map((prompts) => prompts.map((vectors) => meanDistance(vectors, distance)));
  const all = new Uint8Array(bootstrap.groups).fill(1);
  if (byModel.some((distances) => Number.isNaN(weightedMean(distances, all)))) return null;
  const [base] = byModel;
  return byModel.map((distances, model) => {
    const of = (counts: Uint8Array): number => weightedMean(distances, counts);
    const share = (counts: Uint8Array): number => of(counts) / weightedMean(base!, counts);
    return {
      distance: of(all),
      interval: bootstrap.interval(of),
      share:
        model === 0 || !Number.isFinite(share(all)) ? null : { value: share(all), interval: bootstrap.interval(share) },
    };
  });
}

/** Places of each prompt's items: its seeds. */
export function seedsOf(items: readonly { prompt: string }[]): number[][] {
  const places = new Map<string, number[]>();
  items.forEach(({ prompt }, at) => places.set(prompt, [...(places.get(prompt) ?? []), at]));
  return [...places.values()];
}

/** NaN of fewer than two. */
function meanDistance(vectors: readonly Float32Array[], distance: Distance): number {
  let [sum, n] = [0, 0];
  vectors.forEach((a, i) =>
    vectors.slice(i + 1).forEach((b) => {
      sum += distance(a, b);
      n++;
    }),
  );
  return sum / n;
}

/** Side of the pictures that are compared. */
const SIDE = 32;

/** A picture as what is compared where no network looks at it: shrunk to 32 by 32 by area, in [0, 1]. [32 * 32 * 3].
 *  @param data RGBA, [height, width, 4]. */
export function smallPicture({
  data,
  width,
  height,
}: {
  data: Uint8ClampedArray | Uint8Array;
  width: number;
  height: number;
}): Float32Array {
  const sums = new Float64Array(SIDE * SIDE * 3);
  const counts = new Uint32Array(SIDE * SIDE);
  // A picture of fewer pixels than that stands for itself several times.
  const rows = Math.max(height, SIDE);
  const columns = Math.max(width, SIDE);
  for (let y = 0; y < rows; y++)
    for (let x = 0; x < columns; x++) {
      const cell = Math.floor((y * SIDE) / rows) * SIDE + Math.floor((x * SIDE) / columns);
      const from = (Math.floor((y * height) / rows) * width + Math.floor((x * width) / columns)) * 4;
      counts[cell]!++;
      for (let c = 0; c < 3; c++) sums[cell * 3 + c]! += data[from + c]!;
    }
  return Float32Array.from(sums, (sum, i) => sum / counts[Math.floor(i / 3)]! / 255);
}
