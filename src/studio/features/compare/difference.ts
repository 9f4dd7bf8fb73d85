/** What differs between two pictures. */
interface Pixels {
  width: number;
  height: number;
  /** RGBA. */
  data: Uint8ClampedArray;
}

export interface PictureDifference {
  /** Of |A − B| over red, green and blue, 0 to 1. */
  mean: number;
  width: number;
  height: number;
  /** |A − B| for each channel, four times as strong, opaque. */
  data: Uint8ClampedArray<ArrayBuffer>;
}

/** Less than this, on average, is hardly seen. */
export const HARDLY = 0.015;

/** Null for pictures of two sizes. */
export function differenceOf(a: Pixels, b: Pixels): PictureDifference | null {
  if (a.width !== b.width || a.height !== b.height) return null;
  const data = new Uint8ClampedArray(a.data.length);
  let sum = 0;
  for (let i = 0; i < data.length; i += 1) {
    const difference = Math.abs(a.data[i]! - b.data[i]!);
    if (i % 4 !== 3) sum += difference;
    data[i] = i % 4 === 3 ? 255 : 4 * difference;
  }
  return { mean: sum / (data.length * 0.75) / 255, width: a.width, height: a.height, data };
}
