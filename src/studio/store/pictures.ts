/** Pictures by their path in the file store, as object URLs. Kept while the tab lives, the least recently used ones let go. */
import { t } from '@lingui/core/macro';
import { readPicture } from '../../data/images.ts';
import { isBundledFile } from '../../data/pairs.ts';
import { WinnowError } from '../../shared/errors.ts';
import type { Preferences } from './persisted.ts';
import { files, siteBase } from './services.ts';

const capacity = 600;
const urls = new Map<string, Promise<string>>();
/** Of those, the ones that are decoded. */
const ready = new Map<string, string>();

const keyOf = (file: string, enlarged: boolean): string => `${enlarged} ${file}`;

/** The URL of a picture that is decoded already: it shows at once. */
export const decodedPicture = (file: string, enlarged: boolean): string | undefined => ready.get(keyOf(file, enlarged));

const decodingMs = 3000;

/** Whether pictures that are shown large are enlarged before: in whole steps they are not. */
export const areEnlarged = ({ preferences }: { preferences: Preferences }): boolean => preferences.scaling === 'smooth';

/** Resolves when all are decoded or cannot be, and in the end without them: whoever waits for pictures must not wait for ever.
 *  @param enlarged as `areEnlarged` says. */
export async function decoded(files: readonly string[], enlarged: boolean): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const enough = new Promise((resolve) => (timer = setTimeout(resolve, decodingMs)));
  await Promise.race([Promise.allSettled(files.map((file) => loadPicture(file, enlarged))), enough]);
  clearTimeout(timer);
}

/** @param enlarged for showing it large; thumbnails, and what is shown in whole steps, go without. */
export function loadPicture(file: string, enlarged: boolean): Promise<string> {
  const key = keyOf(file, enlarged);
  const known = urls.get(key);
  if (known) {
    urls.delete(key);
    urls.set(key, known);
    return known;
  }
  const url = open(file, enlarged);
  urls.set(key, url);
  url.then(
    (one) => urls.get(key) === url && ready.set(key, one),
    () => urls.delete(key),
  );
  if (urls.size > capacity) letGo(urls.keys().next().value!);
  return url;
}

/** Lets pictures go whose files are deleted. */
export function forgetPictures(isDeleted: (file: string) => boolean): void {
  for (const key of urls.keys()) if (isDeleted(key.slice(key.indexOf(' ') + 1))) letGo(key);
}

function letGo(key: string): void {
  const url = urls.get(key);
  urls.delete(key);
  ready.delete(key);
  url?.then((one) => URL.revokeObjectURL(one)).catch(() => undefined);
}

async function open(file: string, enlarged: boolean): Promise<string> {
  // Bundled ones lie on the site too: a browser that keeps no files still shows them.
  const store = await files().catch((error: unknown) => {
    if (isBundledFile(file)) return null;
    throw error;
  });
  const picture = new Blob([await readPicture(store, file, siteBase)]);
  const url = URL.createObjectURL(enlarged ? await enlarge(picture) : picture);
  // Decoded once here, so that it shows in one go.
  const image = new Image();
  image.src = url;
  await image.decode();
  return url;
}

/** Small pictures are enlarged with a good filter once, for both sides alike; the browser's own is soft and blocky. */
async function enlarge(picture: Blob): Promise<Blob> {
  const small = await createImageBitmap(picture);
  if (Math.max(small.width, small.height) > 256) return picture;
  const canvas = new OffscreenCanvas(small.width * 4, small.height * 4);
  const context = canvas.getContext('2d')!;
  context.imageSmoothingQuality = 'high';
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
  return canvas.convertToBlob({ type: 'image/png' });
}

/** Rejects with BadFile for what this browser does not show. The caller closes it. */
async function decodeStart(bytes: Uint8Array<ArrayBuffer>): Promise<ImageBitmap> {
  return createImageBitmap(new Blob([bytes])).catch(() => {
    throw new WinnowError('BadFile', t`The start image could not be read.`, t`Choose a PNG, JPEG or WebP image.`);
  });
}

/** Keeps a picture to start from, if it is one. Rejects with BadFile before anything is written. @returns its path. */
export async function keepStartPicture(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  (await decodeStart(bytes)).close();
  const file = `init/${crypto.randomUUID()}`;
  await (await files()).write(file, bytes);
  return file;
}

/** A copy of a picture as PNG at a size, its middle kept and its edges cut. @returns the copy's path. */
export async function fitPicture(file: string, width: number, height: number): Promise<string> {
  const store = await files();
  const bitmap = await decodeStart(await store.read(file));
  const canvas = new OffscreenCanvas(width, height);
  const scale = Math.max(width / bitmap.width, height / bitmap.height);
  const context = canvas.getContext('2d')!;
  context.imageSmoothingQuality = 'high';
  context.drawImage(
    bitmap,
    (width - bitmap.width * scale) / 2,
    (height - bitmap.height * scale) / 2,
    bitmap.width * scale,
    bitmap.height * scale,
  );
  bitmap.close();
  const copy = `${file}-${width}x${height}.png`;
  await store.write(copy, new Uint8Array(await (await canvas.convertToBlob({ type: 'image/png' })).arrayBuffer()));
  return copy;
}
