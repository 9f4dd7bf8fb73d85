/** What `winnow evaluate` compares: models, a model whose pictures another one goes over, and folders of pictures that were made elsewhere. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { ModelRef, RunRecord } from '../service/types.ts';
import { WinnowError } from '../shared/errors.ts';
import { nameOf } from '../shared/paths.ts';
import { absolute, number } from './arguments.ts';
import { loraNames, parseModelRef, readRunRecord } from './modelRef.ts';
import { isPicture, pictureSource } from './pictureSource.ts';
import { readImages } from './records.ts';
import { badArguments } from './verb.ts';

export type Arm = { name: string } & (
  { kind: 'model'; ref: ModelRef; refine?: { ref: ModelRef; strength: number } } | { kind: 'pictures'; folder: string }
);

/** How much of a picture the second pass replaces unless it is said. */
const REFINE = 0.25;

/** For help. */
export const armHelp = [
  'MODEL++[STRENGTH:]MODEL goes over the first one’s pictures with the second, image to image (0.25 unless said); a folder of pictures stands for',
  'whatever made them, with their prompts in images.jsonl, metadata.jsonl (.csv, .parquet), text files or PNG, or with their number in the list as their name',
  '(00012.png, 00012-1.png for a second seed, anime/00012.jpg within a category). NAME=MODEL gives any of them a name.',
];

/** Throws BadArguments, or NotFound for a path that is not there. */
export function parseArm(text: string, predictionType?: string): Arm {
  const named = existsSync(text) ? null : /^([^=/\\]{1,60})=(.+)$/.exec(text);
  const what = named ? named[2]! : text;
  const name = named?.[1]?.trim();
  if (isPictureFolder(what)) return { kind: 'pictures', name: name || basename(absolute(what)), folder: what };
  const [first, second, ...more] = existsSync(what) ? [what] : what.split('++');
  if (more.length > 0 || first === '' || second === '')
    throw badArguments(`${JSON.stringify(what)} is no model.`, 'Give MODEL, or MODEL++STRENGTH:MODEL.');
  const ref = parseModelRef(first!, predictionType);
  if (second === undefined) return { kind: 'model', name: name || shortName(ref), ref };
  const said = /^([\d.]+):(.+)$/.exec(second);
  const strength = said ? number('strength of the second pass', said[1]!, { min: 0, max: 1 }) : REFINE;
  if (strength === 0) throw badArguments('The second pass has a strength of 0.', 'Choose one above 0 and up to 1.');
  const refine = { ref: parseModelRef(said ? said[2]! : second, predictionType), strength };
  return { kind: 'model', name: name || `${shortName(ref)} ++ ${shortName(refine.ref)} at ${strength}`, ref, refine };
}

/** Models that an arm runs. */
export const refsOf = (arm: Arm): ModelRef[] =>
  arm.kind === 'pictures' ? [] : [arm.ref, ...(arm.refine ? [arm.refine.ref] : [])];

/** The runs behind the models. */
export const runsOf = (refs: readonly ModelRef[]): RunRecord[] => {
  const paths = refs.flatMap(({ adapters }) => adapters.flatMap((one) => (one.kind === 'run' ? [one.run] : [])));
  return [...new Set(paths)].map(readRunRecord);
};

/** As typed, without the folders things lie in: a report travels. */
const shortName = ({ base, adapters }: ModelRef): string =>
  [
    nameOf(base),
    ...adapters.map((adapter) =>
      [
        nameOf(adapter.kind === 'run' ? adapter.run : adapter.file),
        adapter.kind === 'run' && adapter.step !== undefined ? `@${adapter.step}` : '',
        adapter.strength === 1 ? '' : `:${adapter.strength}`,
      ].join(''),
    ),
  ].join(' + ');

/** Whether pictures lie in it. Throws for a folder in which there is nothing to compare: NotFound, or BadArguments for what goes on top of a model. */
function isPictureFolder(path: string): boolean {
  if (!existsSync(path) || !statSync(path).isDirectory()) return false;
  const there = (name: string): boolean => existsSync(join(path, name));
  if (['model_index.json', 'run.json', 'unet'].some(there)) return false;
  if (loraNames.some(there))
    throw badArguments(
      `${path} holds a LoRA, which is no model on its own.`,
      `Give the model that it was trained on with it on top: MODEL+${path}.`,
    );
  const files = readdirSync(path, { recursive: true, encoding: 'utf8' });
  if (files.some((file) => isPicture(file)) || there('pairs.jsonl')) return true;
  if (files.some((file) => /\.(safetensors|ckpt|pth?|bin)$/i.test(file))) return false;
  throw new WinnowError(
    'NotFound',
    `${path} ${files.length === 0 ? 'is empty' : 'holds nothing that can be compared: neither a model nor pictures'}.`,
    "Give a diffusers folder or a checkpoint (.safetensors), a run's folder, a LoRA on top of a model (MODEL+LORA), or a folder of PNG, JPEG or WebP files.",
  );
}

/** Words that are the same prompt: files differ in their white space. */
const sameWords = (prompt: string): string => prompt.trim().replace(/\s+/g, ' ');

