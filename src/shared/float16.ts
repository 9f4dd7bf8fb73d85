/** Half-width floats by bits: IEEE f16 and bf16 to and from f32, rounding to nearest, ties to even, as PyTorch does. */

/** Numbers of half width. */
export type HalfDtype = 'f16' | 'bf16';

const bits = new Uint32Array(1);
const float = new Float32Array(bits.buffer);

function f16ToF32(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const mantissa = half & 0x3ff;
  if (exponent === 0x1f) return mantissa ? NaN : sign * Infinity;
  return exponent === 0 ? sign * mantissa * 2 ** -24 : sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}

/** All 65,536 values, made at first use: one look-up an element. */
let f16Values: Float32Array | undefined;

export function decodeF16(halves: Uint16Array): Float32Array {
  const table = (f16Values ??= Float32Array.from({ length: 65536 }, (_, half) => f16ToF32(half)));
  const out = new Float32Array(halves.length);
  for (let i = 0; i < halves.length; i++) out[i] = table[halves[i]!]!;
  return out;
}

export function decodeBF16(halves: Uint16Array): Float32Array {
  const out = new Uint32Array(halves.length);
  for (let i = 0; i < halves.length; i++) out[i] = halves[i]! << 16;
  return new Float32Array(out.buffer);
}

export function encodeF16(values: Float32Array): Uint16Array {
  const out = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) {
    float[0] = values[i]!;
    const word = bits[0]!;
    const sign = (word >>> 16) & 0x8000;
    const magnitude = word & 0x7fffffff;
    if (magnitude > 0x7f800000) out[i] = sign | 0x7e00;
    else if (magnitude >= 0x47800000) out[i] = sign | 0x7c00;
    else if (magnitude >= 0x38800000) {
      // Normal: drop 13 bits; a carry may run into the exponent, up to infinity, which is the right result.
      const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
      out[i] = sign | ((rounded - 0x38000000) >>> 13);
    } else {
      // Subnormal: multiples of 2^-24.
      const scaled = Math.abs(float[0]) * 2 ** 24;
      const floor = Math.floor(scaled);
      const rest = scaled - floor;
      out[i] = sign | (rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor);
    }
  }
  return out;
}

export function encodeBF16(values: Float32Array): Uint16Array {
  const out = new Uint16Array(values.length);
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    out[i] = (word & 0x7fffffff) > 0x7f800000 ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return out;
}

/** The numbers that the bits of a half-width tensor stand for, exactly. */
export const decodeHalf = (dtype: HalfDtype, halves: Uint16Array): Float32Array =>
  dtype === 'f16' ? decodeF16(halves) : decodeBF16(halves);

/** f32 numbers rounded to the bits of a half-width tensor. */
export const encodeHalf = (dtype: HalfDtype, values: Float32Array): Uint16Array =>
  dtype === 'f16' ? encodeF16(values) : encodeBF16(values);

/** What a half-width tensor holds after it is given f32 numbers (rounded) or bits (as they are). */
export const halfBits = (dtype: HalfDtype, data: Float32Array | Uint16Array): Uint16Array =>
  data instanceof Uint16Array ? data : encodeHalf(dtype, data);
