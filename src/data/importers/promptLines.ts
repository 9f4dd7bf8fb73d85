/** Prompt lists as text, one on each line. */
import { readPrompts } from '../formats/promptList.ts';
import { importer, whole } from './importer.ts';

export const promptLinesImporter = importer({
  brings: 'prompts',
  title: 'prompt lists',
  what: 'prompts, one on each line; lines that begin with # are remarks',
  extensions: ['.txt'],
  mediaTypes: ['text/plain'],
  read: async (source) => readPrompts(await whole(source), source.name),
});
