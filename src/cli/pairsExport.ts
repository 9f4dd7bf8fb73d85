/** Pairs to files on disk: `winnow export PAIRS`. What is there is whole: a folder or a file appears under its name when all of it is written. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, extname, join, relative } from 'node:path';
import {
  exportDefaults,
  pairsExporters,
  pairsExportKinds,
  planPairsExport,
  type PlannedExport,
} from '../data/exporters/pairs/table.ts';
import { WinnowError } from '../shared/errors.ts';
import { limits } from '../shared/limits.ts';
import { absolute, number, oneOf } from './arguments.ts';
import { asFileError, makeFolders, withFiles } from './fileErrors.ts';
import { NodeFileStore } from './files.ts';
import { isRun } from './modelRef.ts';
import { ownPart, sweepParts } from './parts.ts';
import { pairsFile, readLabels, readPairs } from './records.ts';
import { Pace, type Terminal } from './terminal.ts';
import { badArguments, type Options, type Outcome, type Values } from './verb.ts';

export const pairsExportOptions = {
  labels: {
    kind: 'text',
    value: 'FILE',
    help: 'of pairs: a label file, or a folder with one (default: PAIRS/labels.jsonl)',
  },
  'keep-ties': {
    kind: 'flag',
    help: 'of pairs: write ties too, with label_0 = 0.5, which diffusers\' scripts take for "jpg_0 won"',
  },
  validation: {
    kind: 'text',
    value: 'FRACTION',
    help: 'of pairs in parquet: so many of the prompts go into a split validation, with all their pairs',
  },
  seed: { kind: 'text', value: 'N', help: 'of pairs for Label Studio: what draws the sides (default: 0)' },
  'pictures-at': {
    kind: 'text',
    value: 'URL',
    help: `of pairs for Label Studio: what stands before the pictures' paths (default: ${exportDefaults.picturesAt})`,
  },
} as const satisfies Options;

export const pairsExportHelp = pairsExportKinds.map((kind) => `${kind}: ${pairsExporters[kind].what}`).join('; ');

/** A folder of pairs, and no run's. */
export const isPairsFolder = (path: string): boolean => existsSync(pairsFile(path)) && !isRun(path);

interface Asked extends Values<typeof pairsExportOptions> {
  as: string | undefined;
}

export async function exportPairs(folder: string, out: string, values: Asked, terminal: Terminal): Promise<Outcome> {
  const kind = oneOf('as', values.as ?? 'pickapic', pairsExportKinds);
  const { splits } = pairsExporters[kind];
  if (values.validation !== undefined && !splits)
    throw badArguments(`--validation does nothing with --as ${kind}.`, 'Leave it out.');
  for (const option of ['seed', 'pictures-at'] as const)
    if (values[option] !== undefined && kind !== 'label-studio')
      throw badArguments(`--${option} does nothing with --as ${kind}.`, 'Leave it out.');
  const say = (text: string): void => terminal.note(text);
  const pairs = readPairs(folder, say);
  const labels = pairsExporters[kind].all && values.labels === undefined && !existsSync(join(folder, 'labels.jsonl'));
  const { events, byPair } = labels ? { events: [], byPair: new Map() } : readLabels(values.labels ?? folder, say);
  const store = new NodeFileStore(absolute(folder));
  const pace = new Pace();
  let read = 0;
  const planned = planPairsExport(
    kind,
    {
      name: basename(out, extname(out)),
      pairs,
      events,
      byPair,
      files: {
        size: (file) => store.size(file),
        read: (file) => {
          const total = 2 * planned.pairs;
          terminal.status(`picture ${Math.min(++read, total)}/${total}${pace.left(Math.min(read, total), total)}`);
          return store.read(file);
        },
      },
    },
    {
      validation:
        values.validation === undefined ? 0 : number('validation', values.validation, { min: 0.000_001, max: 0.9 }),
      keepTies: values['keep-ties'],
      seed: number('seed', values.seed ?? '0', { min: 0, max: limits.seed, whole: true }),
      picturesAt: values['pictures-at'] ?? exportDefaults.picturesAt,
    },
  );
  let stopped = false;
  terminal.onInterrupt(() => void (stopped = true));
  const check = (): void => {
    if (stopped) throw new WinnowError('Cancelled', 'The export was stopped; nothing was written.', 'Start it again.');
  };
  const asFile = planned.single !== undefined && extname(out) === planned.single.extension;
  if (asFile && values.validation !== undefined)
    throw badArguments('One file has no splits.', 'Give a folder for --out, or leave out --validation.');
  const files = asFile
    ? [await writeFileWhole(out, planned.single!.bytes(), check)]
    : await writeFolder(out, planned, check);
  const left = Object.entries(planned.leftOut).filter(([, count]) => count > 0);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  return {
    json: {
      kind,
      pairs: planned.pairs,
      leftOut: planned.leftOut,
      files: files.length <= 100 ? files : files.length,
      bytes,
    },
    text: `${planned.pairs} pairs in ${out} (${files.length} files, ${(bytes / 1e6).toFixed(2)} MB)${left.length > 0 ? `; left out: ${left.map(([why, count]) => `${count} ${inWords[why as keyof typeof inWords]}`).join(', ')}` : ''}`,
  };
}

const inWords = { unjudged: 'unjudged', bothBad: 'both bad', skip: 'skipped', tie: 'ties' } as const;

interface Written {
  file: string;
  bytes: number;
}

async function writeFolder(out: string, planned: PlannedExport, check: () => void): Promise<Written[]> {
  return whole(out, async (part) => {
    const written = await writeEntries(part, planned, check);
    return written.map(({ file, bytes }) => ({ file: join(out, relative(part, file)), bytes }));
  });
}

/** A folder that is there once `fill` has written all of it, and else not.
 *  @throws BadArguments where there is one already. */
export async function whole<T>(out: string, fill: (part: string) => Promise<T>): Promise<T> {
  if (existsSync(out) && !(statSync(out).isDirectory() && readdirSync(out).length === 0))
    throw badArguments(`${out} is there already.`, 'Choose another --out, or remove it.');
  withFiles(out, () => makeFolders(dirname(out)));
  await sweepParts(dirname(out));
  const part = ownPart(out);
  try {
    const filled = await fill(part);
    // An empty folder of that name gives way.
    await rm(out, { recursive: true, force: true });
    await rename(part, out);
    return filled;
  } catch (error) {
    await rm(part, { recursive: true, force: true });
    throw asFileError(error, out);
  }
}

export async function writeEntries(folder: string, planned: PlannedExport, check: () => void): Promise<Written[]> {
  const written: Written[] = [];
  for await (const { path, bytes } of planned.entries()) {
    const file = join(folder, path);
    written.push({ file, bytes: await writeStream(file, bytes, check) });
  }
  return written;
}

async function writeFileWhole(out: string, bytes: AsyncIterable<Uint8Array>, check: () => void): Promise<Written> {
  await sweepParts(dirname(out));
  const part = ownPart(out);
  try {
    const size = await writeStream(part, bytes, check);
    await rename(part, out);
    return { file: out, bytes: size };
  } catch (error) {
    await rm(part, { force: true });
    throw asFileError(error, out);
  }
}

async function writeStream(file: string, bytes: AsyncIterable<Uint8Array>, check: () => void): Promise<number> {
  withFiles(file, () => makeFolders(dirname(file)));
  const handle = await open(file, 'w');
  try {
    let size = 0;
    for await (const piece of bytes) {
      check();
      await handle.writeFile(piece);
      size += piece.length;
    }
    await handle.sync();
    return size;
  } finally {
    await handle.close();
  }
}
