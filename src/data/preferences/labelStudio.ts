/** Label Studio's JSON export of its Pairwise template: a task a row, with the annotations of several people, which stay apart. A tie is an annotation
 *  without a result, or a choice; a skipped one (`was_cancelled`) is no answer. Sides are as the task says (`shown_left`, if we made it). */
import type { Answer } from '../../records/labels.ts';
import { isRecord } from '../../shared/json.ts';
import { isNothing, numberOf, promptOf, timeOf } from './cells.ts';
import { type Comparison, type Picture, type PreferenceFormat, Refused, type Row, type Vote } from './preference.ts';

/** Names of the two pictures in a task's data. */
const sides: readonly (readonly [string, string])[] = [
  ['left', 'right'],
  ['image_0', 'image_1'],
  ['image0', 'image1'],
  ['image_1', 'image_2'],
  ['image1', 'image2'],
  ['image_a', 'image_b'],
  ['imageA', 'imageB'],
  ['img1', 'img2'],
  ['img_0', 'img_1'],
  ['a', 'b'],
];
const promptNames = ['prompt', 'caption', 'text', 'instruction', 'question'];

export const labelStudioFormat: PreferenceFormat = {
  name: 'label-studio',
  title: 'Label Studio',
  what: 'JSON export of the Pairwise template with its pictures; several annotators kept apart',
  fields: [
    { ours: 'data', what: "the task's own fields", theirs: ['data'], is: 'picture', needed: ['annotator'] },
    {
      ours: 'annotations',
      what: 'what people answered',
      theirs: ['annotations', 'completions'],
      is: 'label',
      needed: ['annotator'],
    },
    {
      ours: 'annotator',
      what: 'who answered, of an export with one answer a row (JSON-MIN, CSV)',
      theirs: ['annotator'],
      is: 'more',
    },
    { ours: 'prompt', what: 'the prompt, a field of data', theirs: [], is: 'prompt' },
    { ours: 'left', what: 'the left picture, a field of data', theirs: [], is: 'picture' },
    { ours: 'right', what: 'the right picture, a field of data', theirs: [], is: 'picture' },
  ],
  inside: 'data',
  recognise: (columns, first) =>
    (columns.has('annotator') && columns.has('annotation_id')) ||
    first.some(({ data, annotations, completions }) => isRecord(data) && Array.isArray(annotations ?? completions)),
  read: readTask,
};

async function readTask([row]: readonly Row[]): Promise<Comparison[]> {
  const one = row!;
  const alone = one.column('data') === undefined;
  const data = alone ? one.cells : one.cell('data');
  if (!isRecord(data)) throw new Refused('its data is no object');
  const [left, right] = picturesOf(one, data);
  const said = one.column('prompt');
  const prompt = await promptOf(
    said === undefined ? promptNames.map((name) => data[name]).find((cell) => !isNothing(cell)) : one.cell('prompt'),
  );
  const shownLeft = numberOf(data['shown_left']) === 1 ? 1 : 0;
  const votes = alone ? [voteAlone(one, shownLeft)] : votesOf(one, shownLeft);
  const pictures: [Picture, Picture] = [
    pictureAt(one, left, 'the left picture'),
    pictureAt(one, right, 'the right picture'),
  ];
  const fields = one.rest();
  for (const [name, value] of Object.entries(data))
    if (
      !alone &&
      value !== left &&
      value !== right &&
      value !== prompt &&
      (value === null || typeof value !== 'object')
    )
      fields[`data.${name}`] = value as string | number | boolean | null;
  delete fields['predictions'];
  const id = data['pair'];
  return [
    {
      prompt,
      // In the order that the pair had here.
      pictures: shownLeft === 1 ? [pictures[1], pictures[0]] : pictures,
      votes,
      fields,
      ...(typeof id === 'string' && id !== '' && { ofPair: id }),
    },
  ];
}

