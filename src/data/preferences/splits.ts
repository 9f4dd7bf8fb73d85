/** Which files of a folder are which split, as Python's `datasets.load_dataset` finds them: by the YAML of its README, else by file and folder
 *  names. https://huggingface.co/docs/datasets/repository_structure */
import { isRecord } from '../../shared/json.ts';
import { decodeText } from '../formats/text.ts';
import { openFile, type Place } from './places.ts';

/** Split by path; files that belong to none are left out. */
export type Splits = ReadonlyMap<string, string>;

const words: Readonly<Record<string, string>> = {
  train: 'train',
  training: 'train',
  validation: 'validation',
  valid: 'validation',
  val: 'validation',
  dev: 'validation',
  test: 'test',
  testing: 'test',
  eval: 'test',
  evaluation: 'test',
};

/** Undefined where a path says nothing of a split. */
export function splitOf(path: string): string | undefined {
  const sharded = /(?:^|\/)([\w.]+(?:-[A-Za-z_][\w.]*)*)-\d{3,}-of-\d{3,}[^/]*$/.exec(path)?.[1];
  const parts = path.toLowerCase().split('/').toReversed();
  for (const part of parts)
    for (const word of part.replace(/\.[a-z0-9]+$/, '').split(/[-._ 0-9]+/)) {
      const split = Object.hasOwn(words, word) ? words[word] : undefined;
      // Numbered shards of a split of another name: `train_prefs-00000-of-00002`.
      if (split !== undefined) return sharded !== undefined && !Object.hasOwn(words, sharded) ? sharded : split;
    }
  return sharded;
}

/** Names that mean a split: `val` is `validation`. */
export const splitNamed = (name: string): string =>
  Object.hasOwn(words, name.toLowerCase()) ? words[name.toLowerCase()]! : name;

/** @param files paths of data files. */
export async function splitsOf(place: Place, files: readonly string[]): Promise<Splits> {
  const said = place.folder && place.files.includes('README.md') ? await fromReadme(place, files) : undefined;
  if (said) return said;
  return new Map(files.map((file) => [file, splitOf(file) ?? 'train'] as const));
}

async function fromReadme(place: Place, files: readonly string[]): Promise<Splits | undefined> {
  const readme = await openFile(place, 'README.md');
  if (readme.size > 4 * 2 ** 20) return undefined;
  const yaml = /^\s*---\r?\n([\s\S]*?)\r?\n---/.exec(decodeText(await readme.read(0, readme.size), 'README.md'))?.[1];
  if (yaml === undefined || !/^configs\s*:/m.test(yaml)) return undefined;
  const { load } = await import('js-yaml');
  let card: unknown;
  try {
    card = load(yaml);
  } catch {
    return undefined;
  }
  const configs = isRecord(card) && Array.isArray(card['configs']) ? card['configs'].filter(isRecord) : [];
  const config =
    configs.find((one) => one['default'] === true) ??
    configs.find((one) => one['config_name'] === 'default') ??
    configs[0];
  if (!config) return undefined;
  const folder = typeof config['data_dir'] === 'string' ? `${config['data_dir'].replace(/^\.?\/|\/$/g, '')}/` : '';
  const found = new Map<string, string>();
  for (const { split, path } of dataFiles(config['data_files'] ?? '**'))
    for (const pattern of path) {
      const fits = globOf(folder + pattern.replace(/^\.\//, ''));
      for (const file of files)
        if (fits.test(file) && !found.has(file)) found.set(file, split ?? splitOf(file) ?? 'train');
    }
  return found.size > 0 ? found : undefined;
}

function dataFiles(said: unknown): { split: string | undefined; path: string[] }[] {
  const paths = (value: unknown): string[] =>
    (Array.isArray(value) ? value : [value]).filter((path): path is string => typeof path === 'string');
  if (Array.isArray(said) && said.some(isRecord))
    return said
      .filter(isRecord)
      .map(({ split, path }) => ({ split: typeof split === 'string' ? split : 'train', path: paths(path) }));
  if (isRecord(said)) return Object.entries(said).map(([split, path]) => ({ split, path: paths(path) }));
  return [{ split: undefined, path: paths(said) }];
}

/** `*` within a folder, `**` through folders, `?`, `[ab]`, `{a,b}`. */
function globOf(pattern: string): RegExp {
  const source = pattern
    .slice(0, 1000)
    .split(/(\*\*\/?|\*|\?|\[[^\]\\]*\]|[{},])/)
    .map((part, i) => {
      if (i % 2 === 0) return part.replace(/[.+^$()|\\[\]]/g, '\\$&');
      if (part === '**/') return '(?:[^/]+/)*';
      if (part === '**') return '.*';
      if (part === '*') return '[^/]*';
      if (part === '?') return '[^/]';
      if (part.startsWith('[')) return part.replace(/^\[!/, '[^');
      return part === '{' ? '(?:' : part === '}' ? ')' : '|';
    })
    .join('');
  try {
    return new RegExp(`^${source}$`);
  } catch {
    return /^$/;
  }
}
