import { join } from 'node:path';
import {
  type Imported,
  importName,
  importPreferences,
  type PreferenceSink,
  type RefusedRow,
} from '../../data/preferences/importing.ts';
import { openPreferences, type PreferenceSet } from '../../data/preferences/open.ts';
import type { Place } from '../../data/preferences/places.ts';
import { type Preview, previewPreferences } from '../../data/preferences/preview.ts';
import { formatNames, formats } from '../../data/preferences/table.ts';
import type { PairSizing } from '../../records/pairs.ts';
import { fits } from '../../shared/fit.ts';
import { count, oneOf, required, size } from '../arguments.ts';
import { withEngine } from '../engine.ts';
import { outFolder } from '../fileErrors.ts';
import type { ModelRef } from '../../records/modelRef.ts';
import { parseModelRef } from '../modelRef.ts';
import { placeOf } from '../places.ts';
import { preferenceFolder } from '../preferenceFolder.ts';
import { Pace, table, type Terminal } from '../terminal.ts';
import { badArguments, defineVerb, type Outcome } from '../verb.ts';

/** Of one import. */
const MAX_ROWS = 1e9;
const MAX_PER_GROUP = 1000;
/** Refused rows that a person is shown. */
const SHOWN = 10;
/** Prompts that are cut into tokens at a time. */
const PROMPTS = 1000;

export const importVerb = defineVerb({
  name: 'import',
  summary: "take in preference data: the field's data sets, folders of pictures, exports of labelling tools",
  positionals: ['SOURCE...'],
  options: {
    out: { kind: 'text', value: 'PAIRS', help: 'pairs folder to make; the same command goes on where it stopped' },
    as: {
      kind: 'text',
      value: 'FORMAT',
      help: `${Object.values(formats)
        .map(({ name, what }) => `${name}: ${what}`)
        .join('; ')} (default: guessed from the content)`,
    },
    split: {
      kind: 'text',
      value: 'NAME',
      help: 'train, validation, test or another, as load_dataset finds it (default: all)',
    },
    where: { kind: 'list', value: 'COLUMN=VALUE', help: 'only rows that say so; of one column any of its values' },
    map: {
      kind: 'list',
      value: 'OURS=THEIRS',
      help: 'the column that a field is read from, where it has another name',
    },
    limit: { kind: 'text', value: 'N', help: 'rows to take in at most' },
    skip: { kind: 'text', value: 'N', help: 'rows to leave out first' },
    size: {
      kind: 'text',
      value: 'WxH',
      help: 'how large the pictures are to be where they train (they are kept as they came)',
    },
    fit: { kind: 'text', value: 'HOW', help: 'how they become that large: crop, pad or stretch' },
    model: { kind: 'text', value: 'MODEL', help: 'whose words count: says how many prompts it cuts off' },
    rater: { kind: 'text', value: 'ID', help: 'whose labels these are (default: as the data say)' },
    'per-group': {
      kind: 'text',
      value: 'K',
      help: 'pairs that one ranking gives at most (default: as many as it has pictures)',
    },
    preview: { kind: 'flag', help: 'only show what would come in; nothing is written' },
  },
  notes: [
    'SOURCE is a file, a folder (also one that load_dataset reads), or an address whose server gives ranges. Rows that give no pair are listed with',
    'their number (from 0) and the reason; pictures that a file names by path lie beside it, or in another SOURCE.',
  ],
  example: 'pickapic-folder --split train --where model_0=dreamlike --out pairs',
  async run(sources, values, terminal) {
    const as = values.as === undefined ? undefined : oneOf('as', values.as, formatNames);
    const rows = (name: 'limit' | 'skip'): number | undefined =>
      values[name] === undefined
        ? undefined
        : count(name, values[name], { min: name === 'skip' ? 0 : 1, max: MAX_ROWS });
    const range = { limit: rows('limit'), skip: rows('skip') };
    const perGroup =
      values['per-group'] === undefined ? undefined : count('per-group', values['per-group'], { max: MAX_PER_GROUP });
    const map = Object.fromEntries(values.map.map((text) => said('map', text)));
    const where = new Map<string, string[]>();
    for (const [column, value] of values.where.map((text) => said('where', text)))
      where.set(column, [...(where.get(column) ?? []), value]);
    const sizing = sizingOf(values.size, values.fit);
    if (values.rater !== undefined && !/^[^\s:][^:\n]{0,99}$/.test(values.rater))
      throw badArguments(`--rater is ${JSON.stringify(values.rater.slice(0, 60))}.`, 'Give a name without a colon.');
    const model = values.model === undefined ? undefined : parseModelRef(values.model);
    const out = values.preview ? undefined : required('out', values.out);

    const stop = new AbortController();
    terminal.onInterrupt(() => stop.abort());
    const { signal } = stop;
    const places: Place[] = [];
    for (const source of sources) places.push(await placeOf(source, signal));
    const set = await openPreferences(places, { as, split: values.split, where, map, perGroup });
    for (const note of set.notes) terminal.note(note);
    if (out === undefined) {
      const countTooLong = model && ((prompts: readonly string[]) => countCut(terminal, model, '.', prompts));
      const preview = await previewPreferences(set, { ...range, rater: values.rater, countTooLong, signal });
      return { json: withoutBytes(preview), text: shownPreview(preview) };
    }
    const folder = outFolder(out);
    const options = { ...range, rater: values.rater, sizing };
    const sink = preferenceFolder(folder, await importName(set, options), (text) => terminal.note(text));
    const pace = new Pace();
    const imported = await importPreferences(set, sink, {
      ...options,
      signal,
      onProgress: ({ done, total, pairs, refused }) =>
        terminal.status(
          `row ${done}${total === null ? '' : `/${total}`}, ${pairs} pairs, ${refused} refused${total === null ? '' : pace.left(done, total)}`,
          done === total,
        ),
    });
    const cut = model && (await cutPrompts(terminal, model, folder, sink.kept('')));
    return outcome(folder, set, imported, cut);
  },
});

