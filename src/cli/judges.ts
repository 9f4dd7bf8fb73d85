/** Judges as they are named on the command line. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { JudgeInfo } from '../judges/judge.ts';
import { isPickle, pickleRefused } from '../judges/clip/pickles.ts';
import { judgeKinds } from '../judges/table.ts';
import type { Engine } from '../service/engineService.ts';
import { WinnowError } from '../shared/errors.ts';
import { absolute } from './arguments.ts';
import { badArguments } from './verb.ts';

const isFolder = (path: string): boolean => existsSync(path) && statSync(path).isDirectory();

/** What lies in a judge's folder, whatever its kind; one without is one with labels. */
const judgeFiles = ['config.json', 'judge.json', 'preprocessor_config.json', 'open_clip_config.json', 'model.onnx'];

const isJudgeFolder = (path: string): boolean =>
  isFolder(path) &&
  (judgeFiles.some((file) => existsSync(join(path, file))) ||
    readdirSync(path).some((file) => /\.(onnx|safetensors)$/i.test(file)));

/** A file that is a judge's by its name: of JSON judge.json alone, as labels are JSON, too. */
const isFileOfJudge = (path: string): boolean =>
  /\.(onnx|safetensors)$|(^|[\\/])judge\.json$/i.test(path) && existsSync(path) && statSync(path).isFile();

/** Whether labels are taken in: from a file by its path or under a name that lies here, or from a folder of pairs. */
export const isLabelFile = (asked: string): boolean =>
  (/[\\/.]/.test(asked) || existsSync(asked)) && !isJudgeFolder(asked) && !isFileOfJudge(asked);

/** As the engine knows it: a name, or a folder or a file by its absolute path. A judge that came with the model goes before a folder of the same name:
 *  `./a` is the folder. Throws BadArguments for none, NotFound for a path where nothing
 *  lies, PickleRefused. */
export function judgePath(asked: string, option = 'judge'): string {
  if (asked.trim() === '')
    throw badArguments(
      `--${option} is empty.`,
      `Give a judge's name or the path of its folder or file, or leave --${option} out.`,
    );
  if (isPickle(asked) && !isFolder(asked)) throw pickleRefused(basename(asked), dirname(absolute(asked)));
  if (/[\\/]/.test(asked) && !existsSync(asked))
    throw new WinnowError('NotFound', `There is no judge at ${asked}.`, 'Give the path of its folder or file.');
  return (/[\\/.]/.test(asked) && isFolder(asked)) || isFileOfJudge(asked) ? absolute(asked) : asked;
}

/** The judge of a name as judgePath gives it. Rejects as ofJudge does. */
export const judgeCalled = (engine: Pick<Engine, 'judge'>, name: string): Promise<JudgeInfo> =>
  ofJudge(name, engine.judge(name));

/** What the engine says of a judge by its name. Rejects as the engine does; where a folder of the name lies here, with how it is written. */
export async function ofJudge<Result>(name: string, said: Promise<Result>): Promise<Result> {
  try {
    return await said;
  } catch (error) {
    if (!(error instanceof WinnowError) || error.name !== 'NotFound' || /[\\/.]/.test(name) || !isFolder(name))
      throw error;
    throw new WinnowError('NotFound', error.what, `The folder that lies here is ./${name}. ${error.remedy}`);
  }
}

/** Whoever is asked by `--by WHO`. */
export interface Asked {
  /** As it was given. */
  text: string;
  /** As the engine knows the judge. */
  name: string;
  /** What it goes by; its first scale if left out. */
  scale: string | undefined;
}

/** `a`, `a:alignment`, `judges/mine`, `judges/mine:score`. Throws BadArguments. */
export function askedJudge(text: string, option = 'by'): Asked {
  const [, name, scale] = (existsSync(text) ? null : /^(.+):([a-z][\w-]*)$/i.exec(text)) ?? [text, text];
  return { text, name: judgePath(name!, option), scale };
}

/** What may follow `--by`. */
export const scaleHelp = [
  ...new Map(Object.values(judgeKinds).flatMap(({ scales }) => scales.map((scale) => [scale.name, scale]))).values(),
]
  .map(({ name, needs }) => `${name} (${needs.includes('prompt') ? 'image and prompt' : 'the image alone'})`)
  .join(' or ');

/** The scale that a judge goes by. Throws BadArguments for one that it does not have. */
export function scaleOf({ title, scales }: JudgeInfo, wanted: string | undefined): string {
  const found = wanted === undefined ? scales[0] : scales.find(({ name }) => name === wanted);
  if (!found)
    throw badArguments(
      `${title} says nothing of ${wanted}.`,
      `Choose one of ${scales.map(({ name }) => name).join(', ')}.`,
    );
  return found.name;
}
