/** A row is a pair: Pick-a-Pic's 19 columns, and the four that the scripts of diffusers read.
 *  `label_0` is 1 where jpg_0 won, 0 where jpg_1 did, 0.5 for a tie; between them, the share of votes for jpg_0. */
import type { Cell } from '../formats/rows.ts';
import type { Answer } from '../../records/labels.ts';
import { isNothing, numberOf, plain, promptOf, textOf, timeOf } from './cells.ts';
import { type Comparison, type Field, type PreferenceFormat, Refused, type Row } from './preference.ts';

const fields: Field[] = [
  { ours: 'caption', what: 'the prompt', theirs: ['caption', 'prompt', 'text'], is: 'prompt', needed: true },
  {
    ours: 'jpg_0',
    what: 'the first picture',
    theirs: [
      'jpg_0',
      'image_0',
      'img_0',
      'image0',
      'img0',
      'jpg0',
      'image_0_path',
      'path_0',
      'image_a',
      'file_0',
      'img0_encoding',
    ],
    is: 'picture',
    needed: true,
  },
  {
    ours: 'jpg_1',
    what: 'the second picture',
    theirs: [
      'jpg_1',
      'image_1',
      'img_1',
      'image1',
      'img1',
      'jpg1',
      'image_1_path',
      'path_1',
      'image_b',
      'file_1',
      'img1_encoding',
    ],
    is: 'picture',
    needed: true,
  },
  {
    ours: 'label_0',
    what: '1 if the first won, 0 if the second did, 0.5 for a tie',
    theirs: ['label_0', 'label0', 'preference_0', 'label'],
    is: 'label',
    needed: ['label_1', 'votes_0'],
  },
  { ours: 'label_1', what: '1 - label_0', theirs: ['label_1', 'label1', 'preference_1'], is: 'label' },
  { ours: 'votes_0', what: 'votes for the first', theirs: ['img0_votes', 'votes0'], is: 'more' },
  { ours: 'votes_1', what: 'votes for the second', theirs: ['img1_votes', 'votes1'], is: 'more' },
  { ours: 'has_label', what: 'false where nobody preferred one', theirs: ['has_label'], is: 'more' },
  { ours: 'best_image_uid', what: 'which one won, by its uid', theirs: ['best_image_uid'], is: 'more' },
  { ours: 'image_0_uid', what: 'uid of the first picture', theirs: ['image_0_uid'], is: 'more' },
  { ours: 'image_1_uid', what: 'uid of the second picture', theirs: ['image_1_uid'], is: 'more' },
  { ours: 'model_0', what: 'what made the first picture', theirs: ['model_0', 'model0'], is: 'more' },
  { ours: 'model_1', what: 'what made the second picture', theirs: ['model_1', 'model1'], is: 'more' },
  { ours: 'rater', what: 'who judged', theirs: ['user_id', 'rater', 'annotator', 'user', 'worker_id'], is: 'more' },
  { ours: 'at', what: 'when', theirs: ['created_at', 'timestamp'], is: 'more' },
];

export const pickapicFormat: PreferenceFormat = {
  name: 'pickapic',
  title: 'Pick-a-Pic',
  what: "parquet with Pick-a-Pic's 19 columns: one file, many shards, or a folder as load_dataset lays it out",
  fields,
  recognise: (columns) =>
    ['caption', 'jpg_0', 'jpg_1', 'label_0'].every((name) => columns.has(name)) &&
    [
      'are_different',
      'best_image_uid',
      'has_label',
      'image_0_uid',
      'ranking_id',
      'user_id',
      'num_example_per_prompt',
    ].filter((name) => columns.has(name)).length >= 4,
  read: readPair,
};

export const pairsFormat: PreferenceFormat = {
  name: 'pairs',
  title: 'pairs',
  what: 'parquet, CSV or JSONL with caption, jpg_0, jpg_1, label_0: pictures as bytes, Image structs, or paths beside the file',
  fields,
  recognise: () => true,
  read: readPair,
};

async function readPair([row]: readonly Row[]): Promise<Comparison[]> {
  const one = row!;
  const prompt = await promptOf(one.cell('caption'));
  const share = shareOf(one);
  const fields = one.rest();
  if (share !== 0 && share !== 1 && share !== 0.5) fields['label_0'] = share;
  const maker = (name: string): string | undefined =>
    isNothing(one.cell(name)) ? undefined : String(plain(one.cell(name)) ?? '');
  return [
    {
      prompt,
      pictures: [one.picture(one.cell('jpg_0'), 'jpg_0'), one.picture(one.cell('jpg_1'), 'jpg_1')],
      madeWith: [maker('model_0'), maker('model_1')],
      votes: [
        { answer: answerOf(share), rater: (await raterOf(one.cell('rater'))) ?? undefined, at: timeOf(one.cell('at')) },
      ],
      fields,
    },
  ];
}

export const answerOf = (share: number): Answer => (share > 0.5 ? 'left' : share < 0.5 ? 'right' : 'tie');

export async function raterOf(cell: Cell): Promise<string | null> {
  if (isNothing(cell)) return null;
  const name = (await textOf(cell))?.trim();
  return name ? name : null;
}

/** Of the preference, for the first picture: 0 to 1. */
function shareOf(row: Row): number {
  const [zero, one] = [row.cell('label_0'), row.cell('label_1')];
  const name = isNothing(zero) && !isNothing(one) ? 'label_1' : 'label_0';
  const said = name === 'label_0' ? zero : one;
  if (isNothing(said)) return withoutLabel(row);
  const value = numberOf(said);
  if (value === null) throw new Refused(`its ${row.column(name)} is no number (${shown(said)})`);
  if (value < 0 || value > 1) throw new Refused(`its ${row.column(name)} is ${value}, and not from 0 to 1`);
  return name === 'label_0' ? value : 1 - value;
}

/** Others count votes, and Pick-a-Pic also names the winner. */
function withoutLabel(row: Row): number {
  const [zero, one] = [numberOf(row.cell('votes_0')), numberOf(row.cell('votes_1'))];
  if (zero !== null && one !== null && zero >= 0 && one >= 0 && zero + one > 0) return zero / (zero + one);
  const best = row.cell('best_image_uid');
  if (typeof best === 'string' && best !== '') {
    if (best === row.cell('image_0_uid')) return 1;
    if (best === row.cell('image_1_uid')) return 0;
    if (best === 'none' || best === 'tie') return 0.5;
  }
  throw new Refused(
    `it has no label (${row.column('label_0') ?? row.column('label_1') ?? row.column('votes_0')} is empty)`,
  );
}

const shown = (cell: Cell): string => JSON.stringify(String(plain(cell) ?? '').slice(0, 40));
