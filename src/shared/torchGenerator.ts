/** The random numbers of `torch.Generator("cpu").manual_seed(seed)`, so that a seed means the same latents as in diffusers.
 *
 *  MT19937 (Matsumoto and Nishimura 1998) and torch's own way from words to numbers, read from torch 2.15 on x86-64: `rand` takes the low
 *  24 bits of a word; `randn` fills 16 elements at a time from that, and below 16 elements draws one f64 Box-Muller pair at a time. torch
 *  computes sin, cos and log with vector code in f32, so normals agree to 1e-6, not in bits; uniforms agree exactly. */

const N = 624;
const M = 397;

export class TorchGenerator {
  private readonly state = new Uint32Array(N);
  private index = N;
  /** The second value of the last f64 Box-Muller pair; torch keeps it from call to call. */
  private spareNormal: number | undefined;

  /** torch keeps the low 32 bits of the seed. */
  constructor(seed: number | bigint) {
    this.state[0] = Number(BigInt.asUintN(32, BigInt(seed)));
    for (let i = 1; i < N; i++) {
      const previous = this.state[i - 1]! ^ (this.state[i - 1]! >>> 30);
      this.state[i] = Math.imul(1812433253, previous) + i;
    }
  }

  /** torch.rand(n, dtype=float32): uniform over [0, 1). */
  rand(n: number): Float32Array {
    return Float32Array.from({ length: n }, () => this.uniform24());
  }

  /** torch.randn(shape of n elements, dtype=float32): one call for a whole tensor, since the order of words depends on its size. */
  randn(n: number): Float32Array {
    if (n < 16) return Float32Array.from({ length: n }, () => this.normal53());
    const out = this.rand(n);
    for (let start = 0; start + 16 <= n; start += 16) boxMuller16(out.subarray(start, start + 16));
    if (n % 16 !== 0) {
      const tail = out.subarray(n - 16);
      tail.set(this.rand(16));
      boxMuller16(tail);
    }
    return out;
  }

  private word(): number {
    if (this.index === N) this.refill();
    let y = this.state[this.index++]!;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  private refill(): void {
    const { state } = this;
    for (let i = 0; i < N; i++) {
      const y = (state[i]! & 0x80000000) | (state[(i + 1) % N]! & 0x7fffffff);
      state[i] = state[(i + M) % N]! ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.index = 0;
  }

  private uniform24(): number {
    return (this.word() & 0xffffff) / 2 ** 24;
  }

  /** The low 53 bits of two words, the first one high. */
  private uniform53(): number {
    const high = this.word() & 0x1fffff;
    return (high * 2 ** 32 + this.word()) / 2 ** 53;
  }

  private normal53(): number {
    if (this.spareNormal !== undefined) {
      const spare = this.spareNormal;
      this.spareNormal = undefined;
      return spare;
    }
    const angle = 2 * Math.PI * this.uniform53();
    const radius = Math.sqrt(-2 * Math.log1p(-this.uniform53()));
    this.spareNormal = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }
}

/** Sixteen uniforms to sixteen normals in place; element j pairs with j + 8. */
function boxMuller16(x: Float32Array): void {
  for (let j = 0; j < 8; j++) {
    const radius = Math.sqrt(-2 * Math.log(1 - x[j]!));
    const angle = 2 * Math.PI * x[j + 8]!;
    x[j] = radius * Math.cos(angle);
    x[j + 8] = radius * Math.sin(angle);
  }
}
