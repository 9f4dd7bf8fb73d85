/** A run that was saved in a project and is resumed elsewhere ends in the same bits as where it was. On the oracle. */
import 'fake-indexeddb/auto';
import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { openDatabase } from '../../data/db.ts';
import { checkProject, restoreProject } from '../../data/project/restore.ts';
import { saveProject } from '../../data/project/save.ts';
import { statePath } from '../../data/runStore.ts';
import { MemoryFileStore } from '../memoryFiles.ts';
import { testConfig, TestTraining } from './testTraining.ts';

it('goes on to the same bits', async () => {
  const here = await TestTraining.open({ pairs: 2 });
  const begun = here.start({
    config: testConfig({ steps: 4, saveEvery: 2 }),
    onEvent: (event) => void (event.type === 'checkpoint' && begun.command('stop')),
  });
  expect(await begun.record).toMatchObject({ status: 'stopped', step: 2 });
  const db = await openDatabase('here');
  await saveProject({ files: here.files, db, settings: {}, models: [] }, 'exports/project.zip');
  const blob = new Blob([await here.files.read('exports/project.zip')]);
  const [files, elsewhere] = [new MemoryFileStore(), await openDatabase('elsewhere')];
  await restoreProject(await checkProject(blob, 'project.zip', { files, db: elsewhere }), { files, db: elsewhere });
  const there = await TestTraining.open({ files, pairs: 2 });
  for (const t of [here, there])
    expect(await t.start({ resume: true, pairs: [] }).record).toMatchObject({ status: 'finished', step: 4 });
  const ends = (t: TestTraining): Promise<unknown[]> =>
    Promise.all(
      [statePath('r'), 'runs/r/checkpoints/step-000004.safetensors'].map(async (path) =>
        createHash('sha256')
          .update(await t.files.read(path))
          .digest('hex'),
      ),
    );
  expect(await ends(there)).toEqual(await ends(here));
  const losses = async (t: TestTraining): Promise<number[]> => (await t.runs.metrics('r')).map(({ loss }) => loss);
  expect(await losses(there)).toEqual(await losses(here));
  expect(await losses(there)).toHaveLength(4);
  db.close();
  elsewhere.close();
});
