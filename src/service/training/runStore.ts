/** A run's folder in the file store: run.json, metrics.jsonl, checkpoints/, samples/, and state.safetensors (what resuming needs).
 *
 *  A run is known by its id, and lies in runs/<id>; or, on the command line, by the path of its folder, which has a slash. Then the record on
 *  disk names its files relative to the folder, which can be moved and copied. */
import { type FileStore, readJson, readText, writeJson, writeText } from '../../data/files.ts';
import { defaultLossSettings } from '../../losses/table.ts';
import type { Checkpoint, RunRecord, StepMetrics } from '../types.ts';

const isFolder = (run: string): boolean => run.includes('/');
const runFolder = (run: string): string => (isFolder(run) ? run : `runs/${run}`);
const recordPath = (run: string): string => `${runFolder(run)}/run.json`;
const metricsPath = (run: string): string => `${runFolder(run)}/metrics.jsonl`;

export const statePath = (run: string): string => `${runFolder(run)}/state.safetensors`;
export const checkpointPath = (run: string, step: number): string =>
  `${runFolder(run)}/checkpoints/step-${String(step).padStart(6, '0')}.safetensors`;
export const samplePath = (run: string, step: number, index: number): string =>
  `${runFolder(run)}/samples/step-${String(step).padStart(6, '0')}-${index}.png`;

export class RunStore {
  private readonly files: FileStore;

  constructor(files: FileStore) {
    this.files = files;
  }

  async list(): Promise<RunRecord[]> {
    const paths = (await this.files.list('runs')).filter((path) => /^runs\/[^/]+\/run\.json$/.test(path));
    const records = await Promise.all(paths.map(async (path) => complete(await readJson<RunRecord>(this.files, path))));
    return records.sort((a, b) => b.createdAt.localeCompare(a.createdAt));
  }

  /** Rejects with NotFound. */
  async load(run: string): Promise<RunRecord> {
    const record = await readJson<RunRecord>(this.files, recordPath(run));
    return withPlaces(complete(record), run, `${runFolder(run)}/`);
  }

  save(record: RunRecord): Promise<void> {
    const folder = record.id;
    return writeJson(
      this.files,
      recordPath(folder),
      isFolder(folder) ? withPlaces(record, folder.split('/').findLast(Boolean)!, '') : record,
    );
  }

  appendMetrics(run: string, metrics: StepMetrics): Promise<void> {
    return this.files.append(metricsPath(run), new TextEncoder().encode(`${JSON.stringify(metrics)}\n`));
  }

  /** A last line that was cut off by a killed tab is left out. */
  async metrics(run: string): Promise<StepMetrics[]> {
    if (!(await this.files.exists(metricsPath(run)))) return [];
    const lines = (await readText(this.files, metricsPath(run))).split('\n');
    return lines.slice(0, -1).map((line) => JSON.parse(line) as StepMetrics);
  }

  /** Forgets steps after the last saved state: they will be run again. */
  async truncateMetrics(run: string, fromStep: number): Promise<void> {
    const kept = (await this.metrics(run)).filter(({ step }) => step < fromStep);
    await writeText(this.files, metricsPath(run), kept.map((metrics) => `${JSON.stringify(metrics)}\n`).join(''));
  }

  /** Keeps the newest `keep` checkpoints (0 keeps all) and removes the files of the others. */
  async prune(checkpoints: readonly Checkpoint[], keep: number): Promise<Checkpoint[]> {
    if (keep <= 0 || checkpoints.length <= keep) return [...checkpoints];
    for (const { file } of checkpoints.slice(0, -keep)) await this.files.remove(file);
    return checkpoints.slice(-keep);
  }

  remove(run: string): Promise<void> {
    return this.files.remove(`runs/${run}`);
  }
}

/** Records of before a setting was there: `recompute` kept nothing that is cheap to compute, and losses had the numbers that are now their
 *  defaults. */
function complete(record: RunRecord): RunRecord {
  const config = { ...defaultLossSettings, ...record.config };
  return 'recompute' in record.config
    ? { ...(record as RunRecord), config }
    : { ...(record as RunRecord), recompute: 'cheap', config: { ...config, recompute: 'auto' } };
}

/** The record under another id, its files in another folder: `prefix` stands before `checkpoints/` and `samples/`. */
function withPlaces(record: RunRecord, id: string, prefix: string): RunRecord {
  const moved = <T extends { file: string }>(entry: T): T => ({
    ...entry,
    file: entry.file.replace(/^(?:.*\/)?(?=(?:checkpoints|samples)\/[^/]+$)/, () => prefix),
  });
  return { ...record, id, checkpoints: record.checkpoints.map(moved), samples: record.samples.map(moved) };
}
