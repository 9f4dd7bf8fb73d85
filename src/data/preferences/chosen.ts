/** A row is a winner and a loser: `prompt, chosen, rejected`, as preference data of language models are laid out; pictures may stand in a list of
 *  one. */
import { cellOf, type Cell, Later } from '../formats/rows.ts';
import { promptOf, timeOf } from './cells.ts';
import { raterOf } from './pairs.ts';
import { type Comparison, type PreferenceFormat, Refused, type Row } from './preference.ts';

export const chosenFormat: PreferenceFormat = {
  name: 'chosen',
  title: 'chosen and rejected',
  what: 'parquet, CSV or JSONL with prompt, chosen, rejected: pictures as bytes, Image structs, lists of one, or paths beside the file',
  fields: [
    {
      ours: 'prompt',
      what: 'the prompt',
      theirs: ['prompt', 'caption', 'text', 'instruction', 'style_prompt', 'quality_prompt', 'simplified_prompt'],
      is: 'prompt',
      needed: true,
    },
    {
      ours: 'chosen',
      what: 'the picture that was preferred',
      theirs: [
        'chosen',
        'chosen_image',
        'chosen_images',
        'images_chosen',
        'image_chosen',
        'preferred',
        'winner',
        'win',
        'jpg_chosen',
        'image_w',
      ],
      is: 'picture',
      needed: true,
    },
    {
      ours: 'rejected',
      what: 'the other picture',
      theirs: [
        'rejected',
        'rejected_image',
        'rejected_images',
        'images_rejected',
        'image_rejected',
        'loser',
        'lose',
        'jpg_rejected',
        'image_l',
      ],
      is: 'picture',
      needed: true,
    },
    { ours: 'rater', what: 'who judged', theirs: ['user_id', 'rater', 'annotator', 'user'], is: 'more' },
    { ours: 'at', what: 'when', theirs: ['created_at', 'timestamp'], is: 'more' },
  ],
  recognise: () => true,
  read: readChosen,
};

async function readChosen([row]: readonly Row[]): Promise<Comparison[]> {
  const one = row!;
  return [
    {
      prompt: await promptOf(one.cell('prompt')),
      pictures: [
        one.picture(only(one.cell('chosen'), 'chosen'), 'chosen'),
        one.picture(only(one.cell('rejected'), 'rejected'), 'rejected'),
      ],
      votes: [{ answer: 'left', rater: (await raterOf(one.cell('rater'))) ?? undefined, at: timeOf(one.cell('at')) }],
      fields: one.rest(),
    },
  ];
}

/** The one picture of a list. */
function only(cell: Cell, what: string): Cell {
  return new Later(async () => {
    const value = await cellOf(cell);
    if (!Array.isArray(value)) return value;
    if (value.length !== 1) throw new Refused(`${what} holds ${value.length} pictures`);
    return value[0] as Cell;
  });
}
