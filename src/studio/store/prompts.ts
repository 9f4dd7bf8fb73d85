/** Prompt lists: the two that came with the studio, and files of a person, one prompt a line. */
import { t } from '@lingui/core/macro';
import { parsePrompts } from '../../data/formats/promptList.ts';
import type { ListedPrompt } from '../../data/formats/promptSets.ts';
import { WinnowError } from '../../shared/errors.ts';
import { siteBase } from './services.ts';

const bundled = new Map<string, Promise<string[]>>();

/** `train` to make pairs from; `test` holds combinations that training never sees. */
export function bundledPrompts(list: 'train' | 'test'): Promise<string[]> {
  let prompts = bundled.get(list);
  if (!prompts) {
    prompts = fetch(`${siteBase}prompts/${list}.txt`)
      .then((response) => {
        // A static host may answer a missing file with its index page.
        if (!response.ok || response.headers.get('content-type')?.startsWith('text/html'))
          throw new WinnowError('NotFound', t`The prompts that come with Winnow are not here.`, t`Reload the page.`);
        return response.text();
      })
      .then(parsePrompts);
    prompts.catch(() => bundled.delete(list));
    bundled.set(list, prompts);
  }
  return prompts;
}

/** The same with their categories, which lie beside them; without, where those are not there. */
export async function bundledPromptSet(list: 'train' | 'test'): Promise<ListedPrompt[]> {
  const prompts = await bundledPrompts(list);
  const categories = await fetch(`${siteBase}prompts/categories.json`)
    .then((response) => response.json() as Promise<Record<'train' | 'test', Record<string, string[]>>>)
    .catch(() => null);
  const of = new Map(
    Object.entries(categories?.[list] ?? {}).flatMap(([category, all]) =>
      all.map((prompt): [string, string] => [prompt, category]),
    ),
  );
  return prompts.map((prompt) => {
    const category = of.get(prompt);
    return { prompt, ...(category !== undefined && { category }) };
  });
}

/** What the captions of the embedded model say, by kind. */
export interface KindOfWords {
  kind: string;
  words: string[];
  /** Captions set it apart. */
  comma: boolean;
}

export interface KnownWords {
  kinds: KindOfWords[];
  /** Each by itself, in lower case. */
  known: ReadonlySet<string>;
}

const wordsIn = (text: string): string[] => text.toLowerCase().match(/\p{L}+/gu) ?? [];

/** What the embedded model has learnt to draw: the words of the prompts that came with it, those of a kind together where the list of kinds
 *  lies beside them. */
export async function knownWords(): Promise<KnownWords> {
  const lists = await Promise.all([bundledPrompts('train'), bundledPrompts('test')]);
  const known = new Set(lists.flat().flatMap(wordsIn));
  const kinds = await fetch(`${siteBase}prompts/words.json`)
    .then((response) => response.json() as Promise<KindOfWords[]>)
    .catch(() => []);
  return {
    known,
    kinds: kinds
      .map((one) => ({ ...one, words: one.words.filter((words) => wordsIn(words).every((word) => known.has(word))) }))
      .filter(({ words }) => words.length > 0),
  };
}

/** The words of a prompt that are not among the known ones, each once. */
export const unknownWords = (prompt: string, known: ReadonlySet<string>): string[] => [
  ...new Set(wordsIn(prompt).filter((word) => !known.has(word))),
];

/** A prompt that says one thing more. */
export function withWords(prompt: string, words: string, comma: boolean): string {
  const before = prompt.trimEnd();
  return before ? `${before}${comma && !before.endsWith(',') ? ',' : ''} ${words}` : words;
}

/** `count` of them, each once while they last. */
export function drawPrompts<T>(prompts: readonly T[], count: number): T[] {
  const drawn: T[] = [];
  while (drawn.length < count && prompts.length) drawn.push(...shuffled(prompts).slice(0, count - drawn.length));
  return drawn;
}

function shuffled<T>(items: readonly T[]): T[] {
  const order = [...items];
  for (let i = order.length - 1; i > 0; i -= 1) {
    const j = randomBelow(i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

export const randomBelow = (limit: number): number =>
  Math.floor((crypto.getRandomValues(new Uint32Array(1))[0]! / 2 ** 32) * limit);

export const randomSeed = (): number => randomBelow(2 ** 31);
