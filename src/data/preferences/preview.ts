/** What a person sees before anything is stored: the first rows with their pictures, which column is which, how many rows give a pair, are tied, are
 *  refused and why, and how much room it takes. Pictures are read of the first rows alone. */
import type { Answer } from '../../records/labels.ts';
import { answerAsShown, type Label } from '../labels.ts';
import type { RefusedRow } from './importing.ts';
import type { Found, PreferenceSet } from './open.ts';
import { type Comparison, type Field, type FormatName, Refused, type Vote } from './preference.ts';
import { lookAt, type LookedAt, signedBy } from './storing.ts';
import { answerOf, countRaters, voicesOf } from './tally.ts';

export interface PreviewRow {
  file: string;
  row: number;
  prompt: string;
  /** Each with its bytes, to be shown; or why it cannot be taken. */
  pictures: (LookedAt | { problem: string })[];
  votes: readonly Vote[];
  /** What else the row says. */
  fields: Comparison['fields'];
}

export interface Preview {
  format: FormatName;
  title: string;
  files: { file: string; split: string; rows: number | null; bytes: number }[];
  splits: readonly string[];
  /** Of the first file; what a field may be read from. */
  columns: readonly string[];
  mapping: { field: Field; theirs: string | undefined }[];
  first: PreviewRow[];
  /** Comparisons that were counted, and of how many: null where that is not known without reading all. */
  counted: number;
  total: number | null;
  /** Among those that were counted; pictures, which are not looked at yet, may take more away. */
  usable: number;
  ties: number;
  refused: RefusedRow[];
  raters: number;
  prompts: number;
  /** Among prompts that were counted. */
  tooLong: number;
  /** Bytes that the pictures take, as far as they are known without reading them. */
  bytesNeeded: number | null;
  notes: readonly string[];
}

export interface PreviewOptions {
  /** Rows that are shown with their pictures. */
  rows?: number;
  /** Rows that are counted at most. */
  count?: number;
  skip?: number | undefined;
  limit?: number | undefined;
  rater?: string | undefined;
  /** How many of these prompts have more tokens than the model reads. */
  countTooLong?: ((prompts: readonly string[]) => Promise<number>) | undefined;
  signal?: AbortSignal | undefined;
}

/** Refused rows that are listed. */
const LISTED = 200;

/** Rejects with what is wrong with a file. */
export async function previewPreferences(
  set: PreferenceSet,
  { rows = 8, count = 50_000, skip = 0, limit = Infinity, rater, countTooLong, signal }: PreviewOptions = {},
): Promise<Preview> {
  const preview: Preview = {
    format: set.format.name,
    title: set.format.title,
    files: set.sources.map(({ file, split, table }) => ({ file, split, rows: table.count, bytes: table.bytes })),
    splits: set.splits,
    columns: set.sources[0]?.table.columns ?? [],
    mapping: set.format.fields.map((field) => ({ field, theirs: set.sources[0]?.mapping.get(field.ours) })),
    first: [],
    counted: 0,
    total: null,
    usable: 0,
    ties: 0,
    refused: [],
    raters: 0,
    prompts: 0,
    tooLong: 0,
    bytesNeeded: null,
    notes: set.notes,
  };
  const refuse = (found: Found, reason: string): void => {
    const { file } = set.sources[found.source]!;
    if (preview.refused.length < LISTED) preview.refused.push({ row: found.row, reason, file });
  };
  let seen = 0;
  let shownBytes = 0;
  /** Rows whose pictures cannot be taken, by their place among those that are read. */
  const lost = new Map<number, string>();
  for await (const found of set.read({ skip, limit: Math.min(rows, limit), signal })) {
    seen++;
    if (found.comparison === undefined) continue;
    const row = await lookedAtRow(set, found, found.comparison);
    preview.first.push(row);
    for (const picture of row.pictures) if ('bytes' in picture) shownBytes += picture.bytes.length;
    const problem = row.pictures.find((picture) => 'problem' in picture);
    if (problem && 'problem' in problem) lost.set(seen - 1, problem.problem);
  }
  const raters = new Set<string>();
  const prompts = new Set<string>();
  const most = Math.min(count, limit);
  for await (const found of set.read({ skip, limit: most, counting: true, signal })) {
    const why = found.refused ?? lost.get(preview.counted);
    preview.counted++;
    if (found.comparison === undefined || why !== undefined) {
      refuse(found, why!);
      continue;
    }
    const { prompt, votes, own } = found.comparison;
    const voices = own
      ? voicesOf(own.events)
      : votes.map((vote) => ({ by: signedBy(rater ?? vote.rater), answer: asShown(vote) }));
    voices.forEach(({ by }) => raters.add(by));
    const answer = answerOf(voices);
    if (answer === 'left' || answer === 'right') preview.usable++;
    else if (answer === 'tie') preview.ties++;
    prompts.add(prompt);
  }
  preview.raters = countRaters(raters);
  preview.prompts = prompts.size;
  preview.tooLong = (await countTooLong?.([...prompts])) ?? 0;
  const all = !set.format.rankings && set.rows !== null ? Math.max(0, set.rows - skip) : null;
  preview.total = preview.counted < most ? preview.counted : all === null ? null : Math.min(limit, all);
  preview.bytesNeeded = bytesNeeded(set, preview, seen === 0 ? null : shownBytes / seen);
  return preview;
}

async function lookedAtRow(set: PreferenceSet, { source, row }: Found, comparison: Comparison): Promise<PreviewRow> {
  const looked = async (i: 0 | 1): Promise<LookedAt | { problem: string }> => {
    try {
      return await lookAt(comparison.pictures[i], `picture ${i}`);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return { problem: error.message };
    }
  };
  const { prompt, votes, fields } = comparison;
  return { file: set.sources[source]!.file, row, prompt, pictures: [await looked(0), await looked(1)], votes, fields };
}

const asShown = ({ answer, shownLeft = 0 }: Vote): Answer => answerAsShown({ answer, shownLeft } as Label, 0);

/** By the columns of pictures, where a file says how large they are; else by those that were seen. */
function bytesNeeded(set: PreferenceSet, { total }: Preview, each: number | null): number | null {
  const pictures = set.format.fields.filter(({ is }) => is === 'picture').map(({ ours }) => ours);
  const inFiles = set.sources.reduce(
    (sum, { table, mapping }) =>
      sum + pictures.reduce((bytes, ours) => bytes + (table.bytesOf?.(mapping.get(ours) ?? '') ?? 0), 0),
    0,
  );
  const share = total === null || !set.rows ? 1 : Math.min(1, total / set.rows);
  const seen = each === null || total === null ? null : Math.round(each * total);
  // Columns of paths are small, whatever they lead to.
  return inFiles === 0 ? seen : Math.max(Math.round(inFiles * share), seen !== null && seen > 4 * inFiles ? seen : 0);
}
