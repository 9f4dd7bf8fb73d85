/** A disk that is full at any byte, and one that then takes nothing away, either: every verb that writes files ends, says why, and leaves no half. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestHub, type TestHub } from '../../tools/testHub.ts';
import { folderReader } from '../cli/files.ts';
import { partOf } from '../data/files.ts';
import { isComplete, ModelStore } from '../data/modelStore.ts';
import { writeInParts } from '../data/partWriter.ts';
import { WinnowError } from '../shared/errors.ts';
import { Engine } from './engineService.ts';
import { MemoryFileStore } from './memoryFiles.ts';
import { testEnvironment } from './testEnvironment.ts';

const pipeline = join(import.meta.dirname, '../../tools/reference/cases/pipeline-tiny-v/pipeline');

class FullFiles extends MemoryFileStore {
  /** Bytes that still fit. */
  left = Infinity;
  /** One write was refused, and all after it are. */
  full = false;
  /** From then on nothing can be removed, either. */
  keepsAll = false;

  private take(bytes: number): void {
    this.full ||= bytes > this.left;
    if (this.full) throw new WinnowError('NoDiskSpace', 'The disk is full.', 'Free some space.');
    this.left -= bytes;
  }

  override async write(path: string, bytes: Uint8Array): Promise<void> {
    this.take(bytes.length);
    return super.write(path, bytes);
  }

  override async append(path: string, bytes: Uint8Array): Promise<void> {
    this.take(bytes.length);
    return super.append(path, bytes);
  }

  override async remove(path: string): Promise<void> {
    if (this.keepsAll && this.full) throw new DOMException('busy', 'NoModificationAllowedError');
    return super.remove(path);
  }
}

let hub: TestHub;
beforeAll(async () => {
  hub = await startTestHub({ folder: pipeline });
});
afterAll(() => hub.close());

const engineOn = (files: FullFiles): Engine =>
  new Engine(
    testEnvironment({
      files,
      embeddedModels: [pipeline],
      openModel: (id) => (id === pipeline ? folderReader(id) : new ModelStore(files).reader(id)),
    }),
  );

const chosen = readdirSync(pipeline, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name))
  .map((path) => ({ path: `m/${path.slice(pipeline.length + 1)}`, file: new Blob([readFileSync(path)]) }));

const model = { base: pipeline, adapters: [] };
const verbs: Record<string, (engine: Engine, files: FullFiles, said: () => void) => Promise<unknown>> = {
  'an import': (engine, _, said) => engine.importModel('j', { name: 'm', files: chosen }, said),
  'a download': (engine, _, said) => engine.downloadModel('j', { id: hub.id, host: hub.host }, said),
  'an export as a folder': (engine, _, said) => engine.export(model, 'diffusers', {}, said),
  'an export as a folder in one file': (engine, _, said) => engine.export(model, 'diffusers', { zip: true }, said),
  'an export over an earlier one': (engine, _, said) => engine.export(model, 'diffusers', { folder: 'out' }, said),
  'an export as ONNX': (engine, _, said) => engine.export(model, 'onnx', {}, said),
  'a file of pieces, as a checkpoint is': (_, files) =>
    writeInParts(files, 'runs/r/state.safetensors', async (add) => {
      for (let n = 0; n < 30; n++) await add(new Uint8Array(1_000_000));
    }),
};

const total = 40_000_000;
const folders = ['exports', 'out', 'runs', 'models'];
const held = async (files: FullFiles, below: readonly string[]): Promise<string[]> =>
  (await Promise.all(below.map((folder) => files.list(folder)))).flat();
/** The folder of an export has an id. */
const named = (path: string): string => path.replace(/^exports\/[^/]+/, 'exports');

describe.each(Object.entries(verbs))('%s', (what, verb) => {
  it('ends with NoDiskSpace wherever the disk is full, with nothing after it and no half left', async () => {
    const whole = new FullFiles();
    whole.left = total;
    await verb(engineOn(whole), whole, () => {});
    const bytes = total - whole.left;
    const made = await held(whole, folders);
    for (const keepsAll of [false, true]) {
      for (const share of [0, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99]) {
        const files = new FullFiles();
        const engine = engineOn(files);
        files.left = Math.floor(share * bytes);
        files.keepsAll = keepsAll;
        let over = false;
        let late = 0;
        const work = verb(engine, files, () => (late += over ? 1 : 0));
        await expect(work, `${share}`).rejects.toMatchObject({ name: 'NoDiskSpace' });
        over = true;
        await new Promise((resolve) => void setTimeout(resolve, 0));
        expect(late).toBe(0);
        for (const record of (await new ModelStore(files).records()).values())
          expect(record.files.length > 0 && isComplete(record)).toBe(false);
        if (keepsAll) continue;
        expect(await held(files, ['exports', 'out', 'runs'])).toEqual([]);
        if (!what.includes('download')) for (const path of made) expect(await files.size(partOf(path))).toBe(0);
        // With room again it comes to what it comes to undisturbed.
        Object.assign(files, { left: Infinity, full: false });
        await verb(engine, files, () => {});
        expect((await held(files, folders)).map(named)).toEqual(made.map(named));
      }
    }
  });
});
