/** Counter-based random numbers: what is drawn depends only on (run seed, step, pair, purpose), never on what was drawn before. Pause,
 *  resume and another micro-batch size therefore leave a run as it is.
 *
 *  Philox4x32-10: J. K. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011, section 3.3. The run seed is the key, the
 *  counter is (block, pair, step, purpose). Words are exact everywhere; normals go through Math.log, cos and sin, which engines may round
 *  differently in the last bit. */
import { assert } from './assert.ts';

/** What a stream is for. The numbers are part of the format: adding is fine (15 to 19 are free), changing one changes every run. */
const purposes = {
  timestep: 0,
  noise: 1,
  posterior: 2,
  promptDropout: 3,
  pairOrder: 4,
  loraInit: 5,
  imageSeed: 6,
  promptChoice: 7,
  sideOrder: 8,
  showOrder: 9,
  bankTimestep: 10,
  bankNoise: 11,
  heldOut: 12,
  lookPairs: 13,
  askedPairs: 14,
  bootstrap: 20,
  shownAgain: 21,
} as const;
export type Purpose = keyof typeof purposes;

export interface StreamKey {
  /** Integer in [0, 2^53). */
  seed: number;
  purpose: Purpose;
  /** Integers in [0, 2^32). */
  step?: number;
  pair?: number;
}

/** Ten rounds on a counter of four words and a key of two. */
export function philox4x32(
  counter: readonly [number, number, number, number],
  key: readonly [number, number],
): [number, number, number, number] {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const [high0, low0] = multiply(0xd2511f53, c0);
    const [high1, low1] = multiply(0xcd9e8d57, c2);
    [c0, c1, c2, c3] = [(high1 ^ c1 ^ k0) >>> 0, low1, (high0 ^ c3 ^ k1) >>> 0, low0];
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** The 64-bit product of two words, as [high, low]; the high word by 16-bit halves, since doubles hold 53 bits. */
function multiply(a: number, b: number): [number, number] {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + Math.floor((aLow * bLow) / 0x10000);
  const carry = (middle % 0x10000) + aLow * bHigh;
  return [aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(carry / 0x10000), Math.imul(a, b) >>> 0];
}

/** The words of one (seed, step, pair, purpose), in order. */
export class RandomStream {
  private readonly key: [number, number];
  private readonly counter: [number, number, number, number];
  private block: readonly number[] = [];
  private used = 4;
  private spareNormal: number | undefined;

  constructor({ seed, purpose, step = 0, pair = 0 }: StreamKey) {
    assert(Number.isSafeInteger(seed) && seed >= 0, `random stream: seed ${seed} is not an integer in [0, 2^53)`);
    for (const [name, value] of Object.entries({ step, pair })) {
      assert(
        Number.isInteger(value) && value >= 0 && value < 2 ** 32,
        `random stream: ${name} ${value} is not an integer in [0, 2^32)`,
      );
    }
    this.key = [seed >>> 0, Math.floor(seed / 2 ** 32)];
    this.counter = [0, pair, step, purposes[purpose]];
  }

  /** Uniform over [0, 2^32). */
  uint32(): number {
    if (this.used === 4) {
      this.block = philox4x32(this.counter, this.key);
      this.counter[0]++;
      this.used = 0;
    }
    return this.block[this.used++]!;
  }

  /** Uniform over [0, 1), 53 bits. */
  uniform(): number {
    const high = this.uint32() >>> 5;
    return (high * 2 ** 26 + (this.uint32() >>> 6)) / 2 ** 53;
  }

  /** Uniform over the integers [low, high), without the bias of a remainder. */
  int(low: number, high: number): number {
    const range = high - low;
    assert(Number.isInteger(low) && range >= 1 && range <= 2 ** 32, `random stream: no integers in [${low}, ${high})`);
    const limit = 2 ** 32 - (2 ** 32 % range);
    let word = this.uint32();
    while (word >= limit) word = this.uint32();
    return low + (word % range);
  }

  /** Standard normal, by Box and Muller in f64. */
  normal(): number {
    if (this.spareNormal !== undefined) {
      const spare = this.spareNormal;
      this.spareNormal = undefined;
      return spare;
    }
    const radius = Math.sqrt(-2 * Math.log1p(-this.uniform()));
    const angle = 2 * Math.PI * this.uniform();
    this.spareNormal = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /** `count` standard normals, rounded to f32. */
  normals(count: number): Float32Array {
    return Float32Array.from({ length: count }, () => this.normal());
  }

  /** A shuffled copy (Fisher and Yates). */
  shuffled<T>(items: readonly T[]): T[] {
    const out = [...items];
    for (let i = out.length - 1; i > 0; i--) {
      const j = this.int(0, i + 1);
      [out[i], out[j]] = [out[j]!, out[i]!];
    }
    return out;
  }
}
