/** What `winnow score` takes: a pairs folder, or a folder of pictures with their prompts beside or inside them. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { decodeText, MAX_TEXT_BYTES } from '../data/formats/text.ts';
import { readPngText } from '../data/formats/png.ts';
import { imageParameters } from '../data/imageParameters.ts';
import { pathFrom } from '../data/preferences/places.ts';
import { openTable } from '../data/preferences/tables.ts';
import { isForeign } from '../records/foreignImages.ts';
import type { ImageRecord, PairRecord } from '../service/types.ts';
import { isWinnowError, WinnowError } from '../shared/errors.ts';
import { limits } from '../shared/limits.ts';
import { withFiles } from './fileErrors.ts';
import { openRanges } from './files.ts';
import { filesOf } from './places.ts';
import { pairsFile, readImages, readPairs } from './records.ts';

/** A picture with what is known of its prompt. */
export interface SourcePicture {
  /** Relative to the folder, with `/`. */
  file: string;
  prompt: string | null;
}

export interface PictureSource {
  /** Of a pairs folder. */
  pairs: PairRecord[] | null;
  /** Of the pairs, each once; or all of the folder's, in order. */
  pictures: SourcePicture[];
  /** The model that made some of them, by its base; null where they are from elsewhere. */
  madeBy: string | null;
}

const PICTURE = /\.(png|jpe?g|webp)$/i;

/** By its name. */
export const isPicture = (file: string): boolean => PICTURE.test(file);

/** Rejects with NotFound where there is nothing to score. */
export async function pictureSource(folder: string, say: (text: string) => void): Promise<PictureSource> {
  if (!existsSync(folder) || !statSync(folder).isDirectory())
    throw new WinnowError('NotFound', `There is no folder ${folder}.`, 'Give a pairs folder, or a folder of pictures.');
  if (existsSync(pairsFile(folder))) {
    const pairs = readPairs(folder, say);
    if (pairs.length === 0)
      throw new WinnowError('NotFound', `${folder} holds no pairs yet.`, 'Make some: winnow pairs MODEL --out DIR.');
    const images = pairs.flatMap((pair) => pair.images);
    const own = images.find((image): image is ImageRecord => !isForeign(image));
    return {
      pairs,
      pictures: pairs.flatMap((pair) => pair.images.map(({ file }) => ({ file, prompt: pair.prompt }))),
      madeBy: own?.model.base ?? null,
    };
  }
  const all = await filesOf(folder, folder);
  const files = all.filter(isPicture);
  if (files.length > limits.count)
    throw new WinnowError(
      'BadArguments',
      `${folder} holds ${files.length} pictures.`,
      `Score at most ${limits.count} at a time.`,
    );
  if (files.length === 0)
    throw new WinnowError(
      'NotFound',
      `${folder} holds neither pairs (pairs.jsonl) nor pictures.`,
      'Give a pairs folder, or one with PNG, JPEG or WebP files in it.',
    );
  const records = new Map(readImages(folder, say).map((record) => [record.file, record]));
  const listed = await metadataPrompts(folder, all);
  const pictures = files.map((file) => ({
    file,
    prompt: records.get(file)?.prompt ?? listed.get(file) ?? promptBeside(folder, file) ?? promptInside(folder, file),
  }));
  const own = files.map((file) => records.get(file)).find((record) => record !== undefined);
  return { pairs: null, pictures, madeBy: own?.model.base ?? null };
}

/** The three that `datasets` reads of a folder of pictures. */
const METADATA = /(^|\/)metadata\.(jsonl|csv|parquet)$/;

/** As data sets have them, in the folder or in one below: file_name from its own folder on, and text, prompt or caption. A row that is something
 *  else says nothing. */
async function metadataPrompts(folder: string, files: readonly string[]): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const name of files.filter((file) => METADATA.test(file))) {
    const table = await openTable({ ...(await openRanges(join(folder, name))), name });
    for await (const { cells } of table.rows()) {
      const at = cells['file_name'];
      const file = typeof at === 'string' ? pathFrom(name, at) : undefined;
      const prompt = ['prompt', 'text', 'caption'].map((key) => cells[key]).find((cell) => typeof cell === 'string');
      if (file !== undefined && typeof prompt === 'string') found.set(file, prompt);
    }
  }
  return found;
}

/** `tree.txt` beside `tree.png`. */
function promptBeside(folder: string, file: string): string | undefined {
  const path = join(folder, file.replace(PICTURE, '.txt'));
  return existsSync(path) ? text(path).trim() : undefined;
}

/** Of a PNG that we, or A1111, wrote. */
function promptInside(folder: string, file: string): string | null {
  if (!/\.png$/i.test(file)) return null;
  const path = join(folder, file);
  const bytes = withFiles(path, () => readFileSync(path));
  try {
    return imageParameters(readPngText(bytes))?.prompt ?? null;
  } catch (error) {
    // Damaged, or no PNG: whoever decodes it says so, or can.
    if (isWinnowError(error)) return null;
    throw error;
  }
}

function text(path: string): string {
  const bytes = withFiles(path, () => {
    if (statSync(path).size > MAX_TEXT_BYTES)
      throw new WinnowError('BadFile', `${path} is too large for a text.`, 'Take it out of the folder.');
    return readFileSync(path);
  });
  return decodeText(bytes, path);
}
