/** Pictures: to start from, and for the settings that are written in them (sites mostly lose them). */
import { readPictureText } from '../formats/pictureText.ts';
import { readParameters } from '../imageParameters.ts';
import { importer, type Source, whole } from './importer.ts';

const beginsWith = (head: Uint8Array, bytes: readonly number[], at = 0): boolean =>
  bytes.every((byte, i) => head[at + i] === byte);
const ascii = (text: string): number[] => [...text].map((char) => char.charCodeAt(0));

const withSettings = async (source: Source) => {
  const bytes = await whole(source);
  return { bytes, ...readParameters(await readPictureText(bytes)) };
};

const what = 'to start from, and for their settings: our own record, or what A1111, ComfyUI and most tools write';

export const pngImporter = importer({
  brings: 'image',
  title: 'PNG images',
  what,
  extensions: ['.png'],
  mediaTypes: ['image/png'],
  recognise: (head) => beginsWith(head, [0x89, ...ascii('PNG\r\n'), 0x1a, 0x0a]),
  read: withSettings,
});

export const jpegImporter = importer({
  brings: 'image',
  title: 'JPEG images',
  what,
  extensions: ['.jpg', '.jpeg'],
  mediaTypes: ['image/jpeg'],
  recognise: (head) => beginsWith(head, [0xff, 0xd8, 0xff]),
  read: withSettings,
});

export const webpImporter = importer({
  brings: 'image',
  title: 'WebP images',
  what,
  extensions: ['.webp'],
  mediaTypes: ['image/webp'],
  recognise: (head) => beginsWith(head, ascii('RIFF')) && beginsWith(head, ascii('WEBP'), 8),
  read: withSettings,
});
