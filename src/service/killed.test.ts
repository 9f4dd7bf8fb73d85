/** Killed at each of its writes, no verb leaves anything behind that looks whole and is not. Folders are removed file by file, in any order, as file
 *  systems do. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { folderReader } from '../cli/files.ts';
import { isComplete, ModelStore } from '../data/modelStore.ts';
import { listRuns, writeRun } from '../data/runs.ts';
import { RunStore } from '../data/runStore.ts';
import { exportModel } from './export/exporting.ts';
import { KilledFiles } from './killedFiles.ts';
import { ModelPool } from './model/modelPool.ts';
import { ModelStorage } from './model/modelStorage.ts';
import { testEnvironment } from './testEnvironment.ts';
import { testRun } from './testRuns.ts';

const cases = join(import.meta.dirname, '../../tools/reference/cases');
const pipeline = (name: string): string => join(cases, name, 'pipeline');
const signal = { check: () => {}, aborted: new AbortController().signal };

/** Kills the work at every one of its writes. @param check what must hold then, and when it has ended. */
async function killEverywhere(
  prepare: (files: KilledFiles) => Promise<unknown>,
  work: (files: KilledFiles) => Promise<unknown>,
  check: (files: KilledFiles) => Promise<void>,
): Promise<void> {
  for (const last of [false, true]) {
    for (let n = 0, ended = false; !ended; n++) {
      const files = new KilledFiles();
      await prepare(files);
      files.last = last;
      files.left = n;
      ended = await work(files).then(
        () => true,
        (error: unknown) => {
          expect(String(error)).toContain('killed');
          return false;
        },
      );
      files.left = Infinity;
      await check(files);
      expect(n).toBeLessThan(500);
    }
  }
}

const chosen = (name: string): { path: string; file: Blob }[] =>
  readdirSync(pipeline(name), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ path: path.slice(pipeline(name).length + 1), file: new Blob([readFileSync(path)]) }));

const storage = (files: KilledFiles): ModelStorage => new ModelStorage({ files, taken: [], now: () => new Date() });
const bringIn = (files: KilledFiles): Promise<string> =>
  storage(files).importModel(signal, { name: 'm', files: chosen('pipeline-tiny-v') }, () => {});

async function wholeModels(files: KilledFiles): Promise<void> {
  for (const [id, record] of await new ModelStore(files).records()) {
    if (record.files.length === 0 || !isComplete(record)) continue;
    for (const { path, sha256 } of record.files)
      expect(
        createHash('sha256')
          .update(await files.read(`models/${id}/${path}`))
          .digest('hex'),
        path,
      ).toBe(sha256);
  }
}

describe('killed at any write', () => {
  it('an import leaves a whole model or one that says that it is not, and is made good by the next', async () => {
    await killEverywhere(
      async () => {},
      bringIn,
      async (files) => {
        await wholeModels(files);
        if ((await storage(files).complete()).length === 0) await bringIn(files);
        expect(await storage(files).complete()).toEqual(['m']);
        await wholeModels(files);
        expect((await files.list('models')).filter((path) => path.endsWith('model.json'))).toHaveLength(1);
      },
    );
  });

  it('the deletion of a model leaves it whole or not one', async () => {
    await killEverywhere(
      bringIn,
      (files) => storage(files).delete('m'),
      async (files) => {
        await wholeModels(files);
        for (const { id } of await storage(files).list()) await storage(files).delete(id);
        expect(await files.list('models')).toEqual([]);
      },
    );
  });

  it('the deletion of a run leaves it whole or not one', async () => {
    const record = testRun({
      id: 'r',
      checkpoints: [{ step: 2, file: 'runs/r/checkpoints/step-000002.safetensors', at: '' }],
      samples: [{ step: 0, prompt: 'p', seed: 0, file: 'runs/r/samples/step-000000-0.png' }],
    });
    await killEverywhere(
      async (files) => {
        for (const { file } of [...record.checkpoints, ...record.samples]) await files.write(file, new Uint8Array(1));
        await files.write('runs/r/state.safetensors', new Uint8Array(1));
        await files.write('runs/r/metrics.jsonl', new Uint8Array(1));
        await writeRun(files, record);
      },
      (files) => new RunStore(files).remove('r'),
      async (files) => {
        const { runs, unreadable } = await listRuns(files);
        for (const { checkpoints, samples } of runs) {
          for (const { file } of [...checkpoints, ...samples]) expect(await files.exists(file), file).toBe(true);
          expect(await files.exists('runs/r/state.safetensors')).toBe(true);
        }
        for (const { id } of [...runs, ...unreadable]) await new RunStore(files).remove(id);
        expect(await files.list('runs')).toEqual([]);
      },
    );
  });

  it('a model exported over an earlier one is the earlier, the later, or none', async () => {
    const bytesOf = async (files: KilledFiles): Promise<Record<string, string>> => {
      const found: Record<string, string> = {};
      for (const path of await files.list('out'))
        found[path] = createHash('sha256')
          .update(await files.read(path))
          .digest('hex');
      return found;
    };
    const write =
      (name: string) =>
      async (files: KilledFiles): Promise<unknown> => {
        const pool = new ModelPool(testEnvironment({ files, openModel: folderReader }), new RunStore(files));
        const model = await pool.resolve({ base: pipeline(name), adapters: [] });
        return exportModel(model, 'diffusers', { files, folder: 'out', name: 'mine' });
      };
    const whole: Record<string, string>[] = [];
    for (const name of ['pipeline-text-to-image', 'pipeline-tiny-v']) {
      const files = new KilledFiles();
      await write('pipeline-text-to-image')(files);
      await write(name)(files);
      whole.push(await bytesOf(files));
    }
    expect(whole[0]).not.toEqual(whole[1]);
    await killEverywhere(write('pipeline-text-to-image'), write('pipeline-tiny-v'), async (files) => {
      const found = await bytesOf(files);
      if ('out/model_index.json' in found) expect(whole).toContainEqual(found);
    });
  });
});
