/** PNG files without a canvas: text chunks in and out, and pixels. https://www.w3.org/TR/png-3/ */
import { zlibSync } from 'fflate';
import { WinnowError } from '../../shared/errors.ts';
import { inflate } from './inflate.ts';

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

export const isPng = (bytes: Uint8Array): boolean => SIGNATURE.every((byte, i) => bytes[i] === byte);

interface Chunk {
  type: string;
  data: Uint8Array;
  /** The whole chunk: length, type, data, checksum. */
  bytes: Uint8Array;
  /** Whether its checksum matches; of one that pictures need it does. */
  intact: boolean;
}

/** Of a picture that is decoded: 8192 by 8192. */
const MAX_PIXELS = 2 ** 26;
/** Of one text chunk, inflated; and of all of a file together. */
const MAX_TEXT_BYTES = 8 * 2 ** 20;
const MAX_TEXTS_BYTES = 32 * 2 ** 20;

const crcTable = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

function crc32(bytes: Uint8Array): number {
  let c = 0xffffffff;
  for (const byte of bytes) c = crcTable[(c ^ byte) & 0xff]! ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
}

function latin1(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return text;
}
const fromLatin1 = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));

function bad(what: string): WinnowError {
  return new WinnowError('BadFile', `The image cannot be read: ${what}.`, 'Choose a PNG that other programs open.');
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const out = new Uint8Array(12 + data.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, data.length);
  out.set(fromLatin1(type), 4);
  out.set(data, 8);
  view.setUint32(8 + data.length, crc32(out.subarray(4, 8 + data.length)));
  return out;
}

function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** All chunks from IHDR to IEND; throws BadFile where the file is no PNG, cut off or damaged. */
function chunksOf(png: Uint8Array): Chunk[] {
  if (!isPng(png)) throw bad('it is not a PNG file');
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  const chunks: Chunk[] = [];
  for (let at = 8; ;) {
    if (at + 12 > png.length) throw bad('it is cut off');
    const end = at + 12 + view.getUint32(at);
    if (end > png.length) throw bad('it is cut off');
    const bytes = png.subarray(at, end);
    const type = latin1(bytes.subarray(4, 8));
    const intact = crc32(bytes.subarray(4, -4)) === view.getUint32(end - 4);
    // A capital first letter: the picture cannot do without it.
    if (!intact && /^[A-Z]/.test(type)) throw bad('it is damaged (a checksum does not match)');
    if (chunks.length === 0 && type !== 'IHDR') throw bad('it has no header');
    chunks.push({ type, data: bytes.subarray(8, -4), bytes, intact });
    if (type === 'IEND') return chunks;
    at = end;
  }
}

// ---- text -----------------------------------------------------------------------------------------------------------------------

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** tEXt is Latin-1, but many tools put UTF-8 into it: what is valid UTF-8 is taken for it. */
function textOf(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    return latin1(bytes);
  }
}

/** tEXt where Latin-1 is enough and is read back as it, as Pillow writes it; else iTXt. */
function textChunk(keyword: string, text: string): Uint8Array {
  const isLatin1 = Array.from(text).every((char) => char.codePointAt(0)! < 256 && char !== '\0');
  const bytes = isLatin1 ? fromLatin1(text) : new TextEncoder().encode(text);
  if (isLatin1 && textOf(bytes) === text) return chunk('tEXt', concat([fromLatin1(`${keyword}\0`), bytes]));
  // keyword, end, not compressed, method, no language, no translated keyword, UTF-8.
  return chunk('iTXt', concat([fromLatin1(`${keyword}\0\0\0\0\0`), new TextEncoder().encode(text)]));
}

/** The keyword, and the bytes of the text as they lie there. Undefined where the chunk holds no text. */
function textParts({ type, data }: Chunk): { keyword: string; bytes: Uint8Array; packed: boolean } | undefined {
  const end = data.indexOf(0);
  if (end < 0) return undefined;
  const keyword = latin1(data.subarray(0, end));
  if (type === 'tEXt') return { keyword, bytes: data.subarray(end + 1), packed: false };
  if (type === 'zTXt') return { keyword, bytes: data.subarray(end + 2), packed: true };
  if (type !== 'iTXt') return undefined;
  const language = data.indexOf(0, end + 3);
  const translated = data.indexOf(0, language + 1);
  if (language < 0 || translated < 0) return undefined;
  return { keyword, bytes: data.subarray(translated + 1), packed: data[end + 1] === 1 };
}

/** Text chunks by keyword: tEXt, zTXt and iTXt. One that is damaged, or inflates to more than any text, is left out; the others count. */
export function readPngText(png: Uint8Array): Map<string, string> {
  const texts = new Map<string, string>();
  let left = MAX_TEXTS_BYTES;
  for (const part of chunksOf(png)) {
    const found = part.intact ? textParts(part) : undefined;
    if (!found) continue;
    try {
      const most = Math.min(left, MAX_TEXT_BYTES);
      const { bytes, more } = found.packed
        ? inflate(found.bytes, most)
        : { bytes: found.bytes, more: found.bytes.length > most };
      left -= Math.min(bytes.length, most);
      if (!more) texts.set(found.keyword, textOf(bytes));
    } catch {
      // Damaged.
    }
  }
  return texts;
}

