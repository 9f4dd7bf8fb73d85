/** Files of before a field was there still open. */
import { expect, it } from 'vitest';
import { writeJson } from '../../data/files.ts';
import { parseTrainConfig, printTrainConfig } from '../../data/formats/trainConfig.ts';
import { presetNamed } from '../../training/presets.ts';
import { MemoryFileStore } from '../memoryFiles.ts';
import { RunStore } from './runStore.ts';

const config = presetNamed('standard')!.config;
const { recompute: _, ...earlier } = config;

it('reads a config without recompute as auto', () => {
  expect(parseTrainConfig(JSON.stringify(earlier))).toEqual({ ...config, recompute: 'auto' });
  expect(parseTrainConfig(printTrainConfig({ ...config, recompute: 'blocks' })).recompute).toBe('blocks');
});

it('reads a run without recompute as one that kept what is dear to compute, and leaves a new one as it is', async () => {
  const files = new MemoryFileStore();
  const record = { id: 'r', config: earlier, checkpoints: [], samples: [], createdAt: '2025' };
  await writeJson(files, 'runs/r/run.json', record);
  await writeJson(files, 'runs/undecided/run.json', { ...record, id: 'undecided', config, createdAt: '2026' });
  const runs = new RunStore(files);
  expect(await runs.load('r')).toEqual({ ...record, recompute: 'cheap', config: { ...config, recompute: 'auto' } });
  expect((await runs.list()).map(({ id, recompute }) => [id, recompute])).toEqual([
    ['undecided', undefined],
    ['r', 'cheap'],
  ]);
});
