/** Text of a large file, piece by piece: UTF-8, or UTF-16 where that is plain, without its byte order mark. */
import { WinnowError } from '../../shared/errors.ts';
import type { NamedFile } from './rows.ts';
import { encodingOf } from './text.ts';

/** At once in memory. */
const PIECE_BYTES = 2 * 2 ** 20;

/** Rejects with BadFile for an empty file, and where the bytes are no text. */
export async function* textPieces(file: NamedFile, signal?: AbortSignal): AsyncGenerator<string> {
  if (file.size === 0)
    throw new WinnowError('BadFile', `${file.name} is empty (0 bytes).`, 'Download or export it again.');
  const encoding = encodingOf(await file.read(0, Math.min(4096, file.size)));
  const decoder = new TextDecoder(encoding, { fatal: true });
  for (let at = 0; at < file.size; at += PIECE_BYTES) {
    signal?.throwIfAborted();
    const bytes = await file.read(at, Math.min(file.size, at + PIECE_BYTES));
    let text: string;
    try {
      text = decoder.decode(bytes, { stream: at + PIECE_BYTES < file.size });
    } catch {
      throw new WinnowError(
        'BadFile',
        `${file.name} is neither UTF-8 nor UTF-16 text.`,
        'Save it as UTF-8 (an editor offers that under "Save as").',
      );
    }
    if (text.includes('\0'))
      throw new WinnowError('BadFile', `${file.name} holds bytes that are no text.`, 'Choose a text file.');
    yield text;
  }
}
