/** `winnow handoff` on a tiny random model: what is written is what the run began with, and what a run goes on from. That continue.py follows it is
 *  stated by tools/hand-off/check.py. */
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parquetReadObjects } from 'hyparquet';
import { beforeAll, expect, it } from 'vitest';
import { openSafetensors } from '../data/formats/safetensors.ts';
import { pairKind } from '../records/kinds.ts';
import type { PairRecord, RunRecord, StepMetrics } from '../service/types.ts';
import { labelEvent } from '../records/testRecords.ts';
import { appendRecords, readRecords } from './records.ts';
import { winnow } from './testCli.ts';
import { presetNamed } from '../training/presets.ts';

const tiny = join(import.meta.dirname, '../../tools/reference/cases/pipeline-tiny-v/pipeline');
let folder: string;
const at = (...path: string[]): string => join(folder, ...path);

async function done<T>(...args: string[]): Promise<T> {
  const { code, out, err } = await winnow(...args, '--json');
  expect(code, err).toBe(0);
  return JSON.parse(out) as T;
}

const sha256 = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');
const read = <T>(file: string): T => JSON.parse(readFileSync(file, 'utf8')) as T;
const settings = [
  'steps=2',
  'rank=2',
  'alpha=3',
  'pairsPerStep=2',
  'lrSchedule=constant',
  'warmupSteps=0',
  'sampleEvery=0',
];
const sets = settings.flatMap((setting) => ['--set', setting]);
let pairs: PairRecord[];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'winnow-handoff-'));
  await done('pairs', tiny, '--prompt', 'a cat', '--count', '3', '--steps', '2', '--out', at('pairs'));
  pairs = readRecords(at('pairs', 'pairs.jsonl'), pairKind);
  appendRecords(
    at('pairs', 'labels.jsonl'),
    pairs.map(({ id }, i) => ({ ...labelEvent(`l${i}`, id), answer: i === 1 ? 'right' : 'left' })),
  );
  await done('train', tiny, at('pairs'), '--preset', 'quick', ...sets, '--set', 'reference=engine', '--out', at('run'));
}, 240_000);

interface Written {
  step: number;
  base: { folder: string | null; files: Record<string, string> };
  files: Record<string, string>;
  latentShape: number[];
  entries: { name: string; shape: number[] }[];
  expect: StepMetrics[];
  below: { file: string; strength: number }[];
}

it('writes a run: its latents, state, hashes and the steps to come', { timeout: 240_000 }, async () => {
  const before = readFileSync(at('run', 'run.json'), 'utf8');
  const made = await done<{ pairs: number; data: number; expect: number }>(
    'handoff',
    at('run'),
    '--expect',
    '2',
    '--out',
    at('out'),
  );
  expect(made).toMatchObject({ pairs: 3, data: 3, expect: 2 });
  const written = read<Written>(at('out', 'handoff.json'));
  const record = read<RunRecord>(at('run', 'run.json'));
  expect(readFileSync(at('run', 'run.json'), 'utf8')).toBe(before);
  expect(readFileSync(at('out', 'run.json'), 'utf8')).toBe(before);
  expect(written.base.folder).toBeNull();
  for (const [name, hash] of Object.entries(written.files))
    expect([name, sha256(at('out', name))]).toEqual([name, hash]);
  for (const [name, hash] of Object.entries(written.base.files))
    expect([name, sha256(join(tiny, name))]).toEqual([name, hash]);
  // It goes on where the run stopped, on the settings that it has.
  expect(written.expect.map(({ step }) => step)).toEqual([2, 3]);
  const state = await openSafetensors(readFileSync(at('out', 'state.safetensors')), 'state');
  expect(state.metadata['step']).toBe('2');
  for (const { name, shape } of written.entries) expect([name, state.shape(`exp_avg.${name}`)]).toEqual([name, shape]);

  const rows = await parquetReadObjects({
    file: new Uint8Array(readFileSync(at('out', 'pairs.parquet'))).buffer,
    utf8: false,
  });
  for (const [i, { winnerLatents, loserLatents, pair }] of record.pairs.entries()) {
    const row = rows[i]!;
    expect([row['pair'], row['caption'], row['latent_shape']]).toEqual([pair, 'a cat', written.latentShape]);
    for (const [column, file] of [
      ['latents_w', winnerLatents],
      ['latents_l', loserLatents],
    ] as const) {
      const { buffer } = await (await openSafetensors(readFileSync(file), file)).read('latents');
      expect(Buffer.compare(row[column] as Uint8Array, new Uint8Array(buffer))).toBe(0);
    }
  }
  const [data] = readdirSync(at('out', 'data'));
  const table = await parquetReadObjects({
    file: new Uint8Array(readFileSync(at('out', 'data', data!))).buffer,
    utf8: false,
  });
  for (const [i, row] of table.entries()) {
    const winner = row['label_0'] === 1 ? row['jpg_0'] : row['jpg_1'];
    const png = record.pairs[i]!.winnerLatents.replace('.safetensors', '.png');
    expect(Buffer.compare(winner as Uint8Array, readFileSync(png))).toBe(0);
  }
});

