/** The rough look of a picture in the making: a linear map from its latents to colours, one pixel a latent, fitted to the pictures that were decoded
 *  before. It costs a few multiplications a latent, where the decoder costs as much as a step. */
import { z } from 'zod';
import { type FileStore, readJson, writeJson } from '../../data/files.ts';
import type { ModelFolder } from '../model/modelFolder.ts';

export interface Preview {
  /** Of the latents. */
  width: number;
  height: number;
  /** RGBA. */
  data: Uint8ClampedArray<ArrayBuffer>;
}

/** The sums, so that what is learned comes on top of what was. */
const fileSchema = z.object({ version: z.literal(2), squares: z.array(z.number()), products: z.array(z.number()) });

/** Keeps the fit from running away where latents hardly differ. */
const RIDGE = 1e-3;

export class PreviewMap {
  private readonly channels: number;
  /** Sums over latents: inputs by inputs, and inputs by colours; the last input is 1. */
  private readonly squares: Float64Array<ArrayBuffer>;
  private readonly products: Float64Array<ArrayBuffer>;
  private weights: number[][] | null = null;

  constructor(channels: number) {
    this.channels = channels;
    this.squares = new Float64Array((channels + 1) ** 2);
    this.products = new Float64Array(3 * (channels + 1));
  }

  /** @param latents [C, h, w]; image [3, H, W] in about [-1, 1], H and W the same multiple of h and w. */
  learn(latents: Float32Array, image: Float32Array, height: number, width: number): void {
    const { channels, squares, products } = this;
    const size = channels + 1;
    const cells = height * width;
    const factor = Math.round(Math.sqrt(image.length / 3 / cells));
    const row = new Float64Array(size).fill(1);
    for (let y = 0; y < height; y += 1)
      for (let x = 0; x < width; x += 1) {
        for (let c = 0; c < channels; c += 1) row[c] = latents[c * cells + y * width + x]!;
        if (!row.every(Number.isFinite)) continue;
        for (let i = 0; i < size; i += 1) for (let j = 0; j < size; j += 1) squares[i * size + j]! += row[i]! * row[j]!;
        for (let colour = 0; colour < 3; colour += 1) {
          const mean = blockMean(image, colour, y, x, factor, width * factor, height * factor);
          for (let i = 0; i < size; i += 1) products[colour * size + i]! += row[i]! * mean;
        }
      }
    this.fit();
  }

  private fit(): void {
    const { squares, products } = this;
    const size = this.channels + 1;
    this.weights = [0, 1, 2].map((colour) =>
      solved(squares, products.subarray(colour * size, (colour + 1) * size), size),
    );
  }

  /** Null before anything was learned. */
  look(latents: Float32Array, height: number, width: number): Preview | null {
    const { weights, channels } = this;
    if (!weights) return null;
    const cells = height * width;
    const data = new Uint8ClampedArray(4 * cells).fill(255);
    for (let colour = 0; colour < 3; colour += 1) {
      const of = weights[colour]!;
      for (let at = 0; at < cells; at += 1) {
        let value = of[channels]!;
        for (let c = 0; c < channels; c += 1) value += of[c]! * latents[c * cells + at]!;
        data[4 * at + colour] = 127.5 * (value + 1);
      }
    }
    return { width, height, data };
  }

  /** As it was kept, before anything is learned; nothing where there is none, or none that fits. */
  async read(files: FileStore, path: string): Promise<void> {
    const { success, data } = fileSchema.safeParse(await readJson(files, path).catch(() => null));
    const { squares, products } = this;
    if (!success || data.squares.length !== squares.length || data.products.length !== products.length) return;
    squares.set(data.squares);
    products.set(data.products);
    this.fit();
  }

  /** A preview is worth no failure. */
  async write(files: FileStore, path: string): Promise<void> {
    const { weights, squares, products } = this;
    if (!weights) return;
    await writeJson(files, path, { version: 2, squares: [...squares], products: [...products] }).catch(() => undefined);
  }
}

/** By models as they are opened. */
const maps = new WeakMap<ModelFolder, Promise<PreviewMap>>();

const previewPath = ({ info }: ModelFolder): string => `settings/preview-${info.hash}.json`;

/** The one of a model, with what was kept of it. */
export function previewsOf(files: FileStore, folder: ModelFolder): Promise<PreviewMap> {
  const known =
    maps.get(folder) ??
    (async () => {
      const map = new PreviewMap(folder.vae.config.latent_channels);
      await map.read(files, previewPath(folder));
      return map;
    })();
  maps.set(folder, known);
  return known;
}

export const keepPreviews = (files: FileStore, folder: ModelFolder, map: PreviewMap): Promise<void> =>
  map.write(files, previewPath(folder));

function blockMean(
  image: Float32Array,
  colour: number,
  y: number,
  x: number,
  factor: number,
  width: number,
  height: number,
): number {
  let sum = 0;
  for (let v = 0; v < factor; v += 1)
    for (let u = 0; u < factor; u += 1) sum += image[(colour * height + y * factor + v) * width + x * factor + u]!;
  return Math.min(1, Math.max(-1, sum / (factor * factor)));
}

/** (A + ridge) w = b by elimination; A [n, n] is symmetric and positive. */
function solved(a: Float64Array, b: Float64Array, n: number): number[] {
  const count = a[n * n - 1]!;
  const rows = Array.from({ length: n }, (_, i) =>
    Float64Array.from({ length: n + 1 }, (__, j) =>
      j === n ? b[i]! : a[i * n + j]! + (i === j && i < n - 1 ? RIDGE * count : 0),
    ),
  );
  for (let i = 0; i < n; i += 1) {
    const pivot = rows[i]!;
    for (let r = i + 1; r < n; r += 1) {
      const factor = rows[r]![i]! / pivot[i]!;
      for (let j = i; j <= n; j += 1) rows[r]![j]! -= factor * pivot[j]!;
    }
  }
  const w = Array.from({ length: n }, () => 0);
  for (let i = n - 1; i >= 0; i -= 1) {
    let sum = rows[i]![n]!;
    for (let j = i + 1; j < n; j += 1) sum -= rows[i]![j]! * w[j]!;
    w[i] = sum / rows[i]![i]!;
  }
  return w;
}