/** A folder's pictures by prompt, each in the order of its seeds or of its names. */
export interface PictureFolder {
  name: string;
  /** Absolute paths and, where a record says so, seeds. By words. */
  byPrompt: Map<string, { file: string; seed: number | undefined }[]>;
  prompts: string[];
}

/** @param listed prompts that numbered files are of, with their categories. Rejects with NotFound where the folder holds no pictures,
 *  BadArguments where nothing says what they are of. */
export async function openPictures(
  { name, folder }: Extract<Arm, { kind: 'pictures' }>,
  listed: readonly { prompt: string; category?: string | undefined }[],
  say: (text: string) => void,
): Promise<PictureFolder> {
  const { pictures } = await pictureSource(folder, say);
  const seeds = new Map(readImages(folder).map(({ file, seed }) => [file, seed]));
  const byPrompt: PictureFolder['byPrompt'] = new Map();
  const prompts: string[] = [];
  const first = firstNumber(pictures.map(({ file }) => file));
  const unknown: string[] = [];
  for (const { file, prompt: said } of pictures) {
    const prompt = said ?? promptOfNumber(file, listed, first);
    if (prompt === undefined) {
      unknown.push(file);
      continue;
    }
    const key = sameWords(prompt);
    const known = byPrompt.get(key);
    if (!known) prompts.push(prompt);
    byPrompt.set(key, [...(known ?? []), { file: absolute(join(folder, file)), seed: seeds.get(file) }]);
  }
  if (byPrompt.size === 0)
    throw badArguments(
      `Nothing says which prompts the ${pictures.length} pictures of ${folder} are of.`,
      'Put a metadata.jsonl with file_name and prompt beside them, or name them by their number in --prompts (00012.png).',
    );
  if (unknown.length > 0)
    say(
      `${unknown.length} of ${pictures.length} pictures of ${folder} are left out: nothing says what they are of (${unknown[0]}).`,
    );
  return { name, byPrompt, prompts };
}

/** `00012`, `00012-1`, `00012_1`; GenEval has `00012/samples/0001`. */
const numbers = (file: string): { at: number; category: string | undefined } | undefined => {
  const found = /^(?:(.*)\/)?(\d{1,9})(?:[-_]\d{1,9})?\.\w+$/.exec(file);
  const geneval = /^(?:(.*)\/)?(\d{1,9})\/samples\/\d{1,9}\.\w+$/.exec(file);
  const match = geneval ?? found;
  return match ? { at: Number(match[2]), category: match[1]?.split('/').at(-1) } : undefined;
};

/** Whether they are numbered from 0 or from 1. */
const firstNumber = (files: readonly string[]): number => (files.every((file) => (numbers(file)?.at ?? 1) > 0) ? 1 : 0);

function promptOfNumber(
  file: string,
  listed: readonly { prompt: string; category?: string | undefined }[],
  first: number,
): string | undefined {
  const found = numbers(file);
  if (!found) return undefined;
  const within = listed.filter(({ category }) => category !== undefined && category === found.category);
  return (within.length > 0 ? within : listed)[found.at - first]?.prompt;
}

/** What `--seeds` says of them: theirs, or so many. */
const seedsIn = (there: readonly { seed: number | undefined }[]): string => {
  const known = there.flatMap(({ seed }) => seed ?? []);
  if (known.length === there.length) return known.slice(0, 8).join(',');
  return there.length === 1 ? '0' : `0-${there.length - 1}`;
};

/** One picture for every item. Throws BadArguments where some are missing, with how many. */
export function picturesFor(
  { name, byPrompt }: PictureFolder,
  items: readonly { prompt: string; seed: number }[],
  seeds: readonly number[],
): string[] {
  const missing = [
    ...new Set(items.filter(({ prompt }) => !byPrompt.has(sameWords(prompt))).map(({ prompt }) => prompt)),
  ];
  const of = new Set(items.map(({ prompt }) => prompt)).size;
  if (missing.length > 0)
    throw new WinnowError(
      'BadArguments',
      `${name} holds pictures of other prompts: it has none of ${missing.length} of the ${of} that are compared (${JSON.stringify(missing[0]!.slice(0, 80))}).`,
      'Compare what is there on both sides: give --prompts with the prompts that all have, or make the missing pictures.',
    );
  return items.map(({ prompt, seed }) => {
    const there = byPrompt.get(sameWords(prompt))!;
    const bySeed = there.find((one) => one.seed === seed);
    // Where nothing says which seeds they are of, they stand in the order of the seeds.
    const picture = bySeed ?? (there.every((one) => one.seed === undefined) ? there[seeds.indexOf(seed)] : undefined);
    if (!picture)
      throw badArguments(
        `${name} has ${there.length} picture${there.length === 1 ? '' : 's'} of ${JSON.stringify(prompt.slice(0, 80))}, and none for seed ${seed}.`,
        `Give --seeds that all sides have, as --seeds ${seedsIn(there)}.`,
      );
    return picture.file;
  });
}