/** The same image with these text chunks; chunks of the same keywords are replaced, all else stays byte for byte. */
export function writePngText(png: Uint8Array, texts: Readonly<Record<string, string>>): Uint8Array<ArrayBuffer> {
  const [header, ...rest] = chunksOf(png);
  const kept = rest.filter((part) => {
    const found = textParts(part);
    return !found || !Object.hasOwn(texts, found.keyword);
  });
  const added = Object.entries(texts).map(([keyword, text]) => textChunk(keyword, text));
  return concat([Uint8Array.from(SIGNATURE), header!.bytes, ...added, ...kept.map((part) => part.bytes)]);
}

// ---- pixels ---------------------------------------------------------------------------------------------------------------------

export interface Pixels {
  width: number;
  height: number;
  /** RGBA, 8 bits each, row by row. */
  data: Uint8Array | Uint8ClampedArray;
}

const paeth = (a: number, b: number, c: number): number => {
  const [pa, pb, pc] = [Math.abs(b - c), Math.abs(a - c), Math.abs(a + b - 2 * c)];
  return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
};

/** What each filter predicts from the bytes to the left (a), above (b) and above left (c). */
const predictors: readonly ((a: number, b: number, c: number) => number)[] = [
  () => 0,
  (a) => a,
  (_, b) => b,
  (a, b) => (a + b) >> 1,
  paeth,
];

/** A PNG of RGB, or of RGBA where any pixel is not opaque. Rows are filtered by the least sum of absolute differences. */
export function encodePng(
  { width, height, data }: Pixels,
  texts: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  if (data.length !== width * height * 4) throw new Error(`${data.length} bytes for ${width}x${height} RGBA`);
  const opaque = data.every((value, i) => i % 4 !== 3 || value === 255);
  const channels = opaque ? 3 : 4;
  const stride = width * channels;
  const rows = new Uint8Array((stride + 1) * height);
  let above = new Uint8Array(stride);
  for (let y = 0; y < height; y++) {
    const row = new Uint8Array(stride);
    for (let x = 0; x < width; x++)
      for (let c = 0; c < channels; c++) row[x * channels + c] = data[(y * width + x) * 4 + c]!;
    let least = Infinity;
    predictors.forEach((predict, filter) => {
      const filtered = new Uint8Array(stride);
      let sum = 0;
      for (let i = 0; i < stride; i++) {
        const left = i < channels ? 0 : row[i - channels]!;
        const aboveLeft = i < channels ? 0 : above[i - channels]!;
        const difference = (row[i]! - predict(left, above[i]!, aboveLeft)) & 0xff;
        filtered[i] = difference;
        sum += difference < 128 ? difference : 256 - difference;
      }
      if (sum >= least) return;
      least = sum;
      rows[y * (stride + 1)] = filter;
      rows.set(filtered, y * (stride + 1) + 1);
    });
    above = row;
  }
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([8, opaque ? 2 : 6], 8);
  const added = Object.entries(texts).map(([keyword, text]) => textChunk(keyword, text));
  return concat([
    Uint8Array.from(SIGNATURE),
    chunk('IHDR', header),
    ...added,
    chunk('IDAT', zlibSync(rows, { level: 6 })),
    chunk('IEND', new Uint8Array()),
  ]);
}

/** Channels and bits a channel, by colour type: grey, RGB, palette, grey and alpha, RGBA. */
const coloursOf: Readonly<Record<number, { channels: number; depths: readonly number[] }>> = {
  0: { channels: 1, depths: [1, 2, 4, 8, 16] },
  2: { channels: 3, depths: [8, 16] },
  3: { channels: 1, depths: [1, 2, 4, 8] },
  4: { channels: 2, depths: [8, 16] },
  6: { channels: 4, depths: [8, 16] },
};

/** Where a pass begins, and its step, across and down. */
type Pass = readonly [x: number, y: number, across: number, down: number];
const wholePass: readonly Pass[] = [[0, 0, 1, 1]];
const adam7: readonly Pass[] = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
];

