/** Preference data of others through the built command line, on a tiny random Stable Diffusion folder: JPEG, PNG and WebP come in, train through the
 *  VAE in two sizes, and a run that was killed goes on to the same bits. */
import { spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { formatJsonl, readJsonLines } from '../data/formats/jsonl.ts';
import type { PairRecord, RunRecord, StepMetrics } from '../service/types.ts';

const root = join(import.meta.dirname, '..', '..');
const tiny = join(root, 'tools/reference/cases/pipeline-text-to-image/pipeline');

it('trains on what was imported, and goes on to the same bits after a kill', { timeout: 480_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'winnow-foreign-'));
  /** `killAt`: ended at once as soon as stderr holds this. */
  const winnow = (args: string[], killAt?: string): Promise<{ code: number | null; out: string; err: string }> =>
    new Promise((resolve) => {
      const child = spawn(process.execPath, [join(root, 'tools/cli/winnow.mjs'), ...args], { cwd: folder });
      let [out, err] = ['', ''];
      child.stdout.on('data', (chunk) => void (out += String(chunk)));
      child.stderr.on('data', (chunk) => {
        err += String(chunk);
        if (killAt !== undefined && err.includes(killAt)) child.kill('SIGKILL');
      });
      child.on('close', (code) => resolve({ code, out, err }));
    });
  const lines = <T>(file: string): T[] =>
    readJsonLines(readFileSync(join(folder, file), 'utf8')).lines.map(({ value }) => value as T);

  mkdirSync(join(folder, 'data'));
  const rows = [
    ['exif-6.jpg', 'progressive.jpg', 1],
    ['lossy-alpha.webp', 'lossless.webp', 0],
    ['16-bit.png', 'interlaced.png', 1],
  ] as const;
  for (const [a, b] of rows)
    for (const name of [a, b]) copyFileSync(join(root, 'tools/reference/pictures', name), join(folder, 'data', name));
  writeFileSync(
    join(folder, 'data/pairs.jsonl'),
    formatJsonl(rows.map(([jpg_0, jpg_1, label_0], i) => ({ caption: `a tree ${i}`, jpg_0, jpg_1, label_0 }))),
  );
  const imported = await winnow(['import', 'data/pairs.jsonl', '--out', 'pairs', '--json']);
  expect(JSON.parse(imported.out), imported.err).toMatchObject({ pairs: 3, usable: 3, refused: [] });
  // One of them in another size.
  const pairs = lines<PairRecord>('pairs/pairs.jsonl');
  writeFileSync(
    join(folder, 'pairs/pairs.jsonl'),
    formatJsonl(pairs.map((pair, i) => (i === 1 ? { ...pair, sizing: { width: 24, height: 16, fit: 'pad' } } : pair))),
  );

  const settings = [
    'steps=4',
    'pairsPerStep=1',
    'rank=1',
    'targets=attention',
    'warmupSteps=0',
    'sampleEvery=0',
    'saveEvery=2',
    'learningRate=0.01',
    'beta=500',
    'repeats.import=2',
  ].flatMap((setting) => ['--set', setting]);
  const train = (out: string): string[] => ['train', tiny, 'pairs', ...settings, '--reference', 'engine', '--out', out];
  const whole = await winnow(train('whole/run'));
  expect(whole.code, whole.err).toBe(0);
  expect(whole.err).toContain('3 pairs, 4 steps; labels: 3 by import');
  expect(whole.err).toContain('2 times an epoch');
  const record = JSON.parse(readFileSync(join(folder, 'whole/run/run.json'), 'utf8')) as RunRecord;
  expect(record).toMatchObject({ status: 'finished', step0Logit: 0, config: { repeats: { import: 2 } } });
  const [vae] = readdirSync(join(folder, 'pairs/encoded'));
  const encoded = readdirSync(join(folder, 'pairs/encoded', vae!));
  expect(encoded.filter((name) => name.endsWith('-16x16-crop.safetensors'))).toHaveLength(4);
  expect(encoded.filter((name) => name.endsWith('-24x16-pad.safetensors'))).toHaveLength(2);

  const killed = await winnow(train('killed/run'), 'step-000002.safetensors');
  expect(killed.code, killed.err).not.toBe(0);
  const resumed = await winnow(['train', tiny, 'pairs', '--resume', '--out', 'killed/run']);
  expect(resumed.code, resumed.err).toBe(0);
  const losses = (run: string): number[] => lines<StepMetrics>(`${run}/run/metrics.jsonl`).map(({ loss }) => loss);
  expect(losses('whole')).toHaveLength(4);
  expect(losses('killed')).toEqual(losses('whole'));
  const trained = (run: string): Buffer => readFileSync(join(folder, run, 'run/checkpoints/step-000004.safetensors'));
  expect(trained('killed').equals(trained('whole'))).toBe(true);
});
