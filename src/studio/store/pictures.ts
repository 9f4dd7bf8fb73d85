/** Pictures by their path in the file store, as object URLs. Kept while the tab lives, the least recently used ones let go. */
import { readPicture } from '../../data/images.ts';
import { WinnowError } from '../../shared/errors.ts';
import { files, siteBase } from './services.ts';

const capacity = 600;
const urls = new Map<string, Promise<string>>();

export function loadPicture(file: string): Promise<string> {
  const known = urls.get(file);
  if (known) {
    urls.delete(file);
    urls.set(file, known);
    return known;
  }
  const url = open(file);
  urls.set(file, url);
  url.catch(() => urls.delete(file));
  if (urls.size > capacity) {
    const [oldest, old] = urls.entries().next().value!;
    urls.delete(oldest);
    void old.then((one) => URL.revokeObjectURL(one)).catch(() => undefined);
  }
  return url;
}

async function open(file: string): Promise<string> {
  const url = URL.createObjectURL(new Blob([await readPicture(await files(), file, siteBase)]));
  // Decoded once here, so that it shows in one go.
  const image = new Image();
  image.src = url;
  await image.decode();
  return url;
}

/** A copy of a picture as PNG at a size, its middle kept and its edges cut. @returns the copy's path. */
export async function fitPicture(file: string, width: number, height: number): Promise<string> {
  const store = await files();
  const bitmap = await createImageBitmap(new Blob([await store.read(file)])).catch(() => {
    throw new WinnowError('BadFile', 'The start image could not be read.', 'Choose a PNG, JPEG or WebP image.');
  });
  const canvas = new OffscreenCanvas(width, height);
  const scale = Math.max(width / bitmap.width, height / bitmap.height);
  const context = canvas.getContext('2d')!;
  context.imageSmoothingQuality = 'high';
  context.drawImage(bitmap, (width - bitmap.width * scale) / 2, (height - bitmap.height * scale) / 2, bitmap.width * scale, bitmap.height * scale);
  const copy = `${file}-${width}x${height}.png`;
  await store.write(copy, new Uint8Array(await (await canvas.convertToBlob({ type: 'image/png' })).arrayBuffer()));
  return copy;
}
