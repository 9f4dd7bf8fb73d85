/** Every exporter of pairs by its name, and the one way to use them. */
import { WinnowError } from '../../../shared/errors.ts';
import type { ExportEntry, ExportSource, PairsExporter, PairsExportOptions, ToWrite } from './exporter.ts';
import { foldersExporter } from './folders.ts';
import { type LeftOut, judgedPairs } from './judged.ts';
import { LOCAL_FILES, labelStudioExporter } from './labelStudio.ts';
import { chosenExporter, minimalPairsExporter } from './minimalPairs.ts';
import { pickapicExporter } from './pickapic.ts';
import { winnowFolderExporter } from './winnowFolder.ts';

export const pairsExporters = {
  pickapic: pickapicExporter,
  pairs: minimalPairsExporter,
  chosen: chosenExporter,
  folders: foldersExporter,
  'label-studio': labelStudioExporter,
  jsonl: winnowFolderExporter,
} as const satisfies Record<string, PairsExporter>;

export type PairsExportKind = keyof typeof pairsExporters;
export const pairsExportKinds = Object.keys(pairsExporters) as readonly PairsExportKind[];

export const exportDefaults: PairsExportOptions = { validation: 0, keepTies: false, seed: 0, picturesAt: LOCAL_FILES };

export interface PlannedExport {
  /** Pairs that are written. */
  pairs: number;
  /** Those that are not, by why. */
  leftOut: LeftOut;
  /** The files of a folder. */
  entries(): AsyncIterable<ExportEntry>;
  /** One file instead; undefined where the format is a folder. */
  single?: { extension: string; mediaType: string; bytes(): AsyncIterable<Uint8Array<ArrayBuffer>> };
}

/** Reads no file yet.
 *  @throws BadArguments where nothing would be written, or for what the format cannot say. */
export function planPairsExport(
  kind: PairsExportKind,
  source: ExportSource,
  given: Partial<PairsExportOptions> = {},
): PlannedExport {
  const options = { ...exportDefaults, ...given };
  const exporter: PairsExporter = pairsExporters[kind];
  if (options.keepTies && !exporter.ties)
    throw new WinnowError('BadArguments', `${kind} cannot say that two pictures are alike.`, 'Leave the ties out.');
  if (options.validation > 0 && !exporter.splits)
    throw new WinnowError('BadArguments', `${kind} has no splits.`, 'Leave the validation split out.');
  const judged = judgedPairs(source.pairs, source.byPair, options.keepTies);
  const { rows } = judged;
  const pairs = exporter.all ? source.pairs.length : rows.length;
  const leftOut = exporter.all ? { unjudged: 0, bothBad: 0, skip: 0, tie: 0 } : judged.leftOut;
  if (pairs === 0)
    throw new WinnowError(
      'BadArguments',
      `None of ${source.pairs.length} pairs has an answer that ${kind} can hold.`,
      'Judge a few pairs first: left and right answers count.',
    );
  if (options.validation > 0 && new Set(rows.map(({ pair }) => pair.prompt)).size < 2)
    throw new WinnowError(
      'BadArguments',
      'All pairs have one prompt, and splits are by prompt.',
      'Leave the validation split out.',
    );
  const write: ToWrite = { source, rows, options };
  const { single } = exporter;
  return {
    pairs,
    leftOut,
    entries: () => exporter.entries(write),
    ...(single && {
      single: { extension: single.extension, mediaType: single.mediaType, bytes: () => single.bytes(write) },
    }),
  };
}
