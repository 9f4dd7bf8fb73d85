/** JSON Lines: one JSON value a line. */
import { WinnowError } from '../../shared/errors.ts';

export function formatJsonl(values: readonly unknown[]): string {
  return values.map((value) => `${JSON.stringify(value)}\n`).join('');
}

/** Empty lines are skipped; a line that is not JSON is named by its number. A last line without its line feed (a write that was cut
 *  short) is skipped only if `allowCut`. */
export function parseJsonl(
  text: string,
  { file = 'The file', allowCut = false }: { file?: string; allowCut?: boolean } = {},
): unknown[] {
  const lines = text.split('\n');
  return lines.flatMap((line, i): unknown[] => {
    if (line.trim() === '') return [];
    try {
      return [JSON.parse(line) as unknown];
    } catch {
      if (allowCut && i === lines.length - 1) return [];
      throw new WinnowError(
        'BadFile',
        `${file}: line ${i + 1} is not JSON.`,
        'Choose a JSONL file, one JSON value a line.',
      );
    }
  });
}
