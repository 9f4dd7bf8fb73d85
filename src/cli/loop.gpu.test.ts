/** The built command line as a person runs it, on a tiny random Stable Diffusion folder: images, pairs, labels, a run that is interrupted and
 *  goes on, an export, and a picture made with it. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { formatJsonl, readJsonLines } from '../data/formats/jsonl.ts';
import { readPngText } from '../data/formats/png.ts';
import { openSafetensors } from '../data/formats/safetensors.ts';
import type { ImageRecord, LabelEvent, PairRecord, RunRecord, StepMetrics } from '../service/types.ts';

const root = join(import.meta.dirname, '..', '..');
const tiny = join(root, 'tools/reference/cases/pipeline-tiny-v/pipeline');
let folder: string;

interface Result {
  code: number | null;
  out: string;
  err: string;
}

/** `interruptAt`: Ctrl-C as soon as stderr holds this. */
function winnow(args: string[], interruptAt?: string): Promise<Result> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(root, 'tools/cli/winnow.mjs'), ...args], { cwd: folder });
    let [out, err, sent] = ['', '', false];
    child.stdout.on('data', (chunk) => void (out += String(chunk)));
    child.stderr.on('data', (chunk) => {
      err += String(chunk);
      if (interruptAt !== undefined && !sent && err.includes(interruptAt)) sent = child.kill('SIGINT');
    });
    child.on('close', (code) => resolve({ code, out, err }));
  });
}

const lines = <T>(file: string): T[] =>
  readJsonLines(readFileSync(join(folder, file), 'utf8')).lines.map(({ value }) => value as T);
const json = <T>({ code, out, err }: Result): T => {
  expect(code, err).toBe(0);
  expect(out.trimEnd().split('\n'), 'one document on stdout').toHaveLength(1);
  return JSON.parse(out) as T;
};

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'winnow-loop-'));
});

it('goes round the loop', { timeout: 240_000 }, async () => {
  const made = await winnow([
    'generate',
    tiny,
    '--prompt',
    'a tree',
    '--seeds',
    '0-1',
    '--steps',
    '2',
    '--out',
    'images',
    '--json',
  ]);
  const { images } = json<{ images: ImageRecord[] }>(made);
  expect(images.map(({ seed }) => seed)).toEqual([0, 1]);
  expect(made.err).toContain('image 2/2');
  const text = readPngText(new Uint8Array(readFileSync(join(folder, 'images', images[0]!.file))));
  expect(text.get('parameters')).toContain('a tree');
  expect(text.get('winnow')).not.toContain(root);
  // Another seed and the two that are there already.
  const more = json<{ images: ImageRecord[] }>(
    await winnow([
      'generate',
      tiny,
      '--prompt',
      'a tree',
      '--seeds',
      '0-2',
      '--steps',
      '2',
      '--out',
      'images',
      '--json',
    ]),
  );
  expect(more.images.slice(0, 2)).toEqual(images);
  expect(lines('images/images.jsonl')).toHaveLength(3);
  // In f16 they are others, which this adapter may not have.
  const half = await winnow([
    'generate',
    tiny,
    '--prompt',
    'a tree',
    '--steps',
    '2',
    '--arithmetic',
    'f16',
    '--out',
    'images',
  ]);
  expect(half.err).not.toContain('there already');
  expect(half.code === 0 || /this GPU has none: it does not offer shader-f16/.test(half.err), half.err).toBe(true);

  const pairsArgs = [
    'pairs',
    tiny,
    '--prompt',
    'a tree',
    '--prompt',
    'a house',
    '--steps',
    '1',
    '--out',
    'pairs',
    '--json',
  ];
  const first = json<{ pairs: PairRecord[] }>(await winnow([...pairsArgs, '--count', '1']));
  const both = json<{ pairs: PairRecord[] }>(await winnow([...pairsArgs, '--count', '2']));
  expect(both.pairs[0]).toEqual(first.pairs[0]);
  expect(both.pairs.map(({ prompt }) => prompt)).toEqual(['a tree', 'a house']);
  expect((await winnow([...pairsArgs, '--seed', '5'])).code).toBe(2);

  const labels = both.pairs.map((pair, i): LabelEvent => ({
    type: 'label',
    id: `l${i}`,
    pair: pair.id,
    answer: 'left',
    shownLeft: 0,
    clearly: false,
    elapsedMs: 1,
    at: '2026-01-01T00:00:00Z',
    by: 'person',
  }));
  writeFileSync(join(folder, 'labels.jsonl'), formatJsonl(labels));

  const settings = [
    'steps=6',
    'pairsPerStep=1',
    'rank=1',
    'targets=attention',
    'warmupSteps=0',
    'sampleEvery=0',
    'saveEvery=3',
    'learningRate=0.01',
    'beta=500',
  ].flatMap((setting) => ['--set', setting]);
  const stopped = await winnow(
    ['train', tiny, 'pairs', 'labels.jsonl', ...settings, '--reference', 'engine', '--out', 'run'],
    '2 pairs, 6 steps',
  );
  expect(stopped.code, stopped.err).toBe(130);
  expect(stopped.out).toContain('go on with --resume');
  const before = JSON.parse(readFileSync(join(folder, 'run/run.json'), 'utf8')) as RunRecord;
  expect(before.status).toBe('stopped');
  expect(before.step).toBeLessThan(6);
  expect((await winnow(['train', tiny, 'pairs', 'labels.jsonl', '--out', 'run'])).code).toBe(2);

  // What it began with may be named again; another label is noticed, and the run stays as it was.
  const turned = lines<LabelEvent>('labels.jsonl').map((event, i) => (i === 0 ? { ...event, answer: 'right' } : event));
  writeFileSync(join(folder, 'turned.jsonl'), formatJsonl(turned));
  const refused = await winnow(['train', tiny, 'pairs', 'turned.jsonl', '--resume', '--out', 'run']);
  expect(refused.code).toBe(1);
  expect(refused.err).toMatch(/SourceChanged: .*the label of pair .* has changed: its winner was the loser/);
  expect(JSON.parse(readFileSync(join(folder, 'run/run.json'), 'utf8'))).toEqual(before);

  const record = json<RunRecord>(
    await winnow(['train', tiny, 'pairs', 'labels.jsonl', '--resume', '--out', 'run', '--name', 'My taste', '--json']),
  );
  expect(record).toMatchObject({ status: 'finished', step: 6, step0Logit: 0, reference: 'engine', name: 'My taste' });
  const metrics = lines<StepMetrics>('run/metrics.jsonl');
  expect(metrics.map(({ step }) => step)).toEqual([0, 1, 2, 3, 4, 5]);
  expect(metrics[0]!.loss).toBe(Math.LN2);
  const kept = JSON.parse(readFileSync(join(folder, 'run/run.json'), 'utf8')) as RunRecord;
  expect(kept.checkpoints.map(({ file }) => file)).toContain('checkpoints/step-000006.safetensors');

  expect((await winnow(['export', 'run', '--as', 'kohya', '--out', 'taste.safetensors'])).code).toBe(0);
  const lora = await openSafetensors(new Uint8Array(readFileSync(join(folder, 'taste.safetensors'))));
  const up = lora.names.filter((name) => /^lora_unet_.*\.lora_up\.weight$/.test(name));
  expect(up.length).toBeGreaterThan(0);
  expect((await lora.read(up[0]!)).some((x) => x !== 0)).toBe(true);

  const tuned = json<{ images: ImageRecord[] }>(
    await winnow([
      'generate',
      `${tiny}+taste.safetensors:2`,
      '--prompt',
      'a tree',
      '--steps',
      '2',
      '--out',
      'tuned',
      '--json',
    ]),
  );
  expect(tuned.images[0]!.modelHash).not.toBe(images[0]!.modelHash);
  const latents = async (record: ImageRecord, out: string): Promise<Float32Array> =>
    (await openSafetensors(new Uint8Array(readFileSync(join(folder, out, record.latentsFile))))).read('latents');
  expect(await latents(tuned.images[0]!, 'tuned')).not.toEqual(await latents(images[0]!, 'images'));
  expect(existsSync(join(folder, 'settings'))).toBe(false);
});

