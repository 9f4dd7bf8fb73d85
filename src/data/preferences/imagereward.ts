/** ImageRewardDB: a row a picture with its rank and ratings, a row a group (`generations` and `ranking`, or lists of images), or a row a pair
 *  (`img_better`, `img_worse`). Rank 1 is best; ties and gaps occur. */
import { isNothing, listOf, numberOf, plain, promptOf } from './cells.ts';
import { comparisonsOf, numbers, picturesOf } from './hpd.ts';
import { type Comparison, type PreferenceFormat, type ReadOptions, Refused, type Row } from './preference.ts';

export const imagerewardFormat: PreferenceFormat = {
  name: 'imagereward',
  title: 'ImageReward',
  what: "ImageRewardDB: ranks and ratings of a prompt's pictures, one a row or in groups, or its better and worse; rankings become pairs",
  fields: [
    { ours: 'prompt', what: 'the prompt', theirs: ['prompt', 'caption', 'text'], is: 'prompt', needed: true },
    {
      ours: 'images',
      what: 'the picture, or the pictures of a prompt in a list',
      theirs: ['generations', 'image_path', 'image', 'images'],
      is: 'picture',
      needed: ['img_better'],
    },
    { ours: 'img_better', what: 'the better picture', theirs: ['img_better'], is: 'picture' },
    { ours: 'img_worse', what: 'the worse picture', theirs: ['img_worse'], is: 'picture' },
    {
      ours: 'rank',
      what: 'place, or places, 1 is best',
      theirs: ['rank', 'ranking'],
      is: 'label',
      needed: ['rating', 'img_better'],
    },
    {
      ours: 'rating',
      what: 'how good it is, more is better',
      theirs: ['overall_rating'],
      is: 'more',
    },
    { ours: 'prompt_id', what: 'which pictures belong together', theirs: ['prompt_id', 'id'], is: 'more' },
    { ours: 'count', what: 'how many they are', theirs: ['image_amount_in_total'], is: 'more' },
  ],
  rankings: true,
  recognise: (columns) =>
    (columns.has('img_better') && columns.has('img_worse')) ||
    (columns.has('generations') && columns.has('ranking')) ||
    (columns.has('prompt_id') && columns.has('rank') && (columns.has('image_path') || columns.has('image'))) ||
    (columns.has('image_amount_in_total') && columns.has('overall_rating')),
  groupOf(row) {
    const rank = row.cell('rank');
    if (row.column('img_better') !== undefined || listOf(rank)) return undefined;
    const key = plain(row.cell('prompt_id')) ?? plain(row.cell('prompt'));
    return isNothing(key) ? undefined : { key: String(key), size: numberOf(row.cell('count')) ?? undefined };
  },
  read: async (rows, options) => {
    const [row] = rows as [Row];
    if (row.column('img_better') !== undefined) return [await readBetter(row)];
    if (listOf(row.cell('rank')))
      return comparisonsOf(row, {
        ...options,
        prompt: await promptOf(row.cell('prompt')),
        ...(await group(row)),
      });
    return readPictures(rows, options);
  },
};

async function group(row: Row): Promise<{ pictures: unknown[]; ranks: number[] }> {
  const pictures = await picturesOf(row);
  return { pictures, ranks: numbers(listOf(row.cell('rank')), pictures.length, row.column('rank')!) };
}

async function readBetter(row: Row): Promise<Comparison> {
  return {
    prompt: await promptOf(row.cell('prompt')),
    pictures: [row.picture(row.cell('img_better'), 'img_better'), row.picture(row.cell('img_worse'), 'img_worse')],
    votes: [{ answer: 'left' }],
    fields: row.rest(),
  };
}

/** Rows of one prompt's pictures. What one of them lacks takes away itself alone. */
async function readPictures(rows: readonly Row[], options: ReadOptions): Promise<Comparison[]> {
  const [first] = rows as [Row];
  const prompt = await promptOf(first.cell('prompt'));
  const ranked = rows.flatMap((row) => {
    const rank = numberOf(row.cell('rank'));
    const rating = numberOf(row.cell('rating'));
    const place = rank ?? (rating === null ? null : -rating);
    return place === null ? [] : [{ row, place }];
  });
  if (ranked.length < 2)
    throw new Refused(
      rows.length < 2 ? 'its prompt has one picture alone' : 'its pictures have neither rank nor rating',
    );
  return comparisonsOf(first, {
    ...options,
    prompt,
    pictures: ranked.map(({ row }) => row.cell('images')),
    ranks: ranked.map(({ place }) => place),
    fields: ranked.map(({ row }) => row.rest()),
  }).map((comparison) => ({ ...comparison, fields: withoutFirst(comparison.fields, first) }));
}

/** What is the picture's own stands under a name with its side; what the prompt has, once. */
function withoutFirst(fields: Comparison['fields'], first: Row): Comparison['fields'] {
  const same = (name: string): boolean => fields[`${name}_0`] === fields[`${name}_1`];
  const shared = Object.keys(first.rest()).filter(same);
  const dropped = new Set([
    ...Object.keys(first.rest()).filter((name) => !same(name)),
    ...shared.flatMap((name) => [`${name}_0`, `${name}_1`]),
  ]);
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !dropped.has(name)));
}
