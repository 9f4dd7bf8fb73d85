/** Our own data, with all that is known of it: a folder with pairs.jsonl and labels.jsonl, or label events that say what they are about. Records,
 *  who judged, what was taken back and where a pair came from stay as they are. */
import { labelKind, pairKind, problemsOf } from '../../records/kinds.ts';
import type { LabelEvent } from '../../records/labels.ts';
import type { PairRecord } from '../../records/pairs.ts';
import { isRecord } from '../../shared/json.ts';
import { cellOf, Later, type Table, type TableRow } from '../formats/rows.ts';
import { promptOf } from './cells.ts';
import { openFile, type Place } from './places.ts';
import { type OwnData, type PreferenceFormat, Refused } from './preference.ts';
import { openTable } from './tables.ts';

const PAIRS = 'pairs.jsonl';
const LABELS = 'labels.jsonl';

export const winnowFormat: PreferenceFormat = {
  name: 'winnow',
  title: "Winnow's own",
  what: 'a pairs folder (pairs.jsonl, labels.jsonl, pictures and latents), or label events of the studio; with raters and origin',
  fields: [
    { ours: 'id', what: "the pair's id", theirs: [], is: 'more', needed: true },
    { ours: 'prompt', what: 'the prompt', theirs: [], is: 'prompt', needed: true },
    { ours: 'images', what: 'two pictures', theirs: [], is: 'picture', needed: true },
  ],
  recognise: () => false,
  tables,
  read: async ([row]) => {
    const own = (await cellOf(row!.cells['own'])) as OwnData;
    const prompt = await promptOf(own.pair.prompt);
    const picture = (i: 0 | 1) => ({
      read: async () => {
        const { file } = own.pair.images[i];
        const found = await own.open(file);
        if (!found) throw new Refused(`its picture is not there (${file})`);
        return found.read(0, found.size);
      },
    });
    return [{ prompt, pictures: [picture(0), picture(1)], votes: [], fields: {}, own }];
  },
};

async function tables(place: Place): Promise<{ table: Table; file: string }[] | undefined> {
  const nameOf = (file: string): string => file.split('/').at(-1)!;
  const pairs = place.files.filter((file) => nameOf(file) === PAIRS);
  const found: { table: Table; file: string }[] = [];
  for (const file of pairs) {
    const table = await ofFolder(place, file);
    if (table) found.push({ file, table });
  }
  if (found.length > 0) return found;
  for (const file of place.files.filter((one) => /\.jsonl$/i.test(one)).slice(0, 100)) {
    const table = await eventsTable(place, file);
    if (table) found.push({ file, table });
  }
  return found.length > 0 ? found : undefined;
}

/** Undefined where others call their pairs so, too. */
async function ofFolder(place: Place, file: string): Promise<Table | undefined> {
  const folder = file.slice(0, -PAIRS.length);
  const table = await openTable(await openFile(place, file));
  if (table.columns.length > 0 && !['id', 'images'].some((name) => table.columns.includes(name))) return undefined;
  const events = new Map<string, LabelEvent[]>();
  const labels = await place.open(folder + LABELS);
  if (labels && labels.size > 0) await collect(await openTable(await openFile(place, folder + LABELS)), events);
  return {
    ...asTable(table),
    // What was judged since is another import.
    mark: [...events.values()].flatMap((some) => some.map(({ id }) => id)).join('\n'),
    rows: (options) =>
      mapped(table.rows(options), ({ cells }) => {
        const problem = problemsOf(pairKind, cells);
        if (problem !== null) return `it is no pair (${problem})`;
        const pair = cells as unknown as PairRecord;
        return { pair, events: events.get(pair.id) ?? [], open: (path) => place.open(folder + path) };
      }),
  };
}

/** Events of the studio's own export, which say what they are about. */
async function eventsTable(place: Place, file: string): Promise<Table | undefined> {
  const table = await openTable(await openFile(place, file));
  if (!['type', 'pair', 'answer', 'shownLeft', 'images', 'prompt'].every((name) => table.columns.includes(name)))
    return undefined;
  const folder = file.slice(0, file.length - file.split('/').at(-1)!.length);
  const events = new Map<string, LabelEvent[]>();
  const pairs = new Map<string, Record<string, unknown>>();
  await collect(table, events, pairs);
  const records = [...pairs.values()];
  return {
    ...asTable(table),
    count: records.length,
    async *rows({ from = 0 } = {}) {
      yield* mapped(
        (async function* () {
          for (let row = from; row < records.length; row++) yield { row, cells: records[row]! };
        })(),
        ({ cells }) => {
          const problem = problemsOf(pairKind, cells);
          if (problem !== null) return `it is no pair (${problem})`;
          const pair = cells as unknown as PairRecord;
          return { pair, events: events.get(pair.id) ?? [], open: (path) => place.open(folder + path) };
        },
      );
    },
  };
}

/** Events by their pair, what took them back among them. */
async function collect(
  table: Table,
  events: Map<string, LabelEvent[]>,
  pairs?: Map<string, Record<string, unknown>>,
): Promise<void> {
  const pairOf = new Map<string, string>();
  for await (const { cells } of table.rows()) {
    if (problemsOf(labelKind, cells) !== null) continue;
    const { prompt, images, asked, winner: _, ...rest } = cells;
    const event = (pairs ? rest : cells) as unknown as LabelEvent;
    const pair = event.type === 'label' ? event.pair : pairOf.get(event.label);
    if (pair === undefined) continue;
    pairOf.set(event.id, pair);
    events.set(pair, [...(events.get(pair) ?? []), event]);
    if (pairs && event.type === 'label' && !pairs.has(pair))
      pairs.set(pair, {
        id: pair,
        prompt,
        images,
        origin: originOf(images),
        ...(asked !== undefined && { asked }),
        createdAt: event.at,
      });
  }
}

const originOf = (images: unknown): PairRecord['origin'] =>
  Array.isArray(images) && images.some((image) => isRecord(image) && image['foreign'] === true) ? 'imported' : 'seeds';

const asTable = ({ name, count, bytes }: Table): Omit<Table, 'rows'> => ({
  name,
  count,
  bytes,
  columns: ['id', 'prompt', 'images', 'origin', 'createdAt', 'source'],
});

/** Rows with what is ours in them, or why it is not. */
async function* mapped(
  rows: AsyncIterable<TableRow>,
  own: (row: TableRow) => OwnData | string,
): AsyncGenerator<TableRow> {
  for await (const row of rows) {
    const found = row.problem ?? own(row);
    yield typeof found === 'string'
      ? { row: row.row, cells: {}, problem: found }
      : { row: row.row, cells: { ...row.cells, own: new Later(async () => found) } };
  }
}