it('trains on ties and clear answers with soft labels, and draws with an eta', { timeout: 240_000 }, async () => {
  const made = ['pairs', tiny, '--prompt', 'a tree', '--prompt', 'a house', '--steps', '1', '--out', 'two', '--json'];
  const { pairs } = json<{ pairs: PairRecord[] }>(await winnow(made));
  const given = [
    { answer: 'tie', clearly: false },
    { answer: 'right', clearly: true },
  ] as const;
  const events = pairs.map((pair, i): LabelEvent => ({
    type: 'label',
    id: `s${i}`,
    pair: pair.id,
    shownLeft: 0,
    elapsedMs: 1,
    at: '2026-01-01T00:00:00Z',
    by: 'person',
    ...given[i]!,
  }));
  writeFileSync(join(folder, 'soft.jsonl'), formatJsonl(events));
  const settings = ['loss=soft', 'clearPreference=0.9', 'steps=2', 'pairsPerStep=2', 'rank=1', 'sampleEvery=0'];
  const train = ['train', tiny, 'two', 'soft.jsonl', ...settings.flatMap((setting) => ['--set', setting])];
  const record = json<RunRecord>(await winnow([...train, '--reference', 'engine', '--out', 'soft', '--json']));
  expect(record.config).toMatchObject({ loss: 'soft', tiePreference: 0.5, clearPreference: 0.9 });
  expect(record.pairs.map(({ strength }) => strength)).toEqual(['tie', 'clear']);
  const drawn = lines<StepMetrics>('soft/metrics.jsonl').flatMap((step) => step.pairs);
  for (const { pair, preference } of drawn) expect(preference).toBe(pair === pairs[0]!.id ? 0.5 : 0.9);
  expect(drawn).toHaveLength(4);

  const args = ['generate', tiny, '--prompt', 'a tree', '--steps', '2', '--scheduler', 'DDIMScheduler', '--eta', '0.5'];
  const { images } = json<{ images: ImageRecord[] }>(await winnow([...args, '--out', 'eta', '--json']));
  expect(images[0]).toMatchObject({ eta: 0.5, scheduler: 'DDIMScheduler' });
  const png = new Uint8Array(readFileSync(join(folder, 'eta', images[0]!.file)));
  expect(readPngText(png).get('parameters')).toContain('Eta DDIM: 0.5');
});
