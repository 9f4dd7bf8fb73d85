/** What a picture file says of itself before its pixels: JPEG, PNG and WebP, read by range. Turned by EXIF as Pillow's `exif_transpose` and browsers
 *  turn it. What cannot train is refused here, in words.
 *  https://www.w3.org/TR/png-3/, ITU-T T.81 annex B, RFC 9649 (WebP), CIPA DC-008 (EXIF) 4.6.2 */
import { WinnowError } from '../../shared/errors.ts';
import { type ByteRanges, byteRanges, type ByteSource } from './bytes.ts';

export const pictureTypes = {
  jpeg: { title: 'JPEG', extension: 'jpg', mediaType: 'image/jpeg' },
  png: { title: 'PNG', extension: 'png', mediaType: 'image/png' },
  webp: { title: 'WebP', extension: 'webp', mediaType: 'image/webp' },
} as const;
export type PictureType = keyof typeof pictureTypes;

/** EXIF's: 1 as it lies; 2 to 4 mirrored, half turned, upside down; 5 to 8 with rows for columns. */
export type Orientation = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

export interface PictureInfo {
  type: PictureType;
  /** In pixels, as it is shown. */
  width: number;
  height: number;
  orientation: Orientation;
  alpha: boolean;
  grey: boolean;
  /** A channel. */
  bits: number;
}

/** Of a picture that is decoded: 8192 by 8192; and of one of its sides, as records have them. */
const MAX_PICTURE_PIXELS = 2 ** 26;
const MAX_SIDE = 65_536;
/** Of a picture's file. */
const MAX_PICTURE_BYTES = 256 * 2 ** 20;
/** Of markers and chunks that are looked at. */
const MAX_PARTS = 2 ** 17;

const TAKEN = 'Take it as JPEG, PNG or WebP, in RGB or greyscale.';
export const badPicture = (what: string, remedy = TAKEN): WinnowError =>
  new WinnowError('BadFile', `The picture cannot be used: ${what}.`, remedy);

/** Says which of many it is: `.catch(ofPicture(file))` of whatever reads one. */
export const ofPicture =
  (file: string) =>
  (error: unknown): never => {
    if (!(error instanceof WinnowError) || error.name !== 'BadFile') throw error;
    throw new WinnowError('BadFile', error.what.replace(/^The picture /, `The picture ${file} `), error.remedy);
  };

const cutOff = (): WinnowError => badPicture('its file is cut off', 'Bring it again, whole.');

/** Bytes of a file, read a window at a time. */
class Window {
  readonly size: number;
  private readonly source: ByteRanges;
  private start = 0;
  private bytes: Uint8Array = new Uint8Array();

  constructor(source: ByteRanges) {
    this.source = source;
    this.size = source.size;
  }

  /** `length` bytes from `at` on; throws where the file ends before. */
  async view(at: number, length: number): Promise<DataView> {
    if (at + length > this.size) throw cutOff();
    if (at < this.start || at + length > this.start + this.bytes.length) {
      this.start = at;
      this.bytes = await this.source.read(at, Math.min(this.size, at + Math.max(length, 4096)));
      if (this.bytes.length < length) throw cutOff();
    }
    return new DataView(this.bytes.buffer, this.bytes.byteOffset + at - this.start, length);
  }

  async text(at: number, length: number): Promise<string> {
    const { buffer, byteOffset } = await this.view(at, length);
    return String.fromCharCode(...new Uint8Array(buffer, byteOffset, length));
  }
}

/** As it lies in the file, before EXIF turns it. */
type Found = Omit<PictureInfo, 'type' | 'orientation'> & { orientation?: Orientation | undefined };

/** Of the picture's file; `head` is its first bytes, at least 12 of them. Undefined if it is none of ours. */
export function pictureTypeOf(head: Uint8Array): PictureType | undefined {
  const is = (text: string, at = 0): boolean => [...text].every((char, i) => head[at + i] === char.charCodeAt(0));
  if (is('\x89PNG\r\n\x1a\n')) return 'png';
  if (is('\xff\xd8\xff')) return 'jpeg';
  return is('RIFF') && is('WEBP', 8) ? 'webp' : undefined;
}

/** @throws BadFile for what is no picture of ours, cut off, too large, CMYK, moving, or coded in a way that is not read. */
export async function readPictureInfo(source: ByteSource): Promise<PictureInfo> {
  const ranges = byteRanges(source);
  if (ranges.size === 0) throw badPicture('its file is empty', 'Bring it again, whole.');
  if (ranges.size > MAX_PICTURE_BYTES)
    throw badPicture(`its file has ${(ranges.size / 2 ** 20).toFixed(0)} MiB`, 'Take a smaller copy of it.');
  const head = await ranges.read(0, Math.min(16, ranges.size));
  const type = pictureTypeOf(head);
  if (!type) throw badPicture(`it is no JPEG, PNG or WebP${otherType(head)}`);
  const found = await readers[type](new Window(ranges));
  const { width, height, orientation = 1, ...rest } = found;
  if (width === 0 || height === 0) throw badPicture('it has no pixels');
  if (width * height > MAX_PICTURE_PIXELS || Math.max(width, height) > MAX_SIDE)
    throw badPicture(
      `it is ${width} by ${height} pixels, and pictures have at most ${MAX_PICTURE_PIXELS.toLocaleString('en')} together`,
      'Take a smaller copy of it.',
    );
  const turned = orientation > 4;
  return { type, orientation, ...rest, width: turned ? height : width, height: turned ? width : height };
}

