/** Files from the studio to the person. */
import { readPicture } from '../../data/images.ts';
import { files, siteBase } from '../store/services.ts';
import type { TakenFile } from '../store/takeAwaySlice.ts';

export function saveBytes(bytes: BlobPart, name: string, type = 'application/octet-stream'): void {
  const url = URL.createObjectURL(new Blob([bytes], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name.replace(/[^\p{L}\p{N} ._,-]+/gu, '_');
  link.click();
  // The download has its own hold on the data a moment later.
  setTimeout(() => URL.revokeObjectURL(url), 30_000);
}

export const saveTaken = ({ bytes, name, type }: TakenFile): void => saveBytes(bytes, name, type);

/** A picture of the file store, with its parameters inside. */
export async function saveFile(file: string, name: string): Promise<void> {
  saveBytes(await readPicture(await files(), file, siteBase), name, 'image/png');
}
