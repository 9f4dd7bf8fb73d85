/** Judges as they are named on the command line. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { JudgeInfo } from '../judges/judge.ts';
import { judgeKinds } from '../judges/table.ts';
import { absolute } from './arguments.ts';
import { badArguments } from './verb.ts';

const isFolder = (path: string): boolean => existsSync(path) && statSync(path).isDirectory();

/** A folder with a judge's config; any other is one with labels. */
const isJudgeFolder = (path: string): boolean => existsSync(join(path, 'config.json')) && isFolder(path);

/** Whether labels are taken in: from a file by its path or under a name that lies here, or from a folder of pairs. */
export const isLabelFile = (asked: string): boolean =>
  (/[\\/.]/.test(asked) || existsSync(asked)) && !isJudgeFolder(asked);

/** As the engine knows it: a name, or a folder by its absolute path. A judge that came with the model goes before a folder of the same name:
 *  `./a` is the folder. Throws BadArguments for none. */
export function judgePath(asked: string, option = 'judge'): string {
  if (asked.trim() === '')
    throw badArguments(
      `--${option} is empty.`,
      `Give a judge's name or the path of its folder, or leave --${option} out.`,
    );
  return /[\\/.]/.test(asked) && isFolder(asked) ? absolute(asked) : asked;
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
export function askedJudge(text: string): Asked {
  const [, name, scale] = (existsSync(text) ? null : /^(.+):([a-z][\w-]*)$/i.exec(text)) ?? [text, text];
  return { text, name: judgePath(name!, 'by'), scale };
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
