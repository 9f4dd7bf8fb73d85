import { expect, it } from 'vitest';
import { testRun } from '../../service/testRuns.ts';
import { settingsApart } from './settingsApart.ts';

it('names what differs between runs, as settings files do, and nothing else', () => {
  const run = testRun();
  const other = {
    ...run,
    pairs: [...run.pairs, ...run.pairs],
    config: { ...run.config, beta: 7, timestepRange: [0, 300] as [number, number], samplePrompts: ['a cat'] },
  };
  expect(settingsApart([run, other, run])).toEqual([
    { setting: 'pairs', values: [1, 2, 1].map((n) => String(n * run.pairs.length)) },
    { setting: 'beta', values: [String(run.config.beta), '7', String(run.config.beta)] },
    {
      setting: 'timestepRange',
      values: [JSON.stringify(run.config.timestepRange), '[0,300]', JSON.stringify(run.config.timestepRange)],
    },
  ]);
  expect(settingsApart([run, run])).toEqual([]);
});

it('a setting that only one run has differs', () => {
  const run = testRun();
  const { ema: _, ...earlier } = run.config;
  expect(settingsApart([run, { ...run, config: earlier as typeof run.config }])).toEqual([
    { setting: 'ema', values: [String(run.config.ema), '–'] },
  ]);
});
