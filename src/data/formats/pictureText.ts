/** The text in a picture's file, by keyword: a PNG's chunks, what EXIF says in JPEG, WebP and PNG. EXIF has no place for settings; tools put them into
 *  UserComment (A1111, Forge, SD.Next, Fooocus, SwarmUI), which stands here as `parameters`, and ComfyUI puts `prompt:` and `workflow:` in front of
 *  any text field. A file in pieces says nothing. */
import { isPng, readPngText } from './png.ts';

/** EXIF's text fields that ComfyUI's savers take. */
const fields = ['Make', 'Model', 'ImageDescription', 'Software'] as const;

export async function readPictureText(bytes: Uint8Array): Promise<Map<string, string>> {
  const text = isPng(bytes) ? readPngText(bytes) : new Map<string, string>();
  for (const [keyword, value] of await exifText(bytes)) if (!text.has(keyword)) text.set(keyword, value);
  return text;
}

async function exifText(bytes: Uint8Array): Promise<[string, string][]> {
  const { load } = await import('exifreader');
  try {
    const exif = new Map<string, { value?: unknown }>(
      Object.entries(load(bytes.slice().buffer, { expanded: true }).exif ?? {}),
    );
    const found: [string, string][] = [];
    const comment = exif.get('UserComment')?.value;
    if (Array.isArray(comment)) found.push(['parameters', userComment(Uint8Array.from(comment as number[]))]);
    for (const field of fields) {
      const value = exif.get(field)?.value;
      const [, keyword, rest] =
        /^(prompt|workflow):\s*(.*)$/is.exec(String(Array.isArray(value) ? value[0] : (value ?? ''))) ?? [];
      if (keyword && rest) found.push([keyword.toLowerCase(), rest]);
    }
    return found.filter(([, value]) => value !== '');
  } catch {
    return [];
  }
}

/** EXIF 2.3, 4.6.5: eight bytes name the code. `UNICODE` is UTF-16, in the byte order that the text itself shows: writers do not keep to the
 *  file's. */
export function userComment(bytes: Uint8Array): string {
  const code = new TextDecoder('latin1').decode(bytes.subarray(0, 8));
  const named = code.startsWith('UNICODE') ? 'UNICODE' : /^(ASCII|JIS)?\0+$/.test(code) ? 'ASCII' : 'none';
  const body = named === 'none' ? bytes : bytes.subarray(8);
  const label = named === 'UNICODE' ? (isBigEndian(body) ? 'utf-16be' : 'utf-16le') : 'utf-8';
  return new TextDecoder(label).decode(body).replace(/\0+$/, '');
}

/** Latin letters have a zero in one half: the first of big-endian. */
function isBigEndian(bytes: Uint8Array): boolean {
  let first = 0;
  let second = 0;
  for (let i = 0; i + 1 < bytes.length; i += 2) {
    if (bytes[i] === 0) first += 1;
    if (bytes[i + 1] === 0) second += 1;
  }
  return first >= second;
}
