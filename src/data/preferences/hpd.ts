/** Human Preference Datasets: version 2's pairs (`human_preference`) and rankings (`rank`, lower is better, with each annotator's own), version 3's
 *  pairs, whose first picture is the preferred one. */
import type { Answer } from '../../records/labels.ts';
import { isRecord } from '../../shared/json.ts';
import { cellOf } from '../formats/rows.ts';
import { isNothing, listOf, numberOf, plain, promptOf } from './cells.ts';
import { raterOf } from './pairs.ts';
import {
  type Comparison,
  type PreferenceFormat,
  type ReadOptions,
  Refused,
  type Row,
  type Vote,
} from './preference.ts';
import { pairsOfRanking } from './rankings.ts';

export const hpdFormat: PreferenceFormat = {
  name: 'hpd',
  title: 'HPD',
  what: 'HPDv2 train.json and test.json with their pictures, HPDv3 JSON; rankings become pairs',
  fields: [
    { ours: 'prompt', what: 'the prompt', theirs: ['prompt', 'caption', 'text'], is: 'prompt', needed: true },
    {
      ours: 'images',
      what: 'the pictures of a prompt, in a list',
      theirs: ['file_path', 'image_path', 'image_paths', 'images', 'image'],
      is: 'picture',
      needed: ['path1'],
    },
    { ours: 'path1', what: 'the preferred picture', theirs: ['path1', 'image1', 'path_1'], is: 'picture' },
    { ours: 'path2', what: 'the other one', theirs: ['path2', 'image2', 'path_2'], is: 'picture' },
    {
      ours: 'human_preference',
      what: '1 for the preferred one, 0 for others',
      theirs: ['human_preference', 'human_preferences'],
      is: 'label',
    },
    { ours: 'rank', what: 'places, 1 is best', theirs: ['rank', 'ranking', 'ranks'], is: 'label' },
    {
      ours: 'raw_annotations',
      what: "each annotator's ranking",
      theirs: ['raw_annotations', 'annotations'],
      is: 'label',
    },
    { ours: 'choice_dist', what: 'votes for each of two', theirs: ['choice_dist'], is: 'more' },
    { ours: 'model1', what: 'what made the preferred one', theirs: ['model1', 'model_1'], is: 'more' },
    { ours: 'model2', what: 'what made the other one', theirs: ['model2', 'model_2'], is: 'more' },
  ],
  rankings: true,
  recognise: (columns, first) =>
    (columns.has('path1') && columns.has('path2')) ||
    columns.has('human_preference') ||
    columns.has('raw_annotations') ||
    (columns.has('image_path') && first.some((row) => Array.isArray(row['image_path']) && Array.isArray(row['rank']))),
  read: async ([row], options) =>
    row!.column('path1') === undefined ? readGroup(row!, options) : [await readThird(row!)],
};

async function readThird(row: Row): Promise<Comparison> {
  const votes = listOf(row.cell('choice_dist'))?.map(numberOf);
  const maker = (name: string): string | undefined =>
    isNothing(row.cell(name)) ? undefined : String(plain(row.cell(name)));
  // Whoever made the set says who won; where nobody did, it is a tie.
  const tie = votes?.length === 2 && votes[0] !== null && votes[0] === votes[1];
  return {
    prompt: await promptOf(row.cell('prompt')),
    pictures: [row.picture(row.cell('path1'), 'path1'), row.picture(row.cell('path2'), 'path2')],
    madeWith: [maker('model1'), maker('model2')],
    votes: [{ answer: tie ? 'tie' : 'left' }],
    fields: row.rest(),
  };
}

async function readGroup(row: Row, options: ReadOptions): Promise<Comparison[]> {
  const prompt = await promptOf(row.cell('prompt'));
  const pictures = await picturesOf(row);
  const preferred = listOf(row.cell('human_preference'));
  const ranks = preferred
    ? numbers(preferred, pictures.length, 'human_preference').map((value) => -value)
    : numbers(listOf(row.cell('rank')), pictures.length, row.column('rank') ?? 'rank');
  const raters: { rater: string | undefined; ranks: number[] }[] = [];
  for (const said of listOf(row.cell('raw_annotations')) ?? []) {
    if (!isRecord(said)) continue;
    const own = listOf(said['rank'])?.map(numberOf) ?? [];
    if (own.length !== pictures.length || own.includes(null)) continue;
    raters.push({ rater: (await raterOf(said['user_hash'])) ?? undefined, ranks: own as number[] });
  }
  return comparisonsOf(row, { prompt, pictures, ranks, raters, ...options });
}

/** Cells of the pictures of a list, at least two. */
export async function picturesOf(row: Row): Promise<unknown[]> {
  const cell = await cellOf(row.cell('images'));
  const pictures = listOf(cell);
  if (!pictures) throw new Refused(isNothing(cell) ? 'it has no pictures' : `its ${row.column('images')} is no list`);
  if (pictures.length < 2) throw new Refused(`it has ${pictures.length === 0 ? 'no picture' : 'one picture alone'}`);
  return pictures;
}

export function numbers(list: readonly unknown[] | null, length: number, name: string): number[] {
  if (!list || list.length === 0) throw new Refused(`it has no label (${name} is empty)`);
  if (list.length !== length) throw new Refused(`it has ${length} pictures and ${list.length} entries in ${name}`);
  const found = list.map(numberOf);
  if (found.includes(null)) throw new Refused(`its ${name} holds something that is no number`);
  return found as number[];
}

interface Ranking extends ReadOptions {
  prompt: string;
  /** Cells. */
  pictures: readonly unknown[];
  /** Lower is better. */
  ranks: readonly number[];
  /** Whose rankings these are, where that is known; `ranks` is what they come to. */
  raters?: readonly { rater: string | undefined; ranks: readonly number[] }[];
  fields?: readonly Comparison['fields'][];
}

/** Pairs of one ranking, each in the order of its pictures. */
export function comparisonsOf(
  row: Row,
  { prompt, pictures, ranks, raters = [], perGroup, fields = [] }: Ranking,
): Comparison[] {
  const rest = row.rest();
  return pairsOfRanking(ranks, perGroup).map((pair) => {
    const [a, b] = pair.toSorted((x, y) => x - y) as [number, number];
    const answer = (of: readonly number[]): Answer => (of[a]! < of[b]! ? 'left' : of[a]! > of[b]! ? 'right' : 'tie');
    const votes: Vote[] = raters.map(({ rater, ranks: own }) => ({ answer: answer(own), rater }));
    return {
      prompt,
      pictures: [row.picture(pictures[a], `picture ${a}`), row.picture(pictures[b], `picture ${b}`)],
      votes: [...votes, { answer: answer(ranks) }],
      fields: {
        ...rest,
        ...suffixed(fields[a], 0),
        ...suffixed(fields[b], 1),
        index_0: a,
        index_1: b,
        rank_0: ranks[a]!,
        rank_1: ranks[b]!,
      },
    };
  });
}

const suffixed = (fields: Comparison['fields'] = {}, side: 0 | 1): Comparison['fields'] =>
  Object.fromEntries(Object.entries(fields).map(([name, value]) => [`${name}_${side}`, value]));
