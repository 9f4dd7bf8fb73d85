/** Text from bytes whose encoding nobody named: UTF-8, or UTF-16 where that is plain. Anything else is refused, never guessed at. */
import { WinnowError } from '../../shared/errors.ts';

/** Of a text file that is read whole. */
export const MAX_TEXT_BYTES = 256 * 2 ** 20;

/** The encoding that a file's first bytes give away. UTF-16 without its mark is plain where one of every two bytes is zero, as in most Latin
 *  text. */
export function encodingOf(bytes: Uint8Array): 'utf-8' | 'utf-16le' | 'utf-16be' {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be';
  const head = bytes.subarray(0, Math.min(bytes.length, 4096) & ~1);
  const zeros = [0, 0];
  head.forEach((byte, i) => {
    if (byte === 0) zeros[i & 1]!++;
  });
  const [even, odd] = zeros as [number, number];
  if (odd > head.length / 8 && even === 0) return 'utf-16le';
  if (even > head.length / 8 && odd === 0) return 'utf-16be';
  return 'utf-8';
}

export const isUtf16 = (bytes: Uint8Array): boolean => encodingOf(bytes) !== 'utf-8';

/** The text without its byte order mark. Throws BadFile, which names the line, where the bytes are neither UTF-8 nor UTF-16. */
export function decodeText(bytes: Uint8Array, file = 'The file'): string {
  if (bytes.length > MAX_TEXT_BYTES)
    throw new WinnowError(
      'BadFile',
      `${file} has ${(bytes.length / 2 ** 20).toFixed(0)} MiB.`,
      `Choose a text of at most ${MAX_TEXT_BYTES / 2 ** 20} MiB.`,
    );
  const encoding = encodingOf(bytes);
  let text: string;
  try {
    text = new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    throw unreadable(file, encoding === 'utf-8' ? badLine(bytes) : undefined);
  }
  const zero = text.indexOf('\0');
  if (zero >= 0) throw unreadable(file, text.slice(0, zero).split('\n').length);
  return text;
}

const unreadable = (file: string, line: number | undefined): WinnowError =>
  new WinnowError(
    'BadFile',
    `${file} is neither UTF-8 nor UTF-16 text${line === undefined ? '' : `: see line ${line}`}.`,
    'Save it as UTF-8 (an editor offers that under "Save as").',
  );

/** The number of the first line that is no UTF-8. A line feed is never part of another character. */
function badLine(bytes: Uint8Array): number {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  for (let start = 0, line = 1; ; line++) {
    const feed = bytes.indexOf(0x0a, start);
    try {
      decoder.decode(bytes.subarray(start, feed < 0 ? bytes.length : feed));
    } catch {
      return line;
    }
    if (feed < 0) return line;
    start = feed + 1;
  }
}