function picturesOf(row: Row, data: Record<string, unknown>): [string, string] {
  const mapped = ['left', 'right'].map((name) => (row.column(name) === undefined ? undefined : row.cell(name)));
  const named = sides.find((pair) => pair.every((name) => typeof data[name] === 'string'));
  const looking = Object.values(data).filter(
    (value) => typeof value === 'string' && /\.(png|jpe?g|webp)([?#]|$)/i.test(value),
  );
  const found = [0, 1].map(
    (i) => mapped[i] ?? (named ? data[named[i]!] : looking.length === 2 ? looking[i] : undefined),
  );
  if (found.some((path) => typeof path !== 'string' || path === ''))
    throw new Refused(`its data has no two pictures (it has ${Object.keys(data).slice(0, 12).join(', ')})`);
  return found as [string, string];
}

function votesOf(row: Row, shownLeft: 0 | 1): Vote[] {
  const cell = row.cell('annotations');
  const all = Array.isArray(cell) ? cell.filter(isRecord) : [];
  if (all.length === 0) throw new Refused('nobody has judged it');
  const given = all.filter((one) => one['was_cancelled'] !== true);
  if (given.length === 0) throw new Refused('it was skipped by all who saw it');
  return given
    .toSorted((a, b) => (timeOf(a['created_at']) ?? '').localeCompare(timeOf(b['created_at']) ?? ''))
    .map((one) => {
      const seconds = numberOf(one['lead_time']);
      return {
        answer: answerOf(one['result']),
        rater: raterOf(one['completed_by']),
        at: timeOf(one['created_at']),
        elapsedMs: seconds === null || seconds < 0 ? undefined : Math.round(seconds * 1000),
        shownLeft,
      };
    });
}

/** Of a row with one answer: it stands under the tag's own name, whatever that is. */
function voteAlone(row: Row, shownLeft: 0 | 1): Vote {
  const { annotator, created_at: at, lead_time: lead, ...cells } = row.cells;
  const said = Object.values(cells).map((cell) => (isRecord(cell) ? cell['selected'] : cell));
  const asResult = said.map((value) => ({
    value: value === 'left' || value === 'right' ? { selected: value } : { choices: [value] },
  }));
  const seconds = numberOf(lead);
  return {
    answer: answerOf(asResult),
    rater: raterOf(annotator),
    at: timeOf(at),
    elapsedMs: seconds === null || seconds < 0 ? undefined : Math.round(seconds * 1000),
    shownLeft,
  };
}

/** A person's number, also where it stands in a record of them. */
function raterOf(by: unknown): string | undefined {
  const id: unknown = isRecord(by) ? (by['id'] ?? by['email'] ?? by['username']) : by;
  return typeof id === 'string' || typeof id === 'number' ? String(id) : undefined;
}

const choices: Readonly<Record<string, Answer>> = {
  left: 'left',
  right: 'right',
  tie: 'tie',
  equal: 'tie',
  same: 'tie',
  bothbad: 'bothBad',
  neither: 'bothBad',
  skip: 'skip',
};

/** A choice beside the pair's own answer stands above it: whoever made it may have clicked a picture before. */
function answerOf(result: unknown): Answer {
  let selected: Answer | undefined;
  let chosen: Answer | undefined;
  for (const one of Array.isArray(result) ? result.filter(isRecord) : []) {
    const value = isRecord(one['value']) ? one['value'] : {};
    if (value['selected'] === 'left' || value['selected'] === 'right') selected = value['selected'];
    const [choice] = Array.isArray(value['choices']) ? (value['choices'] as unknown[]) : [];
    const key = typeof choice === 'string' ? choice.toLowerCase().replace(/[^a-z]/g, '') : '';
    if (Object.hasOwn(choices, key)) chosen = choices[key];
  }
  return chosen ?? selected ?? 'tie';
}

/** Files of a server, as they may lie here: below the folder that it served, or downloaded beside the export. */
function pictureAt(row: Row, path: string, what: string): Picture {
  const [address, query] = path.split('?', 2);
  const served = /(?:^|&)d=([^&]*)/.exec(query ?? '')?.[1];
  let local: string;
  try {
    local = decodeURIComponent(served ?? address!);
  } catch {
    local = served ?? address!;
  }
  // Of an address or a server's own path, what stands behind host and folders.
  const foreign = served !== undefined || /^([a-z][a-z0-9+.-]*:\/\/|\/data\/)/i.test(local);
  if (!foreign || local.split('/').includes('..')) return row.picture(local, what);
  const parts = local
    .replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*/i, '')
    .split('/')
    .filter(Boolean)
    .slice(-8);
  const name = parts.at(-1) ?? '';
  const candidates = [
    ...parts.map((_, i) => parts.slice(i).join('/')),
    // An upload's own prefix.
    ...(/^[0-9a-f]{8}-./.test(name) ? [name.slice(9)] : []),
  ];
  return {
    read: async () => {
      for (const candidate of candidates) {
        try {
          return await row.picture(candidate, what).read();
        } catch (error) {
          if (!(error instanceof Refused) || !error.message.startsWith('its picture is not there')) throw error;
        }
      }
      throw new Refused(`its picture is not there (${what}: ${path.slice(0, 120)})`);
    },
  };
}