/** What people bring instead, by name. */
function otherType(head: Uint8Array): string {
  const text = String.fromCharCode(...head);
  if (/^GIF8[79]a/.test(text)) return ', but GIF';
  if (text.startsWith('BM')) return ', but BMP';
  if (text.startsWith('II*\0') || text.startsWith('MM\0*')) return ', but TIFF';
  if (/^....ftyp(avif|avis)/s.test(text)) return ', but AVIF';
  if (/^....ftyp(hei|hev|mif1|msf1)/s.test(text)) return ', but HEIC';
  if (text.startsWith('\xff\n') || text.startsWith('\0\0\0\fJXL ')) return ', but JPEG XL';
  return '';
}

const readers: Record<PictureType, (file: Window) => Promise<Found>> = { jpeg: readJpeg, png: readPng, webp: readWebp };

// ---- PNG ------------------------------------------------------------------------------------------------------------------------

async function readPng(file: Window): Promise<Found> {
  if ((await file.text(12, 4)) !== 'IHDR') throw badPicture('it is a PNG without a header');
  const header = await file.view(16, 13);
  const [bits, colour] = [header.getUint8(8), header.getUint8(9)];
  const found: Found = {
    width: header.getUint32(0),
    height: header.getUint32(4),
    bits,
    alpha: colour === 4 || colour === 6,
    grey: colour === 0 || colour === 4,
  };
  let pixels = false;
  let at = 8;
  for (let n = 0; n < MAX_PARTS; n++) {
    const length = (await file.view(at, 8)).getUint32(0);
    const type = await file.text(at + 4, 4);
    if (at + 12 + length > file.size) throw cutOff();
    if (type === 'IEND') {
      if (!pixels) throw badPicture('it is a PNG without pixels');
      return found;
    }
    if (type === 'IDAT') pixels = true;
    if (type === 'acTL') throw badPicture('it is an animated PNG', 'Take one of its frames.');
    if (type === 'tRNS') found.alpha = true;
    if (type === 'eXIf') found.orientation ??= await orientationAt(file, at + 8, length);
    at += 12 + length;
  }
  throw badPicture('its file has too many parts');
}

// ---- JPEG -----------------------------------------------------------------------------------------------------------------------

/** Markers without a length behind them. */
const isBare = (marker: number): boolean => marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8);
/** Start of frame, of any coding. */
const isFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;

async function readJpeg(file: Window): Promise<Found> {
  let found: Found | undefined;
  let orientation: Orientation | undefined;
  let at = 2;
  for (let n = 0; n < MAX_PARTS; n++) {
    const view = await file.view(at, 2);
    if (view.getUint8(0) !== 0xff) throw badPicture('it is a damaged JPEG');
    const marker = view.getUint8(1);
    // Fill bytes before a marker.
    if (marker === 0xff) at += 1;
    else if (isBare(marker)) at += 2;
    else if (marker === 0xd9) throw cutOff();
    else {
      const length = (await file.view(at + 2, 2)).getUint16(0);
      if (length < 2) throw badPicture('it is a damaged JPEG');
      if (marker === 0xe1 && length >= 16 && (await file.text(at + 4, 6)) === 'Exif\0\0')
        orientation ??= await orientationAt(file, at + 10, length - 8);
      if (isFrame(marker)) found = await readFrame(file, at + 4, marker);
      at += 2 + length;
      if (marker === 0xda) {
        if (!found) throw badPicture('it is a JPEG without a frame');
        if (!(await hasEnd(file, at))) throw cutOff();
        return { ...found, orientation };
      }
    }
  }
  throw badPicture('its file has too many parts');
}

async function readFrame(file: Window, at: number, marker: number): Promise<Found> {
  const frame = await file.view(at, 6);
  const channels = frame.getUint8(5);
  if (channels === 4)
    throw badPicture('it is a JPEG in CMYK', 'Save it in RGB: what its colours look like depends on a press.');
  if (channels !== 1 && channels !== 3) throw badPicture(`it is a JPEG of ${channels} channels`);
  if (frame.getUint8(0) !== 8) throw badPicture(`it is a JPEG of ${frame.getUint8(0)} bits a channel`);
  // Baseline, extended, progressive.
  if (marker > 0xc2) throw badPicture('it is a lossless, hierarchical or arithmetic JPEG');
  const [height, width] = [frame.getUint16(1), frame.getUint16(3)];
  return { width, height, bits: 8, alpha: false, grey: channels === 1 };
}