/** `a=b`; the value may hold more of them, and may be empty. */
function said(option: string, text: string): [string, string] {
  const at = text.indexOf('=');
  if (at < 1)
    throw badArguments(
      `--${option} is ${JSON.stringify(text.slice(0, 60))}.`,
      option === 'map' ? 'Give OURS=THEIRS, as caption=prompt.' : 'Give COLUMN=VALUE, as model_0=dreamlike.',
    );
  return [text.slice(0, at), text.slice(at + 1)];
}

function sizingOf(wanted: string | undefined, fit: string | undefined): PairSizing | undefined {
  if (wanted === undefined && fit === undefined) return undefined;
  return {
    ...(wanted !== undefined && size('size', wanted)),
    ...(fit !== undefined && { fit: oneOf('fit', fit, fits) }),
  };
}

/** How many of the prompts the model's text encoders do not read to the end. */
async function countCut(
  terminal: Terminal,
  model: ModelRef,
  root: string,
  prompts: readonly string[],
): Promise<number> {
  let cut = 0;
  await withEngine(terminal, { base: model.base, root, gpu: false }, async (engine) => {
    for (let start = 0; start < prompts.length; start += PROMPTS) {
      const read = await engine.readPrompts(model, prompts.slice(start, start + PROMPTS));
      cut += read.filter(({ lost }) => lost !== '').length;
    }
  });
  return cut;
}

/** The same of what a folder holds. */
async function cutPrompts(
  terminal: Terminal,
  model: ModelRef,
  root: string,
  kept: ReturnType<PreferenceSink['kept']>,
): Promise<number> {
  const prompts = new Set<string>();
  for await (const one of kept) if ('pair' in one) prompts.add(one.pair.prompt);
  const cut = await countCut(terminal, model, root, [...prompts]);
  if (cut > 0)
    terminal.note(`${cut} of ${prompts.size} prompts are longer than ${model.base} reads; their ends do not count.`);
  return cut;
}

function outcome(folder: string, set: PreferenceSet, imported: Imported, cut: number | undefined): Outcome {
  const { pairs, usable, ties, refused, more, raters, prompts, format } = imported;
  const severalFiles = set.sources.length > 1;
  const reason = ({ reason: why, file }: RefusedRow): string => (severalFiles ? `${file}: ${why}` : why);
  const lines = [
    `${pairs} pairs in ${join(folder, 'pairs.jsonl')}, read as ${set.format.title} (${format})`,
    `${usable} with a preference, ${ties} ties; ${prompts} prompts, ${raters} ${raters === 1 ? 'rater' : 'raters'}`,
    ...(cut ? [`${cut} prompts are cut off by the model`] : []),
    ...refusedLines(refused, more, severalFiles),
  ];
  return {
    json: {
      pairs,
      usable,
      ties,
      refused: refused.map((one) => ({ row: one.row, reason: reason(one) })),
      raters,
      prompts,
      format,
    },
    text: lines.join('\n'),
  };
}

const refusedLines = (refused: readonly RefusedRow[], more: number, severalFiles: boolean): string[] =>
  refused.length === 0
    ? []
    : [
        `${refused.length + more} rows were refused:`,
        ...refused
          .slice(0, SHOWN)
          .map(({ row, reason, file }) => `  row ${row}${severalFiles ? ` of ${file}` : ''}: ${reason}`),
        ...(refused.length + more > SHOWN ? [`  and ${refused.length + more - SHOWN} more (--json lists them)`] : []),
      ];

const withoutBytes = (preview: Preview): unknown => ({
  ...preview,
  mapping: Object.fromEntries(preview.mapping.map(({ field, theirs }) => [field.ours, theirs ?? null])),
  first: preview.first.map((row) => ({
    ...row,
    pictures: row.pictures.map((picture) =>
      'problem' in picture ? picture : { ...picture.info, bytes: picture.bytes.length },
    ),
  })),
});

function shownPreview(preview: Preview): string {
  const { format, title, files, mapping, first, counted, total, usable, ties, refused, raters, prompts } = preview;
  const rows = first.map(({ row, prompt, pictures, votes }) => [
    `${row}`,
    JSON.stringify(prompt.length > 50 ? `${prompt.slice(0, 47)}...` : prompt),
    ...pictures.map((picture) =>
      'problem' in picture ? 'refused' : `${picture.info.width}x${picture.info.height} ${picture.info.type}`,
    ),
    votes.map(({ answer }) => answer).join(' '),
  ]);
  return [
    `${title} (${format}): ${files.length === 1 ? files[0]!.file : `${files.length} files`}${total === null ? '' : `, ${total} rows`}`,
    ...(preview.splits.length > 1 ? [`splits: ${preview.splits.join(', ')}`] : []),
    mapping.flatMap(({ field, theirs }) => (theirs === undefined ? [] : [`${field.ours}=${theirs}`])).join(', '),
    ...(rows.length > 0 ? [table([['row', 'prompt', 'picture 0', 'picture 1', 'answer'], ...rows])] : []),
    `of ${counted} rows that were counted: ${usable} with a preference, ${ties} ties, ${refused.length} refused, ${prompts} prompts, ${raters} raters`,
    ...refusedLines(refused, 0, files.length > 1),
    ...(preview.bytesNeeded === null ? [] : [`the pictures take about ${(preview.bytesNeeded / 1e6).toFixed(1)} MB`]),
    ...(preview.tooLong > 0 ? [`${preview.tooLong} prompts are longer than the model reads`] : []),
    'nothing was written',
  ].join('\n');
}
