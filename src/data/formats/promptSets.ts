/** Prompt sets as the field hands them round, with their categories: tables with a header (PartiPrompts, DrawBench), JSON and JSON lines (HPDv2's
 *  styles, ImageReward's, GenEval's), and plain lists. Which of them a file is, its content says. */
import { WinnowError } from '../../shared/errors.ts';
import { isRecord, parseJson } from '../../shared/json.ts';
import { byteRanges } from './bytes.ts';
import { CsvTable } from './csvRows.ts';
import { isJson, readJsonLines } from './jsonl.ts';
import { checkPrompt, parsePrompts } from './promptList.ts';
import { decodeText } from './text.ts';

export interface ListedPrompt {
  prompt: string;
  /** As the set has it; it says so of none, or of nearly all. */
  category?: string;
}

/** Of columns and fields, in any case. */
const promptNames = ['prompt', 'prompts', 'caption', 'text'];
const categoryNames = ['category', 'categories', 'style', 'tag'];

const fieldOf = (names: readonly string[], wanted: readonly string[]): string | undefined =>
  wanted.flatMap((name) => names.filter((one) => one.trim().toLowerCase() === name))[0];

/** Whether a text begins with the header of a table that names prompts; a file that is called a table may have prompts alone. */
const isTable = (text: string, file: string): boolean =>
  /^\uFEFF?\s*"?prompts?"?[ ]*[\t,;|][ ]*"?[a-z]/i.test(text) ||
  /^\uFEFF?[^\n]*\t"?prompts?"?\s*(\t|\r?\n)/i.test(text) ||
  (/\.(tsv|csv)$/i.test(file) && tableHead.test(text.split(/\r\n|\r|\n/, 1)[0]!));

/** Of a file that is called a table: more columns than one, or one that is called as prompts are. */
const tableHead = new RegExp(`[\\t,;|]|^\\uFEFF?\\s*"?(${promptNames.join('|')})"?\\s*$`, 'i');

/** Reads prompts of a file of any of these forms. Throws BadFile, MissingColumns, BadPrompt.
 *  @param bytes the whole file; @param file its name, for errors, and as the category of a JSON list of strings (`anime.json`). */
export async function readPromptSet(bytes: Uint8Array, file: string): Promise<ListedPrompt[]> {
  const text = decodeText(bytes, file);
  const found: ListedPrompt[] =
    isJsonText(text) || (/\.jsonl?$/i.test(file) && text.trim() !== '')
      ? promptsOfJson(text, file)
      : isTable(text, file)
        ? await promptsOfTable(text, file)
        : parsePrompts(text, file).map((prompt) => ({ prompt }));
  const named = found
    .map(({ prompt, category }) => ({
      prompt: prompt.trim(),
      ...(category?.trim() && { category: category.trim().slice(0, MAX_CATEGORY) }),
    }))
    .filter(({ prompt }) => prompt !== '');
  if (named.length === 0)
    throw new WinnowError('BadFile', `${file} holds no prompts.`, 'Write one prompt on each line, or one a row.');
  for (const { prompt } of named) checkPrompt(prompt);
  return named;
}

const MAX_CATEGORY = 100;

