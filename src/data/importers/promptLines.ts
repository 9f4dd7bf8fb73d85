/** Prompts, as plain lists and as the sets of the field. */
import { readPromptSet } from '../formats/promptSets.ts';
import { type Brought, type Importer, importer, type Source, whole } from './importer.ts';

const read = async (source: Source): Promise<Brought['prompts']> => readPromptSet(await whole(source), source.name);

export const promptLinesImporter: Importer<'prompts'> = importer({
  brings: 'prompts',
  title: 'prompt lists',
  what: 'prompts, one on each line; lines that begin with # are remarks',
  extensions: ['.txt'],
  mediaTypes: ['text/plain'],
  read,
});

export const promptTableImporter: Importer<'prompts'> = importer({
  brings: 'prompts',
  title: 'prompt tables',
  what: 'a table with a column of prompts and, where it has one, their categories, as PartiPrompts and DrawBench',
  extensions: ['.tsv', '.csv'],
  mediaTypes: ['text/tab-separated-values', 'text/csv'],
  read,
});

export const promptJsonImporter: Importer<'prompts'> = importer({
  brings: 'prompts',
  title: 'prompt sets',
  what: 'JSON of prompts, or of objects that have one, as a list or one a line: HPDv2, ImageReward, GenEval',
  extensions: ['.json', '.jsonl'],
  mediaTypes: ['application/json', 'application/jsonl'],
  // Settings are an object, and labels are lines of them: of those endings, lists are prompts.
  recognise: (head) => /^\s*\[\s*["{]/.test(new TextDecoder().decode(head)),
  read,
});
