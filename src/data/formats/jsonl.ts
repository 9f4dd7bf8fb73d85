/** JSON Lines: one JSON value a line. Read as editors and other tools leave it: with a byte order mark, CRLF, blank lines, or without the last
 *  line feed. */
import { checkRecord, type RecordKind } from '../../records/kinds.ts';
import { parseJson } from '../../shared/json.ts';
import { decodeText, isUtf16 } from './text.ts';

export function formatJsonl(values: readonly unknown[]): string {
  return values.map((value) => `${JSON.stringify(value)}\n`).join('');
}

export interface JsonLines {
  lines: { number: number; value: unknown }[];
  /** A last line without its line feed that is not whole: a write that was cut short. */
  cut?: string;
}

/** The values with their line numbers. Throws BadFile at the first line that is not JSON, the cut one aside. */
export function readJsonLines(text: string, file = 'The file'): JsonLines {
  const lines: JsonLines['lines'] = [];
  const parts = text.split('\n');
  for (const [i, part] of parts.entries()) {
    // Files put behind one another keep their marks.
    const line = part.replace(/^\uFEFF/, '');
    if (line.trim() === '') continue;
    if (i === parts.length - 1 && !isJson(line)) return { lines, cut: line };
    const where = { file: `${file}: line ${i + 1}`, remedy: 'Choose a JSONL file, one JSON value a line.' };
    lines.push({ number: i + 1, value: parseJson(line, where) });
  }
  return { lines };
}

export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Records of one kind, each checked field by field. Throws BadFile with file and line. */
export function readRecordLines<T>(text: string, kind: RecordKind<T>, file: string): { records: T[]; cut?: string } {
  const { lines, cut } = readJsonLines(text, file);
  return {
    records: lines.map(({ number, value }) => checkRecord(kind, value, `${file}: line ${number}`)),
    ...(cut !== undefined && { cut }),
  };
}

/** The same of a file's bytes, UTF-8 or UTF-16. A last line that was cut inside a letter does not make the others unreadable. */
export const readRecordBytes = <T>(
  bytes: Uint8Array,
  kind: RecordKind<T>,
  file: string,
): { records: T[]; cut?: string } => readRecordLines(textOf(bytes, file), kind, file);

const LINE_FEED = 0x0a;

function textOf(bytes: Uint8Array, file: string): string {
  if (isUtf16(bytes)) return decodeText(bytes, file);
  const end = bytes.lastIndexOf(LINE_FEED) + 1;
  // One that is whole was not cut: it is in another encoding, and refused as any line is.
  if (isJson(new TextDecoder().decode(bytes.subarray(end)))) return decodeText(bytes, file);
  return decodeText(bytes.subarray(0, end), file) + new TextDecoder().decode(bytes.subarray(end));
}
