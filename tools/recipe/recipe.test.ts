/** The paper's rows: what docs/paper.md says of them. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MAX_WINNER_ERROR } from '../../src/evaluation/looks.ts';
import { configFor, presets } from '../../src/training/presets.ts';
import { plans } from './engine.mjs';

const root = join(import.meta.dirname, '..', '..');
const paper = readFileSync(join(root, 'docs/paper.md'), 'utf8');
const listed = readFileSync(join(import.meta.dirname, 'rows/__init__.py'), 'utf8');
const names = readdirSync(join(import.meta.dirname, 'rows'))
  .filter((file) => file.endsWith('.py') && file !== '__init__.py')
  .map((file) => file.slice(0, -'.py'.length).replaceAll('_', '-'));
const sections = new Map(
  paper.split(/^## /m).map((section) => [/`npm run reproduce -- ([a-z-]+)`/.exec(section)?.[1], section]),
);

it.each(names)('%s stands in docs/paper.md with its command, its figures or that it was not run', (name) => {
  expect(listed).toContain(`"${name}"`);
  const section = sections.get(name) ?? '';
  expect(section).toContain('**The paper.**');
  const results = join(root, 'bench/results/paper', `${name}.json`);
  if (!existsSync(results)) return expect(section).toContain('Not run.');
  const { model, arms, reading } = JSON.parse(readFileSync(results, 'utf8')) as {
    model: string;
    arms: Record<string, object>;
    reading: string[];
  };
  expect(section).toContain(`model ${model}`);
  for (const arm of Object.keys(arms)) expect(section).toContain(`| ${arm} |`);
  for (const sentence of reading) expect(section).toContain(sentence);
});

it('has a row for every plan of the engine', () => {
  expect(names).toEqual(expect.arrayContaining(Object.keys(plans)));
});

describe('runs by the studio’s presets', () => {
  const settingsIn = (file: string, line: RegExp): Record<string, number> =>
    Object.fromEntries(
      line
        .exec(readFileSync(join(import.meta.dirname, file), 'utf8'))![1]!
        .split(', ')
        .map((part) => part.split('=') as [string, string])
        .map(([name, value]) => [name, Number(value)]),
    );
  const settingsOf = (preset: string): Record<string, number> => {
    const { learningRate, beta, steps, pairsPerStep, warmupSteps, timestepRange } = configFor(
      presets.find(({ name }) => name === preset)!,
      100,
    );
    const [low, high] = timestepRange;
    return { lr: learningRate, beta, steps, batch: pairsPerStep, warmup: warmupSteps, low, high };
  };
  const standard = settingsIn('rig.py', /^STANDARD = dict\(QUICK, (.*)\)$/m);

  it('standard', () => expect(standard).toEqual(settingsOf('standard')));

  it('draws as the model’s folder says', () => {
    const [, steps, guidance] = /^SAMPLER = dict\(steps=(\d+), guidance=([\d.]+)\)$/m.exec(
      readFileSync(join(import.meta.dirname, '../base-model/taste_search.py'), 'utf8'),
    )!;
    const index = readFileSync(join(root, 'public/models/postcard/model_index.json'), 'utf8');
    expect(JSON.parse(index)).toMatchObject({
      _winnow: { num_inference_steps: Number(steps), guidance_scale: Number(guidance) },
    });
  });

  it('for labels in doubt', () => {
    const changed = settingsIn('row.py', /^DOUBTFUL = dict\((.*)\)$/m);
    expect({ ...standard, ...changed }).toEqual(settingsOf('doubtful'));
  });

  it('under the drift guard', () => {
    const [, guard] = /^GUARD = (.*)$/m.exec(readFileSync(join(import.meta.dirname, 'row.py'), 'utf8'))!;
    expect(Number(guard)).toBe(MAX_WINNER_ERROR);
  });
});
