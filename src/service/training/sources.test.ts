/** A run goes on only with what it began with, by content: each kind of change is noticed and called what it is, and the run stays as it was.
 *  On the oracle. */
import { cpSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { readJson, writeJson } from '../../data/files.ts';
import { openSafetensors, type TensorToWrite, writeSafetensors } from '../../data/formats/safetensors.ts';
import type { RunRecord } from '../types.ts';
import { statePath } from '../../data/runStore.ts';
import { testConfig, TestTraining, tiny, writeLatents } from './testTraining.ts';

let folder: string;
let t: TestTraining;

const edit = (file: string, change: (value: Record<string, unknown>) => Record<string, unknown>): void => {
  const path = join(folder, file);
  writeFileSync(
    path,
    JSON.stringify(change(JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>), null, 3),
  );
};

/** The first tensor's first number moves by a bit. */
async function nudge(file: string): Promise<void> {
  const path = join(folder, file);
  const source = await openSafetensors(new Uint8Array(readFileSync(path)));
  const tensors: Record<string, TensorToWrite> = {};
  for (const [i, name] of source.names.entries()) {
    const data = await source.read(name);
    if (i === 0) data[0]! += 1e-3;
    tensors[name] = { shape: source.shape(name)!, data };
  }
  writeFileSync(path, writeSafetensors(tensors));
}

/** A run that has taken one of two steps; a tab opened anew on its files. */
async function stopped(): Promise<void> {
  folder = join(mkdtempSync(join(tmpdir(), 'winnow-sources-')), 'model');
  cpSync(tiny, folder, { recursive: true });
  // -Infinity is no JSON, and what the reader does with it not this test's business.
  const scheduler = join(folder, 'scheduler/scheduler_config.json');
  writeFileSync(scheduler, readFileSync(scheduler, 'utf8').replace(/.*-Infinity,\n/, ''));
  const before = await TestTraining.open({ pairs: 2 });
  const run = before.start({
    model: { base: folder, adapters: [] },
    config: testConfig({ steps: 2, saveEvery: 0 }),
    onEvent(event) {
      if (event.type === 'step' && event.metrics.step === 0) void run.command('stop');
    },
  });
  expect(await run.record).toMatchObject({ status: 'stopped', step: 1 });
  t = await TestTraining.open({ files: before.files, pairs: 2 });
}

const resume = (changes: Parameters<TestTraining['start']>[0] = {}) =>
  t.start({ model: { base: folder, adapters: [] }, pairs: [], resume: true, ...changes });

async function refused(message: RegExp, changes: Parameters<TestTraining['start']>[0] = {}): Promise<void> {
  const files = async (): Promise<unknown> => [
    await readJson(t.files, 'runs/r/run.json'),
    await t.files.read(statePath('r')),
    await t.runs.metrics('r'),
  ];
  const before = await files();
  await expect(resume(changes).record).rejects.toMatchObject({
    name: 'SourceChanged',
    message: expect.stringMatching(message) as string,
  });
  expect(await files()).toEqual(before);
}

beforeEach(stopped, 60_000);

describe('what the model is made of', () => {
  it.each([
    ['scheduler', () => edit('scheduler/scheduler_config.json', (c) => ({ ...c, prediction_type: 'epsilon' }))],
    ['scheduler', () => edit('scheduler/scheduler_config.json', (c) => ({ ...c, beta_end: 0.02 }))],
    ['UNet', () => nudge('unet/diffusion_pytorch_model.safetensors')],
    ['text encoder', () => nudge('text_encoder/model.safetensors')],
    ['text encoder', () => edit('text_encoder/config.json', (c) => ({ ...c, hidden_act: 'gelu' }))],
    ['VAE', () => nudge('vae/diffusion_pytorch_model.safetensors')],
    ['VAE', () => edit('vae/config.json', (c) => ({ ...c, scaling_factor: 0.5 }))],
    ['tokenizer', () => edit('tokenizer/tokenizer_config.json', (c) => ({ ...c, model_max_length: 12 }))],
  ] as [string, () => Promise<void> | void][])('a changed %s', async (part, change) => {
    await change();
    await refused(new RegExp(`the ${part} of Model has changed\\.`));
  });

  it('all that have changed, in one sentence', async () => {
    await nudge('vae/diffusion_pytorch_model.safetensors');
    edit('scheduler/scheduler_config.json', (c) => ({ ...c, prediction_type: 'epsilon' }));
    await refused(/the scheduler of Model has changed; the VAE of Model has changed/);
  });

  it('not how its configs are written, nor who wrote them', async () => {
    edit('scheduler/scheduler_config.json', (c) =>
      Object.fromEntries(Object.entries({ ...c, _diffusers_version: '9.9' }).toReversed()),
    );
    expect((await resume().record).status).toBe('finished');
  });

  it('not where it lies: the run goes on from the new place, and remembers it', async () => {
    const moved = `${folder}-moved`;
    cpSync(folder, moved, { recursive: true });
    const record = await resume({ model: { base: moved, adapters: [] } }).record;
    expect(record).toMatchObject({ status: 'finished', model: { base: moved } });
  });

  it('a model that is not there is refused by name', async () => {
    await expect(resume({ model: { base: `${folder}-nowhere`, adapters: [] } }).record).rejects.toMatchObject({
      name: 'NotFound',
    });
    expect((await t.runs.load('r')).status).toBe('stopped');
  });
});

describe('pairs and labels', () => {
  it('changed latents', async () => {
    await writeLatents(t.files, 'images/1-l.safetensors', 'others');
    await refused(/the latents of pair pair 1 have changed/);
  });

  it('latents of which only the header has changed are the same', async () => {
    const { read, shape } = await openSafetensors(await t.files.read('images/1-l.safetensors'));
    await t.files.write(
      'images/1-l.safetensors',
      writeSafetensors({ latents: { shape: shape('latents')!, data: await read('latents') } }, { by: 'hand' }),
    );
    expect((await resume().record).status).toBe('finished');
  });

  it('a winner that was the loser, in the files or by the labels given', async () => {
    const [first, second] = t.pairs;
    const turned = { ...first!, winnerLatents: first!.loserLatents, loserLatents: first!.winnerLatents };
    await refused(/the label of pair pair 0 has changed: its winner was the loser/, { pairs: [turned, second!] });
    const [w, l] = [await t.files.read('images/0-w.safetensors'), await t.files.read('images/0-l.safetensors')];
    await t.files.write('images/0-w.safetensors', l);
    await t.files.write('images/0-l.safetensors', w);
    await refused(/its winner was the loser/);
  });

  it('another set of pairs, another prompt, a surer label', async () => {
    const [first, second] = t.pairs;
    await refused(/it trains on 2 pairs, and the pairs and labels given make 1/, { pairs: [first!] });
    await refused(/pair 1 was pair 0 and is pair 1/, { pairs: [second!, first!] });
    await refused(/the label of pair pair 0 has changed\./, { pairs: [{ ...first!, strength: 'clear' }, second!] });
    await refused(/the prompt of pair pair 1 has changed/, { pairs: [first!, { ...second!, prompt: 'a boat' }] });
  });

  it('latents that are gone are refused by name, and the run stays as it was', async () => {
    await t.files.remove('images/1-w.safetensors');
    await expect(resume().record).rejects.toMatchObject({ name: 'NotFound' });
    expect(await t.runs.load('r')).toMatchObject({ status: 'stopped', step: 1 });
  });

  it('not where they lie: the run goes on from the new place, and remembers it', async () => {
    const moved = [];
    for (const pair of t.pairs) {
      for (const path of [pair.winnerLatents, pair.loserLatents])
        await t.files.write(`moved/${path}`, await t.files.read(path));
      moved.push({
        ...pair,
        winnerLatents: `moved/${pair.winnerLatents}`,
        loserLatents: `moved/${pair.loserLatents}`,
      });
    }
    await t.files.remove('images');
    const record = await resume({ pairs: moved }).record;
    expect(record.status).toBe('finished');
    expect(record.pairs).toEqual(moved);
  });
});

describe('a record of before hashes were kept', () => {
  beforeEach(async () => {
    const { sources: _, ...record } = await readJson<RunRecord>(t.files, 'runs/r/run.json');
    await writeJson(t.files, 'runs/r/run.json', record);
  });

  it('goes on, says what could not be compared, and has hashes from then on', async () => {
    const run = resume();
    const record = await run.record;
    const started = run.events.find(({ type }) => type === 'started');
    expect(started).toMatchObject({
      resumedAt: 1,
      unchecked: expect.stringMatching(
        /latents, scheduler, text encoder, tokenizer and VAE could not be compared/,
      ) as string,
    });
    expect(record.status).toBe('finished');
    expect(Object.keys(record.sources!.model)).toContain('scheduler');
    await writeLatents(t.files, 'images/1-l.safetensors', 'others');
    await refused(/the latents of pair pair 1 have changed/);
  });

  it('still refuses a changed UNet, and other pairs', async () => {
    const [first, second] = t.pairs;
    await refused(/make 1/, { pairs: [first!] });
    const turned = { ...second!, winnerLatents: second!.loserLatents, loserLatents: second!.winnerLatents };
    await refused(/its winner was the loser/, { pairs: [first!, turned] });
    await nudge('unet/diffusion_pytorch_model.safetensors');
    t = await TestTraining.open({ files: t.files, pairs: 2 });
    await refused(/the UNet of Model, or what is on top of it, has changed/);
  });
});

it('refuses latents of another model by name', async () => {
  await t.files.write(
    'images/0-w.safetensors',
    writeSafetensors({ latents: { shape: [1, 4, 8, 8], data: new Float32Array(4 * 64) } }),
  );
  await expect(t.start({ run: 'other', model: { base: folder, adapters: [] } }).record).rejects.toMatchObject({
    name: 'BadArguments',
    message: expect.stringMatching(/latents of 4 channels, and those of Model have 8/) as string,
  });
});
