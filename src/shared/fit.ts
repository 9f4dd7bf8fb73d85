/** How a picture of any size becomes one of a wanted size, in which it trains or is judged. */
import { type Raster, resizeBilinear } from './resize.ts';

export const fits = ['crop', 'pad', 'stretch'] as const;
/** crop: resized so that it covers the size, and its middle kept (as the published scripts do, whose middle crop of the shorter side this is);
 *  pad: resized so that it fits inside, black around it; stretch: both sides resized. */
export type Fit = (typeof fits)[number];

interface Size {
  width: number;
  height: number;
}

export interface Fitted {
  /** Of the whole picture, resized. */
  resized: Size;
  /** Where the wanted size begins in it: torchvision's CenterCrop. Negative in what is padded: where the picture begins in the wanted size. */
  left: number;
  top: number;
}

export function fitted({ width, height }: Size, wanted: Size, fit: Fit): Fitted {
  if (fit === 'stretch') return { resized: { width: wanted.width, height: wanted.height }, left: 0, top: 0 };
  const [across, down] = [wanted.width / width, wanted.height / height];
  const wide = fit === 'crop' ? across >= down : across <= down;
  // The other side as torchvision has it, rounded down; but never past the wanted one.
  const other = (side: number, scale: number, bound: number): number =>
    fit === 'crop' ? Math.max(bound, Math.trunc(side * scale)) : Math.max(1, Math.min(bound, Math.trunc(side * scale)));
  const resized = wide
    ? { width: wanted.width, height: other(height, across, wanted.height) }
    : { width: other(width, down, wanted.width), height: wanted.height };
  const middle = (all: number, part: number): number => roundHalfEven((all - part) / 2);
  return { resized, left: middle(resized.width, wanted.width), top: middle(resized.height, wanted.height) };
}

/** Python's round, which CenterCrop calls. */
export function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  return x - floor === 0.5 ? floor + (Math.abs(floor) % 2) : Math.round(x);
}

/** An opaque RGBA picture in the wanted size; itself, where it has it. */
export function fitPicture(picture: Raster, wanted: Size, fit: Fit): Raster {
  if (picture.width === wanted.width && picture.height === wanted.height) return picture;
  const { resized, left, top } = fitted(picture, wanted, fit);
  const from = resizeBilinear(picture, resized);
  if (resized.width === wanted.width && resized.height === wanted.height) return from;
  const data = new Uint8Array(4 * wanted.width * wanted.height);
  for (let i = 3; i < data.length; i += 4) data[i] = 255;
  const [fromX, toX] = [Math.max(0, left), Math.max(0, -left)];
  const [fromY, toY] = [Math.max(0, top), Math.max(0, -top)];
  const columns = Math.min(resized.width, wanted.width);
  for (let y = 0; y < Math.min(resized.height, wanted.height); y++) {
    const start = 4 * ((fromY + y) * resized.width + fromX);
    data.set(from.data.subarray(start, start + 4 * columns), 4 * ((toY + y) * wanted.width + toX));
  }
  return { width: wanted.width, height: wanted.height, data };
}
