/** The one who writes a run's record, and keeps its other files. Whoever wants a record changed (the loop, a person who renames it) gives the
 *  change: changes are made one after the other, each on the record as it then is. */
import type { Checkpoint, RunRecord, StepMetrics } from '../records/runs.ts';
import { Turns } from '../shared/turns.ts';
import { type FileStore, readText, writeText } from './files.ts';
import {
  isFolder,
  listRuns,
  newestFirst,
  parseMetrics,
  readRun,
  runFolder,
  type UnreadableRun,
  writeRun,
} from './runs.ts';
import { waitingModels } from './waitingRuns.ts';

const metricsPath = (run: string): string => `${runFolder(run)}/metrics.jsonl`;
const checkpointFolder = (run: string): string => `${runFolder(run)}/checkpoints`;
const padded = (step: number): string => `step-${String(step).padStart(6, '0')}`;

export const statePath = (run: string): string => `${runFolder(run)}/state.safetensors`;
export const checkpointPath = (run: string, step: number): string =>
  `${checkpointFolder(run)}/${padded(step)}.safetensors`;
export const samplePath = (run: string, step: number, index: number): string =>
  `${runFolder(run)}/samples/${padded(step)}-${index}.png`;

/** Made of the record as it is when its turn comes; applied again where the run went on meanwhile, hence pure. */
export type RecordChange = (record: RunRecord) => RunRecord;

/** A run at work: its record, ahead of the one on disk by the steps since it was last written. */
export interface OpenRun {
  readonly record: RunRecord;
  /** Changes the record and writes it. Where it cannot be written it stays as it was. */
  update(change: RecordChange): Promise<RunRecord>;
  /** Changes it without writing: steps taken, which the next update brings to disk. */
  advance(change: RecordChange): void;
  close(): void;
}

export class RunStore {
  private readonly files: FileStore;
  private readonly turns = new Turns();
  /** Of runs at work. */
  private readonly open = new Map<string, RunRecord>();

  constructor(files: FileStore) {
    this.files = files;
  }

  /** Newest first. */
  async list(): Promise<RunRecord[]> {
    const { runs } = await listRuns(this.files);
    // A run at work that cannot be read is known all the same.
    const others = runs.filter(({ id }) => !this.open.has(id));
    return newestFirst([...others, ...this.open.values()]);
  }

  async unreadable(): Promise<UnreadableRun[]> {
    return (await listRuns(this.files)).unreadable.filter(({ id }) => !this.open.has(id));
  }

  /** Steps of a run that others began from, or wait to begin from, and cannot do without. None of one that is known by its folder: what lies on top of it may be anywhere. */
  async stepsBelow(run: string): Promise<ReadonlySet<number>> {
    if (isFolder(run)) return new Set();
    const models = [...(await this.list()).map(({ model }) => model), ...(await waitingModels(this.files))];
    const adapters = models.flatMap((model) => model.adapters);
    return new Set(
      adapters.flatMap((adapter) =>
        adapter.kind === 'run' && adapter.run === run && adapter.step !== undefined ? adapter.step : [],
      ),
    );
  }

  /** Rejects with NotFound, or BadFile. */
  async load(run: string): Promise<RunRecord> {
    return this.open.get(run) ?? readRun(this.files, run);
  }

  /** Takes a run to work again, as it is on disk by now. Rejects with NotFound, or BadFile. */
  takeAgain(run: string): Promise<OpenRun> {
    return this.turns.run(run, async () => this.take(await readRun(this.files, run)));
  }

  /** Takes a new run to work. Nothing is written yet. */
  take(record: RunRecord): OpenRun {
    const { id } = record;
    const { open } = this;
    open.set(id, record);
    return {
      get record() {
        return open.get(id)!;
      },
      update: (change) => this.update(id, change),
      advance: (change) => void open.set(id, change(open.get(id)!)),
      close: () => void open.delete(id),
    };
  }

  /** Rejects with NotFound, or with what kept the record from being written. */
  update(run: string, change: RecordChange): Promise<RunRecord> {
    return this.turns.run(run, async () => {
      const changed = change(await this.load(run));
      await writeRun(this.files, changed);
      const atWork = this.open.get(run);
      if (!atWork) return changed;
      const ahead = change(atWork);
      this.open.set(run, ahead);
      return ahead;
    });
  }

  appendMetrics(run: string, metrics: StepMetrics): Promise<void> {
    return this.files.append(metricsPath(run), new TextEncoder().encode(`${JSON.stringify(metrics)}\n`));
  }

  async metrics(run: string): Promise<StepMetrics[]> {
    if (!(await this.files.exists(metricsPath(run)))) return [];
    return parseMetrics(await readText(this.files, metricsPath(run)));
  }

  /** Forgets steps after the last saved state: they will be run again. */
  async truncateMetrics(run: string, fromStep: number): Promise<void> {
    const kept = (await this.metrics(run)).filter(({ step }) => step < fromStep);
    await writeText(this.files, metricsPath(run), kept.map((metrics) => `${JSON.stringify(metrics)}\n`).join(''));
  }

  /** Removes the files of checkpoints that the record no longer names. Call it once the record is written. */
  async sweepCheckpoints(run: string, named: readonly Checkpoint[]): Promise<void> {
    const nameOf = (file: string): string => file.split('/').at(-1)!;
    const kept = new Set(named.map(({ file }) => nameOf(file)));
    for (const file of await this.files.list(checkpointFolder(run)))
      if (/^step-\d+\.safetensors$/.test(nameOf(file)) && !kept.has(nameOf(file))) await this.files.remove(file);
  }

  /** Readable or not. The record first: what is left where that is cut short is no run. */
  remove(run: string): Promise<void> {
    return this.turns.run(run, async () => {
      await this.files.remove(`runs/${run}/run.json`);
      await this.files.remove(`runs/${run}`);
    });
  }
}
