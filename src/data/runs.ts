/** Runs in a file store: `runs/<id>/` with run.json, metrics.jsonl, checkpoints/, samples/, and state.safetensors (what resuming needs).
 *
 *  A run is known by its id, and lies in runs/<id>; or, on the command line, by the path of its folder, which has a slash. Then the record on
 *  disk names its files relative to the folder. Either way a folder can be moved and copied: the record goes by where it lies. */
import { metricsSchema, type RunRecord, runSchema, type StepMetrics } from '../records/runs.ts';
import { WinnowError } from '../shared/errors.ts';
import { parseJson } from '../shared/json.ts';
import { problemsIn } from '../shared/problems.ts';
import { type FileStore, readText, writeJson } from './files.ts';
import { checkTrainConfig } from './formats/trainConfig.ts';

export const isFolder = (run: string): boolean => run.includes('/');
export const runFolder = (run: string): string => (isFolder(run) ? run : `runs/${run}`);
const recordPath = (run: string): string => `${runFolder(run)}/run.json`;

/** A hundred times what a run of thousands of pairs has. */
const MAX_RECORD_BYTES = 256 * 2 ** 20;

/** A record from the text of a run.json. Throws BadFile with the fields that are not right.
 *  @param run where it lies: its files are there. */
export function parseRunRecord(text: string, run: string): RunRecord {
  const file = `The record of this run (${recordPath(run)})`;
  const remedy = 'Bring back a copy of it, or delete the run.';
  const bad = (what: string): WinnowError => new WinnowError('BadFile', `${file} ${what}.`, remedy);
  const result = runSchema.safeParse(parseJson(text, { file, remedy, limit: MAX_RECORD_BYTES }));
  if (!result.success) throw bad(`is not right (${problemsIn(result.error, 'file')})`);
  const { config: given, ...record } = result.data;
  let config: RunRecord['config'];
  try {
    config = checkTrainConfig(withEarlierLoss(given));
  } catch (error) {
    throw bad(`is not right: ${error instanceof WinnowError ? error.what : String(error)}`);
  }
  if (record.sources && record.sources.pairs.length !== record.pairs.length)
    throw bad(`has ${record.pairs.length} pairs and the hashes of ${record.sources.pairs.length}`);
  // Before `recompute` was there nothing was kept that is cheap to compute.
  const whole = { ...record, config, ...(!('recompute' in given) && { recompute: 'cheap' as const }) } as RunRecord;
  return withPlaces(whole, run, `${runFolder(run)}/`);
}

/** Before preferences were settings, every label of a run with soft labels was a certain one: it goes on as it began. */
const withEarlierLoss = (config: Readonly<Record<string, unknown>>): unknown =>
  config['loss'] === 'soft' && !('sidePreference' in config)
    ? { ...config, sidePreference: 1, clearPreference: 1 }
    : config;

/** What lies where a run should and cannot be read; it can be deleted by its id. */
export interface UnreadableRun {
  id: string;
  problem: { name: string; message: string };
}

/** Rejects with NotFound, or with BadFile. */
export async function readRun(files: FileStore, run: string): Promise<RunRecord> {
  const path = recordPath(run);
  if ((await files.size(path)) > MAX_RECORD_BYTES)
    throw new WinnowError(
      'BadFile',
      `The record of this run (${path}) is far larger than one can be.`,
      'Bring back a copy of it, or delete the run.',
    );
  return parseRunRecord(await readText(files, path), run);
}

export function writeRun(files: FileStore, record: RunRecord): Promise<void> {
  const { id } = record;
  return writeJson(
    files,
    recordPath(id),
    isFolder(id) ? withPlaces(record, id.split('/').findLast(Boolean)!, '') : record,
  );
}

/** Every run below runs/, newest first, and every folder there that is none. */
export async function listRuns(files: FileStore): Promise<{ runs: RunRecord[]; unreadable: UnreadableRun[] }> {
  const ids = new Set(
    (await files.list('runs')).map((path) => path.split('/')).flatMap((parts) => (parts[2] ? [parts[1]!] : [])),
  );
  const runs: RunRecord[] = [];
  const unreadable: UnreadableRun[] = [];
  for (const id of ids) {
    try {
      runs.push(await readRun(files, id));
    } catch (error) {
      const { name, message } = error instanceof Error ? error : { name: 'Error', message: String(error) };
      unreadable.push({
        id,
        problem:
          name === 'NotFound'
            ? { name: 'BadFile', message: 'It has no record (run.json). Delete it.' }
            : { name, message },
      });
    }
  }
  return { runs: newestFirst(runs), unreadable };
}

export const newestFirst = (runs: readonly RunRecord[]): RunRecord[] =>
  runs.toSorted((a, b) => b.createdAt.localeCompare(a.createdAt));

/** The record under another id, its files in another folder: `prefix` stands before `checkpoints/` and `samples/`. */
function withPlaces(record: RunRecord, id: string, prefix: string): RunRecord {
  const moved = <T extends { file: string }>(entry: T): T => ({
    ...entry,
    file: entry.file.replace(/^(?:.*\/)?(?=(?:checkpoints|samples)\/[^/]+$)/, () => prefix),
  });
  return { ...record, id, checkpoints: record.checkpoints.map(moved), samples: record.samples.map(moved) };
}

/** The steps of a metrics.jsonl. A line that is no step's numbers (the last one, cut off by a killed tab) is left out: charts do without it,
 *  and no weights hang on it. */
export function parseMetrics(text: string): StepMetrics[] {
  return text.split('\n').flatMap((line) => {
    try {
      const result = metricsSchema.safeParse(JSON.parse(line));
      return result.success ? [result.data] : [];
    } catch {
      return [];
    }
  });
}