/** Whether the mark of the end stands anywhere behind the first scan's header: inside coded data it cannot. Others write more behind it. */
async function hasEnd(file: Window, scan: number): Promise<boolean> {
  const PIECE = 65_536;
  for (let end = file.size; end > scan; end -= PIECE - 1) {
    const start = Math.max(scan, end - PIECE);
    const { buffer, byteOffset, byteLength } = await file.view(start, end - start);
    const bytes = new Uint8Array(buffer, byteOffset, byteLength);
    for (let i = bytes.lastIndexOf(0xd9); i > 0; i = bytes.lastIndexOf(0xd9, i - 1))
      if (bytes[i - 1] === 0xff) return true;
  }
  return false;
}

// ---- WebP -----------------------------------------------------------------------------------------------------------------------

async function readWebp(file: Window): Promise<Found> {
  const end = 8 + (await file.view(4, 4)).getUint32(0, true);
  // The last byte of an odd length may be missing.
  if (end > file.size + 1) throw cutOff();
  let found: Found | undefined;
  let pixels = false;
  let exif = false;
  let at = 12;
  for (let n = 0; n < MAX_PARTS && at + 8 <= Math.min(end, file.size); n++) {
    const type = await file.text(at, 4);
    const length = (await file.view(at + 4, 4)).getUint32(0, true);
    if (at + 8 + length > file.size) throw cutOff();
    const data = at + 8;
    if (type === 'VP8X') {
      const view = await file.view(data, 10);
      const flags = view.getUint8(0);
      if (flags & 0x02) throw badPicture('it is an animated WebP', 'Take one of its frames.');
      const uint24 = (from: number): number => view.getUint16(from, true) + (view.getUint8(from + 2) << 16);
      exif = (flags & 0x08) !== 0;
      found = { width: uint24(4) + 1, height: uint24(7) + 1, bits: 8, alpha: (flags & 0x10) !== 0, grey: false };
    } else if (type === 'VP8 ' || type === 'VP8L') {
      pixels = true;
      found ??= type === 'VP8 ' ? await readLossy(file, data) : await readLossless(file, data);
    } else if (type === 'EXIF' && exif && found) {
      const prefixed = length > 6 && (await file.text(data, 6)) === 'Exif\0\0';
      found.orientation ??= await orientationAt(file, data + (prefixed ? 6 : 0), length - (prefixed ? 6 : 0));
    }
    at = data + length + (length % 2);
  }
  if (!found || !pixels) throw badPicture('it is a WebP without pixels');
  return found;
}

async function readLossy(file: Window, at: number): Promise<Found> {
  const view = await file.view(at, 10);
  if ((view.getUint8(0) & 1) !== 0 || view.getUint8(3) !== 0x9d || view.getUint16(4, true) !== 0x2a01)
    throw badPicture('it is a damaged WebP');
  const side = (from: number): number => view.getUint16(from, true) & 0x3fff;
  return { width: side(6), height: side(8), bits: 8, alpha: false, grey: false };
}

async function readLossless(file: Window, at: number): Promise<Found> {
  const view = await file.view(at, 5);
  if (view.getUint8(0) !== 0x2f) throw badPicture('it is a damaged WebP');
  const bits = view.getUint32(1, true);
  const side = (from: number): number => ((bits >>> from) & 0x3fff) + 1;
  return { width: side(0), height: side(14), bits: 8, alpha: ((bits >>> 28) & 1) === 1, grey: false };
}

// ---- EXIF -----------------------------------------------------------------------------------------------------------------------

const ORIENTATION = 0x0112;

/** Of the TIFF structure at `at`; undefined where it says nothing that is understood. */
async function orientationAt(file: Window, at: number, length: number): Promise<Orientation | undefined> {
  if (length < 8) return undefined;
  const order = await file.text(at, 2);
  if (order !== 'II' && order !== 'MM') return undefined;
  const little = order === 'II';
  const directory = (await file.view(at + 4, 4)).getUint32(0, little);
  if (directory + 2 > length) return undefined;
  const count = (await file.view(at + directory, 2)).getUint16(0, little);
  for (let i = 0; i < count; i++) {
    const entry = directory + 2 + 12 * i;
    if (entry + 12 > length) return undefined;
    const view = await file.view(at + entry, 12);
    if (view.getUint16(0, little) !== ORIENTATION) continue;
    const value = view.getUint16(2, little) === 4 ? view.getUint32(8, little) : view.getUint16(8, little);
    return value >= 1 && value <= 8 ? (value as Orientation) : undefined;
  }
  return undefined;
}
