/** Pictures: to start from, and for the settings that are written in them (of PNG; sites and other formats mostly lose them). */
import { readPngText } from '../formats/png.ts';
import { readParameters } from '../imageParameters.ts';
import { importer, whole } from './importer.ts';

const beginsWith = (head: Uint8Array, bytes: readonly number[], at = 0): boolean =>
  bytes.every((byte, i) => head[at + i] === byte);
const ascii = (text: string): number[] => [...text].map((char) => char.charCodeAt(0));

export const pngImporter = importer({
  brings: 'image',
  title: 'PNG images',
  what: 'to start from, and for their settings: our own record, or the text that A1111 and most tools write',
  extensions: ['.png'],
  mediaTypes: ['image/png'],
  recognise: (head) => beginsWith(head, [0x89, ...ascii('PNG\r\n'), 0x1a, 0x0a]),
  async read(source) {
    const bytes = await whole(source);
    return { bytes, ...readParameters(readPngText(bytes)) };
  },
});

const withoutSettings = async (source: Parameters<typeof pngImporter.read>[0]) => ({
  bytes: await whole(source),
  parameters: null,
  notTaken: [],
});

export const jpegImporter = importer({
  brings: 'image',
  title: 'JPEG images',
  what: 'to start from',
  extensions: ['.jpg', '.jpeg'],
  mediaTypes: ['image/jpeg'],
  recognise: (head) => beginsWith(head, [0xff, 0xd8, 0xff]),
  read: withoutSettings,
});

export const webpImporter = importer({
  brings: 'image',
  title: 'WebP images',
  what: 'to start from',
  extensions: ['.webp'],
  mediaTypes: ['image/webp'],
  recognise: (head) => beginsWith(head, ascii('RIFF')) && beginsWith(head, ascii('WEBP'), 8),
  read: withoutSettings,
});
