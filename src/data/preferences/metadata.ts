/** A folder with `metadata.jsonl`, as invoke-training reads it: two pictures a row, and for each whether it was preferred. */
import { isNothing, numberOf, promptOf } from './cells.ts';
import { type Comparison, type PreferenceFormat, Refused, type Row } from './preference.ts';

export const metadataFormat: PreferenceFormat = {
  name: 'metadata',
  title: 'metadata folder',
  what: 'a folder with metadata.jsonl: image_0, image_1, prompt, prefer_0, prefer_1',
  fields: [
    { ours: 'prompt', what: 'the prompt', theirs: ['prompt', 'caption', 'text'], is: 'prompt', needed: true },
    { ours: 'image_0', what: 'the first picture', theirs: ['image_0', 'image_0_path'], is: 'picture', needed: true },
    { ours: 'image_1', what: 'the second picture', theirs: ['image_1', 'image_1_path'], is: 'picture', needed: true },
    { ours: 'prefer_0', what: 'whether the first was preferred', theirs: ['prefer_0'], is: 'label', needed: true },
    { ours: 'prefer_1', what: 'whether the second was', theirs: ['prefer_1'], is: 'label', needed: true },
  ],
  recognise: (columns) => columns.has('prefer_0') && columns.has('prefer_1'),
  read: readMetadata,
};

async function readMetadata([row]: readonly Row[]): Promise<Comparison[]> {
  const one = row!;
  const prompt = await promptOf(one.cell('prompt'));
  const [first, second] = (['prefer_0', 'prefer_1'] as const).map((name) => {
    const said = one.cell(name);
    if (isNothing(said)) throw new Refused(`it has no label (${name} is empty)`);
    const value = numberOf(said);
    if (value === null || value < 0 || value > 1) throw new Refused(`its ${name} is neither true nor false`);
    return value;
  }) as [number, number];
  return [
    {
      prompt,
      pictures: [one.picture(one.cell('image_0'), 'image_0'), one.picture(one.cell('image_1'), 'image_1')],
      votes: [{ answer: first > second ? 'left' : first < second ? 'right' : 'tie' }],
      fields: one.rest(),
    },
  ];
}