const isJsonText = (text: string): boolean => {
  const whole = text.replace(/^\uFEFF/, '').trim();
  return /^[[{]/.test(whole) && (isJson(whole) || isJson(whole.split('\n', 1)[0]!));
};

function promptsOfJson(text: string, file: string): ListedPrompt[] {
  const whole = text.replace(/^\uFEFF/, '').trim();
  const lines = !isJson(whole) && (isJson(whole.split('\n', 1)[0]!) || /\.jsonl$/i.test(file));
  const value = lines ? readJsonLines(text, file).lines.map((line) => line.value) : parseJson(whole, { file });
  if (Array.isArray(value)) return listed(value, file, nameWithin(file));
  // `{"anime": ["…"], "photo": […]}`, or the list under a name.
  if (isRecord(value)) {
    const lists = Object.entries(value).filter((entry): entry is [string, unknown[]] => Array.isArray(entry[1]));
    if (lists.length === 1) return listed(lists[0]![1], file);
    if (lists.length > 0) return lists.flatMap(([category, list]) => listed(list, file, category));
    if (fieldOf(Object.keys(value), promptNames)) return listed([value], file);
  }
  throw noPrompts(file, isRecord(value) ? Object.keys(value) : []);
}

/** `benchmark/concept-art.json` → concept-art. */
const nameWithin = (file: string): string => file.replace(/^.*[\\/]/, '').replace(/\.[^.]*$/, '');

/** @param category of strings, which name none. */
function listed(list: readonly unknown[], file: string, category?: string): ListedPrompt[] {
  if (list.every((one) => typeof one === 'string'))
    return list.map((prompt) => ({ prompt, ...(category !== undefined && { category }) }));
  return list.map((one, i) => {
    const names = isRecord(one) ? Object.keys(one) : [];
    const prompt = isRecord(one) ? one[fieldOf(names, promptNames) ?? ''] : undefined;
    if (typeof prompt !== 'string') {
      if (i === 0) throw noPrompts(file, names);
      throw new WinnowError('BadFile', `${file}: entry ${i + 1} has no prompt.`, 'Give each one, as the first has it.');
    }
    const own = (one as Record<string, unknown>)[fieldOf(names, categoryNames) ?? ''];
    return { prompt, ...(typeof own === 'string' && { category: own }) };
  });
}

async function promptsOfTable(text: string, file: string): Promise<ListedPrompt[]> {
  const { columns, rows } = tabbed(text) ?? (await separated(text, file));
  const at = columns.indexOf(fieldOf(columns, promptNames) ?? '');
  if (at < 0) throw noPrompts(file, columns);
  const categoryAt = columns.indexOf(fieldOf(columns, categoryNames) ?? '');
  return rows.map((cells) => ({
    prompt: cells[at]!,
    ...(categoryAt >= 0 && { category: cells[categoryAt]! }),
  }));
}

interface Rows {
  columns: string[];
  rows: string[][];
}

/** Cells between tabs as they stand, where every line has as many: PartiPrompts begins a prompt with a quote that ends in its middle. */
function tabbed(text: string): Rows | null {
  const [header, ...lines] = text
    .replace(/^\uFEFF/, '')
    .split(/\r\n|\r|\n/)
    .filter((line) => line.trim() !== '')
    .map((line) => line.split('\t').map(unquoted));
  if (!header || header.length < 2 || lines.some((cells) => cells.length !== header.length)) return null;
  return { columns: header, rows: lines };
}

const unquoted = (cell: string): string =>
  /^"(?:[^"]|"")*"$/.test(cell) ? cell.slice(1, -1).replaceAll('""', '"') : cell;

/** As RFC 4180 has it, whatever separates. */
async function separated(text: string, file: string): Promise<Rows> {
  const table = await CsvTable.open({ name: file, ...byteRanges(new TextEncoder().encode(text)) });
  const rows: string[][] = [];
  for await (const { row, cells, problem } of table.rows()) {
    if (problem !== undefined)
      throw new WinnowError('BadFile', `${file}: row ${row + 1} cannot be read: ${problem}.`, 'Export it again.');
    rows.push(table.columns.map((name) => String(cells[name])));
  }
  return { columns: [...table.columns], rows };
}

const noPrompts = (file: string, names: readonly string[]): WinnowError =>
  new WinnowError(
    'MissingColumns',
    `${file} names no prompts${names.length > 0 ? ` (it has ${names.slice(0, 8).join(', ').slice(0, 200)})` : ''}.`,
    `Call the column or field ${promptNames.slice(0, 3).join(', ')} or ${promptNames.at(-1)}.`,
  );
