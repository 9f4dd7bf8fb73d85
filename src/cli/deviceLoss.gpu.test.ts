/** What the command line says where the GPU is lost while it works, and that it goes on. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { formatJsonl } from '../data/formats/jsonl.ts';
import type { LabelEvent, PairRecord, RunRecord } from '../service/types.ts';
import { type LosingGpu, losingGpu } from '../webgpu/losingGpu.ts';
import { runCli } from './run.ts';

let losing: LosingGpu;
// The real one, whose devices can be taken away.
vi.mock('./device.ts', async (original) => {
  const real = await original<typeof import('./device.ts')>();
  return {
    ...real,
    openNodeGpu: async () => {
      const { gpu, source } = await real.openNodeGpu();
      losing = losingGpu(gpu);
      return { gpu: losing.gpu, source };
    },
  };
});

const tiny = join(import.meta.dirname, '..', '..', 'tools/reference/cases/pipeline-tiny-v/pipeline');
const folder = mkdtempSync(join(tmpdir(), 'winnow-loss-'));

/** @param loseAt the device is taken away, once, when this is said. */
async function winnow(args: string[], loseAt: string): Promise<{ code: number; err: string; json: unknown }> {
  let [out, err] = ['', ''];
  const code = await runCli([...args, '--json'], {
    out: (text) => void (out += text),
    err: (text) => {
      err += text;
      if (losing?.losses === 0 && text.includes(loseAt)) losing.lose();
    },
    live: true,
  });
  return { code, err, json: JSON.parse(out) as unknown };
}

const taken = /^The GPU was taken away \(.+\)\. It was opened again/gm;

it('says so in one line, and goes on', { timeout: 300_000 }, async () => {
  const pairs = join(folder, 'pairs');
  const made = await winnow(
    ['pairs', tiny, '--prompt', 'a tree', '--count', '2', '--steps', '1', '--sampler', 'onnx', '--out', pairs],
    'pair 1/2',
  );
  expect(made.code, made.err).toBe(0);
  expect(made.err.replaceAll('\r', '\n').match(taken)).toHaveLength(1);
  const records = (made.json as { pairs: PairRecord[] }).pairs;
  expect(records).toHaveLength(2);
  const label = ({ id }: PairRecord): LabelEvent => ({
    type: 'label',
    id: `label ${id}`,
    pair: id,
    answer: 'left',
    shownLeft: 0,
    clearly: false,
    elapsedMs: 1,
    at: '2026-01-01T00:00:00Z',
    by: 'person',
  });
  writeFileSync(join(pairs, 'labels.jsonl'), formatJsonl(records.map(label)));
  const out = join(folder, 'run');
  const changes = { steps: 3, rank: 1, alpha: 1, pairsPerStep: 1, saveEvery: 1, sampleEvery: 0, targets: 'attention' };
  const set = Object.entries(changes).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
  const trained = await winnow(
    ['train', tiny, pairs, '--preset', 'quick', '--reference', 'onnx', ...set, '--out', out],
    'step 2/3',
  );
  expect(trained.code, trained.err).toBe(0);
  expect(trained.err.replaceAll('\r', '\n').match(taken)).toHaveLength(1);
  expect(trained.err).toMatch(/training went on from step 1; it had taken 2\./);
  const record = JSON.parse(readFileSync(join(out, 'run.json'), 'utf8')) as RunRecord;
  expect(record).toMatchObject({ status: 'finished', step: 3, recoveries: [{ lostAt: 2, from: 1 }] });
});
