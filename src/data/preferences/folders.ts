/** Two folders of pictures, one of winners and one of losers, matched by file name, as kohya's and SimpleTuner's trainers read them. Prompts lie in a
 *  `.txt` beside a picture, in a metadata.jsonl or metadata.csv, or in one prompt.txt for all. */
import { WinnowError } from '../../shared/errors.ts';
import type { Table, TableRow } from '../formats/rows.ts';
import { decodeText } from '../formats/text.ts';
import { promptOf, textOf } from './cells.ts';
import { openFile, type Place } from './places.ts';
import { type Comparison, type PreferenceFormat, Refused, type Row } from './preference.ts';
import { openTable } from './tables.ts';

const names: readonly (readonly [string, string])[] = [
  ['win', 'lose'],
  ['w', 'l'],
  ['chosen', 'rejected'],
  ['preferred', 'rejected'],
  ['winner', 'loser'],
  ['winners', 'losers'],
  ['good', 'bad'],
];
/** Also those that are refused, by name. */
const picture = /\.(jpe?g|png|webp|gif|bmp|tiff?|avif|heic|jxl)$/i;
const shared = ['prompt.txt', 'caption.txt', 'prompts.txt', 'captions.txt'];
const listed = ['metadata.jsonl', 'metadata.json', 'metadata.csv'];
const MAX_TEXT = 2 ** 20;

export const foldersFormat: PreferenceFormat = {
  name: 'folders',
  title: 'folders of winners and losers',
  what: 'win/ and lose/ (or w/ and l/, chosen/ or preferred/ and rejected/) matched by file name; prompts in .txt beside, in metadata.jsonl or .csv, or in one prompt.txt',
  fields: [
    { ours: 'prompt', what: 'the prompt', theirs: ['prompt'], is: 'prompt', needed: true },
    { ours: 'chosen', what: 'the picture that was preferred', theirs: ['chosen'], is: 'picture', needed: true },
    { ours: 'rejected', what: 'the other picture', theirs: ['rejected'], is: 'picture', needed: true },
  ],
  recognise: () => false,
  tables: async (place) =>
    place.folder ? await Promise.all(findRoots(place).map((root) => tableOf(place, root))) : undefined,
  read: readFolders,
};

interface Root {
  /** With its `/`, or ''. */
  path: string;
  win: string;
  lose: string;
}

function findRoots({ files }: Place): Root[] {
  const folders = new Map<string, Map<string, string>>();
  for (const file of files) {
    if (!picture.test(file)) continue;
    const parts = file.split('/').slice(0, -1);
    for (const [i, part] of parts.entries()) {
      const path = parts
        .slice(0, i)
        .map((one) => `${one}/`)
        .join('');
      const below = folders.get(path) ?? new Map<string, string>();
      below.set(part.toLowerCase(), part);
      folders.set(path, below);
    }
  }
  return [...folders].flatMap(([path, below]) => {
    const found = names.find(([win, lose]) => below.has(win) && below.has(lose));
    return found ? [{ path, win: below.get(found[0])!, lose: below.get(found[1])! }] : [];
  });
}

const stemOf = (path: string): string => path.replace(/\.[^./]*$/, '');

async function tableOf(place: Place, { path, win, lose }: Root): Promise<{ table: Table; file: string }> {
  const side = (folder: string): Map<string, string> => {
    const start = `${path}${folder}/`;
    return new Map(
      place.files
        .filter((file) => file.startsWith(start) && picture.test(file))
        .map((file) => [stemOf(file.slice(start.length)), file.slice(path.length)] as const),
    );
  };
  const [winners, losers] = [side(win), side(lose)];
  const stems = [...new Set([...winners.keys(), ...losers.keys()])].toSorted((a, b) => (a < b ? -1 : 1));
  const there = new Set(place.files);
  const prompts = await listedPrompts(place, path, [win, lose]);
  const inRoot = place.files.filter((file) => file.startsWith(path) && /^[^/]+\.txt$/i.test(file.slice(path.length)));
  const one =
    shared.find((name) => there.has(path + name)) ?? (inRoot.length === 1 ? inRoot[0]!.slice(path.length) : undefined);
  const text = async (file: string): Promise<string> => {
    const found = await openFile(place, file);
    if (found.size > MAX_TEXT) throw new WinnowError('BadFile', `${file} is too large for a prompt.`, 'Choose a text.');
    return decodeText(await found.read(0, found.size), file).trim();
  };
  const forAll = one === undefined ? undefined : await text(path + one);
  const promptOfStem = async (stem: string): Promise<string | null> => {
    const beside = [`${win}/${stem}`, `${lose}/${stem}`, stem, `captions/${stem}`, `prompts/${stem}`].map(
      (file) => `${path}${file}.txt`,
    );
    const file = beside.find((name) => there.has(name) && name !== `${path}${one}`);
    return file === undefined ? (prompts.get(stem) ?? forAll ?? null) : text(file);
  };
  const table: Table = {
    name: `${path}${win}`,
    columns: ['prompt', 'chosen', 'rejected'],
    count: stems.length,
    bytes: 0,
    mark: [...winners.values(), ...losers.values()].join('\n'),
    async *rows({ from = 0, signal } = {}): AsyncGenerator<TableRow> {
      for (let row = from; row < stems.length; row++) {
        signal?.throwIfAborted();
        const stem = stems[row]!;
        const [chosen, rejected] = [winners.get(stem), losers.get(stem)];
        if (chosen === undefined || rejected === undefined) {
          const problem = `it has no picture of the name ${stem} in ${chosen === undefined ? win : lose}/`;
          yield { row, cells: {}, problem };
        } else yield { row, cells: { prompt: await promptOfStem(stem), chosen, rejected } };
      }
    },
  };
  return { table, file: `${path}${win}` };
}

/** Stem → prompt, of the tables beside or in the folders. */
async function listedPrompts(place: Place, path: string, sides: readonly string[]): Promise<Map<string, string>> {
  const prompts = new Map<string, string>();
  for (const folder of ['', ...sides.map((side) => `${side}/`)])
    for (const name of listed) {
      const file = `${path}${folder}${name}`;
      if (!place.files.includes(file)) continue;
      const table = await openTable(await openFile(place, file));
      for await (const { cells } of table.rows()) {
        const of = ['file_name', 'filename', 'file', 'image', 'name', 'key']
          .map((key) => cells[key])
          .find((cell) => typeof cell === 'string');
        const said = ['prompt', 'text', 'caption'].map((key) => cells[key]).find((cell) => typeof cell === 'string');
        if (typeof of !== 'string' || typeof said !== 'string') continue;
        const parts = of.split(/[\\/]/);
        const stem = stemOf((sides.includes(parts[0]!) ? parts.slice(1) : parts).join('/'));
        if (!prompts.has(stem)) prompts.set(stem, said);
      }
    }
  return prompts;
}

async function readFolders([row]: readonly Row[]): Promise<Comparison[]> {
  const one = row!;
  if ((await textOf(one.cell('prompt'))) === null)
    throw new Refused('it has no prompt: no .txt beside, no line in metadata, no prompt.txt for all');
  return [
    {
      prompt: await promptOf(one.cell('prompt')),
      pictures: [one.picture(one.cell('chosen'), 'the winner'), one.picture(one.cell('rejected'), 'the loser')],
      votes: [{ answer: 'left' }],
      fields: {},
    },
  ];
}