/** The pixels of a PNG, 8 bits each: of 16 the high ones. Throws BadFile with the reason. */
export function decodePng(png: Uint8Array): Pixels & { data: Uint8Array } {
  const chunks = chunksOf(png);
  const header = chunks[0]!.data;
  if (header.length !== 13) throw bad('it has no header');
  const view = new DataView(header.buffer, header.byteOffset);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  const [depth, colour, , , interlace] = header.subarray(8) as unknown as [number, number, number, number, number];
  const { channels, depths } = coloursOf[colour] ?? { channels: 0, depths: [] };
  if (!depths.includes(depth)) throw bad(`it has ${depth} bits a channel and colour type ${colour}`);
  if (interlace > 1) throw bad(`it is interlaced in a way that is not known, ${interlace}`);
  if (width === 0 || height === 0 || width * height > MAX_PIXELS)
    throw bad(
      `it is ${width} by ${height} pixels, and pictures have at most ${MAX_PIXELS.toLocaleString('en')} together`,
    );

  const find = (type: string): Uint8Array | undefined => chunks.find((part) => part.type === type)?.data;
  const passes = (interlace ? adam7 : wholePass)
    .map(([x, y, across, down]) => {
      const [columns, rows] = [Math.ceil((width - x) / across), Math.ceil((height - y) / down)];
      return { x, y, across, down, columns, rows, stride: Math.ceil((columns * channels * depth) / 8) };
    })
    .filter(({ columns, rows }) => columns > 0 && rows > 0);
  const total = passes.reduce((sum, { stride, rows }) => sum + (stride + 1) * rows, 0);
  let lines: Uint8Array;
  try {
    // No more than the header declares, whatever the data would make.
    const packed = concat(chunks.filter((part) => part.type === 'IDAT').map((part) => part.data));
    lines = inflate(packed, total).bytes;
  } catch {
    throw bad('its pixels are damaged');
  }
  if (lines.length < total) throw bad('it has too few pixels');
  const palette = find('PLTE');
  if (colour === 3 && !palette) throw bad('its palette is missing');
  const paint = painter(depth, colour, palette, find('tRNS'));
  const data = new Uint8Array(width * height * 4);
  const pixelBytes = Math.max(1, (channels * depth) / 8);
  const samples = new Uint16Array(width * channels);
  let start = 0;
  for (const { x, y, across, down, columns, rows, stride } of passes) {
    let above = new Uint8Array(stride);
    for (let j = 0; j < rows; j++) {
      const row = unfiltered(lines, start, above, pixelBytes);
      unpack(row, depth, samples, columns * channels);
      for (let i = 0; i < columns; i++)
        paint(samples, i * channels, data, ((y + j * down) * width + x + i * across) * 4);
      above = row;
      start += stride + 1;
    }
  }
  return { width, height, data };
}

/** The row whose filter stands at `start`. */
function unfiltered(lines: Uint8Array, start: number, above: Uint8Array, pixelBytes: number): Uint8Array<ArrayBuffer> {
  const predict = predictors[lines[start]!];
  if (!predict) throw bad(`it uses filter ${lines[start]}`);
  const row = lines.slice(start + 1, start + 1 + above.length);
  if (lines[start] === 0) return row;
  for (let i = 0; i < row.length; i++) {
    const first = i < pixelBytes;
    row[i] = row[i]! + predict(first ? 0 : row[i - pixelBytes]!, above[i]!, first ? 0 : above[i - pixelBytes]!);
  }
  return row;
}

/** Samples of 1, 2, 4, 8 or 16 bits, the first in the high bits. */
function unpack(row: Uint8Array, depth: number, samples: Uint16Array, count: number): void {
  if (depth === 8) samples.set(row.subarray(0, count));
  else if (depth === 16) for (let i = 0; i < count; i++) samples[i] = (row[2 * i]! << 8) | row[2 * i + 1]!;
  else {
    const each = 8 / depth;
    for (let i = 0; i < count; i++)
      samples[i] = (row[Math.floor(i / each)]! >> (8 - depth - depth * (i % each))) & ((1 << depth) - 1);
  }
}

/** Writes the samples of a pixel as RGBA. tRNS names alpha by palette entry, or the one grey or colour (16 bits each) that is transparent. */
function painter(
  depth: number,
  colour: number,
  palette: Uint8Array | undefined,
  transparency: Uint8Array | undefined,
): (samples: Uint16Array, from: number, data: Uint8Array, to: number) => void {
  if (colour === 3)
    return (samples, from, data, to) => {
      const entry = samples[from]!;
      if (entry * 3 + 2 >= palette!.length) throw bad('its palette is too short');
      for (let c = 0; c < 3; c++) data[to + c] = palette![entry * 3 + c]!;
      data[to + 3] = transparency?.[entry] ?? 255;
    };
  const { channels } = coloursOf[colour]!;
  const colours = channels < 3 ? 1 : 3;
  const hasAlpha = channels > colours;
  const clear =
    transparency && !hasAlpha && transparency.length >= 2 * colours
      ? Array.from({ length: colours }, (_, c) => (transparency[2 * c]! << 8) | transparency[2 * c + 1]!)
      : undefined;
  const byte = (sample: number): number =>
    depth === 8 ? sample : depth === 16 ? sample >> 8 : (sample * 255) / ((1 << depth) - 1);
  return (samples, from, data, to) => {
    for (let c = 0; c < 3; c++) data[to + c] = byte(samples[from + (colours === 3 ? c : 0)]!);
    data[to + 3] = hasAlpha
      ? byte(samples[from + colours]!)
      : clear?.every((value, c) => samples[from + c] === value)
        ? 0
        : 255;
  };
}
