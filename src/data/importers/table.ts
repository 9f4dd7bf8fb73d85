/** Every importer by its name. Of those that bring the same, the first reads what no other claims. */
import { WinnowError } from '../../shared/errors.ts';
import { byteRanges } from '../formats/bytes.ts';
import type { Brings, Brought, Importer, Source } from './importer.ts';
import { labelEventsImporter } from './labelEvents.ts';
import { jpegImporter, pngImporter, webpImporter } from './pictures.ts';
import { pickleImporter } from './pickles.ts';
import { promptJsonImporter, promptLinesImporter, promptTableImporter } from './promptLines.ts';
import { safetensorsImporter } from './safetensors.ts';
import { trainSettingsImporter } from './trainSettings.ts';

const records = {
  png: pngImporter,
  jpeg: jpegImporter,
  webp: webpImporter,
  safetensors: safetensorsImporter,
  pickle: pickleImporter,
  trainSettings: trainSettingsImporter,
  promptLines: promptLinesImporter,
  promptTable: promptTableImporter,
  promptJson: promptJsonImporter,
  labelEvents: labelEventsImporter,
};

export type ImporterName = keyof typeof records;
export const importers: Readonly<Record<ImporterName, Importer>> = records;

const importersOf = (brings: readonly Brings[]): Importer[] =>
  Object.values(importers).filter((one) => brings.includes(one.brings));

const isRefused = (one: Importer): boolean => one === importers.pickle;

/** The `accept` of a file input. */
export const acceptOf = (...brings: Brings[]): string =>
  importersOf(brings)
    .filter((one) => !isRefused(one))
    .flatMap(({ extensions, mediaTypes }) => [...extensions, ...mediaTypes])
    .join(',');

/** For help: `a file of prompts, one on each line (.txt)`. */
export const formatsOf = (brings: Brings): string =>
  importersOf([brings])
    .filter((one) => !isRefused(one))
    .map(({ what, extensions }) => `${what} (${extensions.join(', ')})`)
    .join('; or ');

/** For lists of what is taken: `prompt lists (.txt)`. */
export const titlesOf = (...brings: Brings[]): string[] =>
  importersOf(brings)
    .filter((one) => !isRefused(one))
    .map(({ title, extensions }) => `${title} (${extensions.join(', ')})`);

/** Longest that a format is known by. */
const HEAD = 16;

/** By its name, else by how it begins; so, too, where something else of the same use lies under a name, as a JPEG under `.png`. */
async function importerFor(source: Source, brings: readonly Brings[]): Promise<Importer | undefined> {
  const candidates = importersOf(brings);
  const name = source.name.toLowerCase();
  const endings = candidates.filter(({ extensions }) => extensions.some((extension) => name.endsWith(extension)));
  const [first] = endings;
  if (first && endings.every(({ recognise }) => !recognise)) return first;
  const head = await source.read(0, Math.min(HEAD, source.size));
  // Of several under one ending, that which it begins like; else that which claims the others.
  const named =
    endings.find(({ recognise }) => recognise?.(head)) ?? endings.find(({ recognise }) => !recognise) ?? first;
  if (named && !named.recognise) return named;
  if (named?.recognise?.(head)) return named;
  return candidates.find((one) => (!named || one.brings === named.brings) && one.recognise?.(head)) ?? named;
}

/** What a file is for. */
export type Imported<B extends Brings = Brings> = {
  [K in B]: { brings: K; format: Importer<K>; name: string; value: Brought[K] };
}[B];

/** Reads a file for the first of these uses that it has. Rejects with BadFile for one that has none, or with what is wrong with it. */
export async function importFrom<B extends Brings>(source: Source, brings: readonly B[]): Promise<Imported<B>> {
  const format = await importerFor(source, brings);
  if (!format) {
    const elsewhere = await importerFor(
      source,
      Object.values(importers).map((one) => one.brings),
    );
    throw new WinnowError(
      'BadFile',
      elsewhere
        ? `${source.name} is of a kind that has no use here: ${elsewhere.title}.`
        : `Winnow has no use for ${source.name}.`,
      `${elsewhere ? 'Here Winnow' : 'It'} takes ${titlesOf(...brings).join(', ')}.`,
    );
  }
  return { brings: format.brings, format, name: source.name, value: await format.read(source) } as Imported<B>;
}

/** Reads a file that is said to be of one kind, whatever it is called. */
export async function importAs<B extends Brings>(source: Source, brings: B): Promise<Brought[B]> {
  const format = (await importerFor(source, [brings])) ?? importersOf([brings])[0]!;
  return (await format.read(source)) as Brought[B];
}

/** A file of the browser's. */
export const fileSource = (file: File): Source => ({ ...byteRanges(file), name: file.name });
