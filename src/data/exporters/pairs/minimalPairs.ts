/** The few columns that every script reads, and behind them what the rows said when they came. */
import { column, type ParquetColumn } from '../../formats/parquet.ts';
import type { ToWrite } from './exporter.ts';
import { endingOf, type Field, fieldsOf, type JudgedPair, pictureOf } from './judged.ts';
import { parquetExporter, type Table } from './parquetTable.ts';
import { whole } from './pickapic.ts';

export const minimalPairsExporter = parquetExporter(
  {
    title: 'Pairs',
    what: 'parquet with caption, jpg_0, jpg_1 and label_0, and what else the rows said when they came',
    ties: true,
  },
  ({ source, rows }: ToWrite): Table => {
    const own = [column.string('caption'), column.binary('jpg_0'), column.binary('jpg_1'), column.double('label_0')];
    const others = otherColumns(rows, own);
    return {
      columns: [...own, ...others.columns],
      row: async (judged) => ({
        caption: judged.pair.prompt,
        jpg_0: await pictureOf(source.files, judged.pair.images[0]),
        jpg_1: await pictureOf(source.files, judged.pair.images[1]),
        label_0: judged.label0,
        ...others.of(judged),
      }),
    };
  },
);

export const chosenExporter = parquetExporter(
  {
    title: 'Chosen and rejected',
    what: 'parquet with prompt, chosen and rejected, which datasets opens as pictures',
    ties: false,
  },
  ({ source, rows }: ToWrite): Table => {
    const own = [column.string('prompt'), column.image('chosen'), column.image('rejected')];
    const others = otherColumns(rows, own);
    const image = async ({ pair }: JudgedPair, index: number, which: number, name: string): Promise<unknown> => {
      const picture = pair.images[which]!;
      return { bytes: await pictureOf(source.files, picture), path: `${index}-${name}${endingOf(picture)}` };
    };
    return {
      columns: [...own, ...others.columns],
      features: {
        prompt: { dtype: 'string', _type: 'Value' },
        chosen: { _type: 'Image' },
        rejected: { _type: 'Image' },
        ...others.features,
      },
      row: async (judged, index) => {
        const winner = judged.label0 === 1 ? 0 : 1;
        return {
          prompt: judged.pair.prompt,
          chosen: await image(judged, index, winner, 'chosen'),
          rejected: await image(judged, index, 1 - winner, 'rejected'),
          ...others.of(judged),
        };
      },
    };
  },
);

interface OtherColumns {
  columns: ParquetColumn[];
  features: Record<string, unknown>;
  of(judged: JudgedPair): Record<string, unknown>;
}

/** Every field of any row, in the type that holds all its values. */
function otherColumns(rows: readonly JudgedPair[], own: readonly ParquetColumn[]): OtherColumns {
  const kinds = new Map<string, Kind>();
  for (const judged of rows)
    for (const [name, value] of Object.entries(fieldsOf(judged))) {
      if (own.some((one) => one.name === name)) continue;
      const before = kinds.get(name);
      const kind = kindOf(value);
      kinds.set(
        name,
        before === undefined || before === 'null' ? kind : kind === 'null' ? before : widened(before, kind),
      );
    }
  const written = [...kinds].map(([name, kind]) => ({ name, ...writers[kind] }));
  return {
    columns: written.map(({ name, make }) => make(name)),
    features: Object.fromEntries(written.map(({ name, dtype }) => [name, { dtype, _type: 'Value' }])),
    of(judged) {
      const fields = fieldsOf(judged);
      return Object.fromEntries(
        written.map(({ name, value }) => [name, (fields[name] ?? null) === null ? null : value(fields[name]!)]),
      );
    },
  };
}

type Kind = 'null' | 'boolean' | 'int64' | 'double' | 'string';

const kindOf = (value: Field): Kind => {
  if (value === null) return 'null';
  if (typeof value === 'boolean') return 'boolean';
  if (typeof value === 'string') return 'string';
  return Number.isSafeInteger(value) ? 'int64' : 'double';
};

const widened = (a: Kind, b: Kind): Kind =>
  a === b ? a : [a, b].every((kind) => kind === 'int64' || kind === 'double') ? 'double' : 'string';

const asText = { make: column.string, dtype: 'string', value: String };
const writers: Record<Kind, { make(name: string): ParquetColumn; dtype: string; value(field: Field): unknown }> = {
  null: asText,
  string: asText,
  boolean: { make: column.boolean, dtype: 'bool', value: Boolean },
  int64: { make: column.int64, dtype: 'int64', value: whole },
  double: { make: column.double, dtype: 'float64', value: Number },
};