it('writes the adapters under a run, and the model where it is asked for', { timeout: 240_000 }, async () => {
  await done(
    'train',
    `${tiny}+${at('run')}:0.5`,
    at('pairs'),
    '--preset',
    'quick',
    ...sets,
    '--set',
    'reference=engine',
    '--out',
    at('above'),
  );
  await done('handoff', at('above'), '--expect', '0', '--out', at('above-out'));
  const { below } = read<Written>(at('above-out', 'handoff.json'));
  expect(below).toEqual([{ file: 'below/0.safetensors', strength: 0.5 }]);
  const adapter = await openSafetensors(readFileSync(at('above-out', 'below/0.safetensors')), 'below');
  const checkpoint = await openSafetensors(
    readFileSync(at('run', 'checkpoints/step-000002.safetensors')),
    'checkpoint',
  );
  expect(adapter.names.toSorted()).toEqual(checkpoint.names.toSorted());
  for (const name of adapter.names) expect(await adapter.read(name)).toEqual(await checkpoint.read(name));

  await done('handoff', at('above'), '--expect', '0', '--with-model', '--out', at('model-out'));
  const whole = read<Written>(at('model-out', 'handoff.json'));
  expect([whole.base.folder, whole.below]).toEqual(['model', []]);
  for (const [name, hash] of Object.entries(whole.base.files))
    expect(sha256(at('model-out', 'model', name))).toBe(hash);
});

it('begins a run of pairs, as train would', { timeout: 240_000 }, async () => {
  await done(
    'handoff',
    at('pairs'),
    '--model',
    tiny,
    '--preset',
    'quick',
    ...sets,
    '--expect',
    '1',
    '--out',
    at('new'),
  );
  const written = read<Written>(at('new', 'handoff.json'));
  expect([written.step, written.expect.map(({ step, loss }) => [step, loss])]).toEqual([0, [[0, Math.LN2]]]);
  const [first] = readFileSync(at('run', 'metrics.jsonl'), 'utf8').split('\n');
  const { elapsedMs: _, ...row } = written.expect[0]!;
  expect(JSON.parse(first!)).toMatchObject(row);
  expect(read<RunRecord>(at('new', 'run.json')).config).toMatchObject({
    steps: 2,
    rank: 2,
    // Of the preset, where nothing else is said.
    saveEvery: presetNamed('quick')!.config.saveEvery,
  });
});

it('hands pairs alone to the published scripts', async () => {
  const made = await done<{ files: string[] }>('handoff', at('pairs'), '--out', at('alone'));
  expect(made.files).toEqual([
    'README.md',
    'command-diffusers-sd.txt',
    'command-diffusers-sdxl.txt',
    'command-salesforce.txt',
    'data',
    'draws.py',
    'make_pairs.py',
    'request.json',
    'requirements.txt',
  ]);
});

it('hands off nothing that the run did not begin with, and nothing half', async () => {
  const file = join(at('run'), 'run.json');
  const text = readFileSync(file, 'utf8');
  const latents = read<RunRecord>(file).pairs[0]!.winnerLatents;
  const other = read<RunRecord>(file).pairs[1]!.winnerLatents;
  const bytes = readFileSync(latents);
  writeFileSync(latents, readFileSync(other));
  const { code, err } = await winnow('handoff', at('run'), '--expect', '0', '--out', at('none'));
  writeFileSync(latents, bytes);
  expect([code, err]).toEqual([1, expect.stringContaining('SourceChanged')]);
  expect(existsSync(at('none'))).toBe(false);
  expect(readdirSync(folder).filter((name) => name.includes('none'))).toEqual([]);
  expect(readFileSync(file, 'utf8')).toBe(text);
});

it.each([
  [() => [at('pairs'), '--expect', '2'], '--expect does nothing without --model'],
  [() => [at('run'), '--model', tiny], '--model does nothing with a run'],
  [() => [folder], 'is neither a run nor a folder of pairs'],
])('refuses %#', async (args, message) => {
  const { code, err } = await winnow('handoff', ...args(), '--out', at('refused'));
  expect([code, err]).toEqual([2, expect.stringContaining(message)]);
});
