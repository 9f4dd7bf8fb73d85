/** Which pairs, timesteps, noises and dropped prompts a step draws. Counter-based: keyed by the run's seed and the draw's number alone, so
 *  pause, resume and micro-batch size do not change a draw. One timestep and one noise serve both images of a pair. */
import { RandomStream } from '../shared/rng.ts';

export interface Draw {
  /** Integer in [min, max). */
  timestep: number;
  /** [C * H * W] standard normal, shared by winner and loser. */
  noise: Float32Array;
  /** The prompt is replaced by the empty one. */
  dropPrompt: boolean;
}

export interface DrawSettings {
  seed: number;
  elements: number;
  timestepRange: readonly [number, number];
  promptDropout: number;
}

/** The n-th draw of a run (n = (step * accumulation + micro-batch) * pairsPerStep + slot). */
export function drawNumber(
  n: number,
  { seed, elements, timestepRange: [min, max], promptDropout }: DrawSettings,
): Draw {
  return {
    timestep: new RandomStream({ seed, purpose: 'timestep', step: n }).int(min, max),
    noise: new RandomStream({ seed, purpose: 'noise', step: n }).normals(elements),
    dropPrompt: new RandomStream({ seed, purpose: 'promptDropout', step: n }).uniform() < promptDropout,
  };
}

/** Which pairs each micro-batch has. All of one are of one size: pairs lie in buckets by their size.
 *
 *  Each bucket is one endless row, epoch after epoch, every epoch a fresh shuffle of its pairs, and a micro-batch takes the next of one bucket's
 *  row: a part batch at an epoch's end is filled from the next epoch, as it is where there is but one size. Whose turn it is follows from the
 *  number of the micro-batch: buckets take turns by how many pairs they have, spread evenly, so that at any time each has been drawn about as
 *  many epochs as the others. */
export class BatchOrder {
  private readonly seed: number;
  private readonly buckets: readonly (readonly number[])[];
  private readonly pairsPerStep: number;
  private readonly times: number;
  /** Of each micro-batch of a round (one for each pair): its bucket, and how many that one had before in the round. */
  private readonly round: { bucket: number; before: number }[] = [];
  private shuffled: { bucket: number; epoch: number; pairs: readonly number[] } | undefined;

  /** @param buckets indices of pairs; one that is drawn several times in an epoch stands there as often.
   *  @param times the order was begun anew before, each time with other pairs. */
  constructor(seed: number, buckets: readonly (readonly number[])[], pairsPerStep: number, times = 0) {
    this.seed = seed;
    this.buckets = buckets;
    this.pairsPerStep = pairsPerStep;
    this.times = times;
    const all = buckets.reduce((sum, { length }) => sum + length, 0);
    const had = buckets.map(() => 0);
    for (let m = 1; m <= (buckets.length > 1 ? all : 0); m++) {
      let bucket = 0;
      const due = (b: number): number => m * buckets[b]!.length - had[b]! * all;
      for (let b = 1; b < buckets.length; b++) if (due(b) > due(bucket)) bucket = b;
      this.round.push({ bucket, before: had[bucket]!++ });
    }
  }

  at(micro: number): { bucket: number; pairs: number[] } {
    const { bucket, nth } = this.turn(micro);
    const from = nth * this.pairsPerStep;
    return { bucket, pairs: Array.from({ length: this.pairsPerStep }, (_, slot) => this.pair(bucket, from + slot)) };
  }

  /** Whose it is, and how many that bucket had before. */
  private turn(micro: number): { bucket: number; nth: number } {
    const { length } = this.round;
    if (length === 0) return { bucket: 0, nth: micro };
    const { bucket, before } = this.round[micro % length]!;
    return { bucket, nth: Math.floor(micro / length) * this.buckets[bucket]!.length + before };
  }

  /** The i-th of a bucket's row. */
  private pair(bucket: number, i: number): number {
    const members = this.buckets[bucket]!;
    const epoch = Math.floor(i / members.length);
    if (this.shuffled?.bucket !== bucket || this.shuffled.epoch !== epoch) {
      const pair = (this.times % 2 ** 16) * 2 ** 16 + bucket;
      const stream = new RandomStream({ seed: this.seed, purpose: 'pairOrder', step: epoch, pair });
      this.shuffled = { bucket, epoch, pairs: stream.shuffled(members) };
    }
    return this.shuffled.pairs[i % members.length]!;
  }
}
