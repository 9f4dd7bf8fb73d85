/** Pick-a-Pic's table, its 19 columns in their order and types: what the scripts of the paper read. Rows that came in one go out as they came. */
import { column, type ParquetRow } from '../../formats/parquet.ts';
import { raterKindOf } from '../../../records/raters.ts';
import type { ToWrite } from './exporter.ts';
import { bestUid, type Field, fieldsOf, type JudgedPair, modelNameOf, pictureOf } from './judged.ts';
import { parquetExporter, type Table } from './parquetTable.ts';

const { binary, boolean, double, int64, string, timestamp } = column;

/** As pandas wrote them: by name, the index behind. */
const columns = [
  boolean('are_different'),
  string('best_image_uid'),
  string('caption'),
  timestamp('created_at'),
  boolean('has_label'),
  string('image_0_uid'),
  string('image_0_url'),
  string('image_1_uid'),
  string('image_1_url'),
  binary('jpg_0'),
  binary('jpg_1'),
  double('label_0'),
  double('label_1'),
  string('model_0'),
  string('model_1'),
  int64('ranking_id'),
  int64('user_id'),
  int64('num_example_per_prompt'),
  int64('__index_level_0__'),
];

export const pickapicExporter = parquetExporter(
  {
    title: 'Pick-a-Pic',
    what: "parquet with Pick-a-Pic's 19 columns, for the scripts of diffusers and Salesforce",
    ties: true,
  },
  table,
);

function table({ source, rows }: ToWrite): Table {
  const ofPrompt = new Map<string, number>();
  for (const { pair } of rows) ofPrompt.set(pair.prompt, (ofPrompt.get(pair.prompt) ?? 0) + 1);
  const raters = [...new Set(rows.map(({ label }) => label.by))];
  return {
    columns,
    async row(judged, index): Promise<ParquetRow> {
      const { pair, label, label0 } = judged;
      const [first, second] = pair.images;
      const said = fieldsOf(judged);
      const asItCame = raterKindOf(label.by) === 'import';
      /** As it came, where it came with one. */
      const kept = (name: string, own: Field): Field => (name in said ? said[name]! : own);
      const uids = [kept('image_0_uid', first.id), kept('image_1_uid', second.id)] as const;
      return {
        are_different: flag(kept('are_different', areDifferent(judged))),
        best_image_uid: text(kept('best_image_uid', bestUid(uids[0], uids[1], label0))),
        caption: pair.prompt,
        created_at: nanoseconds(asItCame ? kept('created_at', label.at) : label.at),
        has_label: flag(kept('has_label', label0 !== 0.5)),
        image_0_uid: text(uids[0]),
        image_0_url: text(kept('image_0_url', '')),
        image_1_uid: text(uids[1]),
        image_1_url: text(kept('image_1_url', '')),
        jpg_0: await pictureOf(source.files, first),
        jpg_1: await pictureOf(source.files, second),
        label_0: label0,
        label_1: 1 - label0,
        model_0: text(kept('model_0', modelNameOf(first))),
        model_1: text(kept('model_1', modelNameOf(second))),
        ranking_id: whole(kept('ranking_id', index)),
        user_id: whole(asItCame ? kept('user_id', raters.indexOf(label.by)) : raters.indexOf(label.by)),
        num_example_per_prompt: whole(kept('num_example_per_prompt', ofPrompt.get(pair.prompt)!)),
        __index_level_0__: whole(kept('__index_level_0__', index)),
      };
    },
  };
}

/** In Pick-a-Pic: made by different models. */
const areDifferent = ({ pair }: JudgedPair): boolean => modelNameOf(pair.images[0]) !== modelNameOf(pair.images[1]);

const text = (value: Field): string | null => (value === null ? null : String(value));
const flag = (value: Field): boolean | null =>
  value === null ? null : typeof value === 'string' ? /^(true|1)$/i.test(value) : Boolean(value);

const MAX_INT64 = 2n ** 63n - 1n;

export function whole(value: Field): bigint | null {
  if (typeof value === 'number') return Number.isInteger(value) ? inInt64(BigInt(value)) : null;
  return typeof value === 'string' && /^-?\d{1,19}$/.test(value) ? inInt64(BigInt(value)) : null;
}

const inInt64 = (value: bigint): bigint | null => (value <= MAX_INT64 && value >= -MAX_INT64 - 1n ? value : null);

/** Of ISO 8601, UTC where it says no zone, with up to nine digits behind the second. */
export function nanoseconds(value: Field): bigint | null {
  const [, point, digits = '', zone = 'Z'] =
    /^(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)?$/.exec(String(value)) ?? [];
  const seconds = point === undefined ? Number.NaN : Date.parse(`${point.replace(' ', 'T')}${zone}`);
  // 1677 to 2262 is what 64 bits of nanoseconds hold.
  return Number.isNaN(seconds) ? null : inInt64(BigInt(seconds) * 1_000_000n + BigInt(digits.padEnd(9, '0')));
}
