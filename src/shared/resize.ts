/** Pictures in another size, byte for byte as Pillow's Image.resize(BILINEAR) makes them: a triangle as wide as the reduction (so with antialias),
 *  across and then down, each pass rounded to 8 bits. torchvision's Resize is that, for the pictures that the published scripts give it.
 *  python-pillow/Pillow src/libImaging/Resample.c */

/** RGBA or any other channels, 8 bits each, row by row. */
export interface Raster {
  width: number;
  height: number;
  data: Uint8Array | Uint8ClampedArray;
}

/** Bits behind the point of a weight. */
const PRECISION = 22;

interface Weights {
  /** Of each target: the first source and how many there are. */
  first: Int32Array;
  count: Int32Array;
  /** `most` for each target, fixed point. */
  weight: Int32Array;
  most: number;
}

function bilinearWeights(from: number, to: number): Weights {
  const scale = from / to;
  const support = Math.max(scale, 1);
  const most = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(to);
  const count = new Int32Array(to);
  const weight = new Int32Array(to * most);
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale;
    const low = Math.max(0, Math.trunc(centre - support + 0.5));
    const high = Math.min(from, Math.trunc(centre + support + 0.5));
    const raw = Array.from({ length: high - low }, (_, k) =>
      Math.max(0, 1 - Math.abs((k + low - centre + 0.5) * (1 / support))),
    );
    const sum = raw.reduce((a, b) => a + b, 0);
    first[i] = low;
    count[i] = raw.length;
    raw.forEach((value, k) => (weight[i * most + k] = Math.trunc(0.5 + (value / sum) * 2 ** PRECISION)));
  }
  return { first, count, weight, most };
}

/** @param channels of a pixel. Gives the same bytes where nothing changes. */
export function resizeBilinear(
  { width, height, data }: Raster,
  size: { width: number; height: number },
  channels = 4,
): Raster & { data: Uint8Array } {
  const across = pass(data, {
    lines: height,
    line: width * channels,
    step: channels,
    from: width,
    to: size.width,
    channels,
  });
  const line = size.width * channels;
  const down = pass(across, {
    lines: 1,
    line: height * line,
    step: line,
    from: height,
    to: size.height,
    channels: line,
  });
  return { ...size, data: down };
}

/** Along one axis. `step`: between its neighbours; `channels`: what lies side by side at each of its places. */
function pass(
  data: Uint8Array | Uint8ClampedArray,
  { lines, line, step, from, to, channels }: Record<'lines' | 'line' | 'step' | 'from' | 'to' | 'channels', number>,
): Uint8Array {
  if (from === to) return Uint8Array.from(data);
  const { first, count, weight, most } = bilinearWeights(from, to);
  const out = new Uint8Array(lines * to * step);
  for (let y = 0; y < lines; y++) {
    for (let i = 0; i < to; i++) {
      const start = y * line + first[i]! * step;
      const target = (y * to + i) * step;
      for (let c = 0; c < channels; c++) {
        let sum = 2 ** (PRECISION - 1);
        for (let k = 0; k < count[i]!; k++) sum += data[start + k * step + c]! * weight[i * most + k]!;
        // Weights are positive and sum to 1, but for their rounding.
        out[target + c] = Math.min(255, sum >> PRECISION);
      }
    }
  }
  return out;
}
