/** Pictures from elsewhere train: encoded once by the model's VAE, drawn from its posterior at every use, beside latents of another size. On the
 *  oracle. */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { openSafetensors, writeSafetensors } from '../../data/formats/safetensors.ts';
import { statePath } from '../../data/runStore.ts';
import { unetConditioning } from '../../models/sd/conditioning.ts';
import type { UNetConfig } from '../../models/sd/config.ts';
import type { TrainConfig } from '../../training/config.ts';
import { MemoryFileStore } from '../memoryFiles.ts';
import type { RunRecord, TrainEvent, TrainPair } from '../types.ts';
import { toldOf } from './encodePictures.ts';
import { folderOnDisk, noDiskSpace, testConfig, TestTraining, WatchedFiles, writeLatents } from './testTraining.ts';

const model = { base: 'tools/reference/cases/pipeline-text-to-image/pipeline', adapters: [] };
const picture = (name: string): Uint8Array => new Uint8Array(readFileSync(`tools/reference/pictures/${name}`));

/** Two pairs of pictures and one of latents, 16 by 16 pixels and 24 by 16. */
const pairs: TrainPair[] = [
  { pair: 'a', prompt: 'a tree', winnerLatents: 'pictures/a.jpg', loserLatents: 'pictures/b.png', by: 'import' },
  { pair: 'b', prompt: 'a house', winnerLatents: 'pictures/c.webp', loserLatents: 'pictures/a.jpg', by: 'import' },
  { pair: 'c', prompt: 'a tree', winnerLatents: 'images/w.safetensors', loserLatents: 'images/l.safetensors' },
];

async function store(files = new MemoryFileStore()): Promise<MemoryFileStore> {
  await files.write('pictures/a.jpg', picture('exif-6.jpg'));
  await files.write('pictures/b.png', picture('16-bit-alpha.png'));
  await files.write('pictures/c.webp', picture('lossy.webp'));
  for (const which of ['w', 'l']) {
    await writeLatents(files, 'images/noise', which);
    const noise = await openSafetensors(await files.read('images/noise'));
    const data = (await noise.read('latents')).slice(0, 4 * 8 * 12);
    await files.write(`images/${which}.safetensors`, writeSafetensors({ latents: { shape: [1, 4, 8, 12], data } }));
  }
  await files.remove('images/noise');
  return files;
}

interface Ran {
  record: RunRecord;
  events: TrainEvent[];
  losses: number[];
  state: Uint8Array;
}

const settings: Partial<TrainConfig> = { steps: 4, saveEvery: 0, pairsPerStep: 2, promptDropout: 0.3 };

async function train(
  files: MemoryFileStore,
  changes: Partial<TrainConfig> = {},
  { id = 'r', stopAt, resume = false }: { id?: string; stopAt?: number; resume?: boolean } = {},
): Promise<Ran> {
  const t = await TestTraining.open({ files, pairs: 0, openModel: folderOnDisk });
  const run = t.start({
    run: id,
    model,
    pairs: resume ? [] : pairs,
    config: testConfig({ ...settings, ...changes }),
    resume,
    onEvent: (event) => {
      if (event.type === 'step' && event.metrics.step + 1 === stopAt) void run.command('stop');
    },
  });
  const record = await run.record;
  return {
    record,
    events: run.events,
    losses: (await t.runs.metrics(id)).map(({ loss }) => loss),
    state: await files.read(statePath(id)),
  };
}

const encodings = (events: readonly TrainEvent[]): number =>
  events.filter((event) => event.type === 'preparing' && event.what === 'Encoding the pictures').length;

let files: MemoryFileStore;
let whole: Ran;

beforeAll(async () => {
  files = await store();
  whole = await train(files);
}, 120_000);

describe('a run on pictures', () => {
  it('encodes each once, to a mean and a deviation under the VAE, picture and size, beside the pictures', async () => {
    expect(encodings(whole.events)).toBe(3);
    const kept = await files.list('encoded');
    expect(kept).toHaveLength(3);
    for (const file of kept) {
      expect(file).toMatch(/^encoded\/[0-9a-f]{16}\/[0-9a-f]{64}-16x16-crop\.safetensors$/);
      const opened = await openSafetensors(await files.read(file));
      expect(opened.names.toSorted()).toEqual(['mean', 'std']);
      expect(opened.shape('std')).toEqual([1, 4, 8, 8]);
      expect((await opened.read('std')).every((value) => value > 0)).toBe(true);
    }
  });

  it('starts at ln 2, in batches of one size', async () => {
    expect(whole.losses[0]).toBe(Math.LN2);
    expect(whole.record).toMatchObject({ status: 'finished', step0Logit: 0 });
    const steps = whole.events.flatMap((event) => (event.type === 'step' ? [event.metrics.pairs] : []));
    const ofLatents = steps.map((drawn) => drawn.map(({ pair }) => pair === 'c'));
    expect(ofLatents.every((drawn) => new Set(drawn).size === 1)).toBe(true);
    expect(new Set(ofLatents.flat()).size).toBe(2);
    expect(whole.record.sources!.pairs[0]!.winner).toBe(whole.record.sources!.pairs[1]!.loser);
  });

  it('that was killed goes on to the same bits, and encodes nothing again', async () => {
    const again = await store();
    const before = await train(again, {}, { stopAt: 2 });
    expect(before.record).toMatchObject({ status: 'stopped', step: 2 });
    const after = await train(again, {}, { resume: true });
    expect(encodings(after.events)).toBe(0);
    expect(after.losses).toEqual(whole.losses);
    expect(after.state).toEqual(whole.state);
  }, 120_000);

  it('draws anew at every use, or takes the mean', async () => {
    const mean = await train(files, { posterior: 'mean', steps: 1 }, { id: 'mean' });
    expect(encodings(mean.events)).toBe(0);
    const first = ({ events }: Ran): unknown => events.find((event) => event.type === 'step')?.metrics.pairs;
    expect(first(mean)).not.toEqual(first(whole));
  }, 60_000);

  it('brings pictures to the size that it is told, and encodes them for it', async () => {
    const stretched = await train(files, { size: [24, 16], fit: 'stretch', steps: 1 }, { id: 'wide' });
    expect(encodings(stretched.events)).toBe(3);
    expect((await files.list('encoded')).filter((file) => file.endsWith('-24x16-stretch.safetensors'))).toHaveLength(3);
  }, 60_000);

  it('refuses a size that the model cannot make', async () => {
    await expect(train(files, { size: [17, 16] }, { id: 'odd' })).rejects.toMatchObject({ name: 'BadArguments' });
  });

  it('is refused to go on with another picture in its place', async () => {
    const changed = await store();
    await train(changed, { steps: 2 }, { stopAt: 1 });
    await changed.write('pictures/c.webp', picture('lossless.webp'));
    await expect(train(changed, {}, { resume: true })).rejects.toMatchObject({
      name: 'SourceChanged',
      message: expect.stringContaining('the pictures of pair b have changed') as string,
    });
  }, 60_000);
});

describe('what keeps pictures from training', () => {
  it.each([
    ['cmyk.jpg', 'CMYK'],
    ['cut.png', 'cut off'],
  ])('%s: the pair’s picture is named, and why', async (name, why) => {
    const bad = await store();
    await bad.write('pictures/b.png', picture(name));
    await expect(train(bad)).rejects.toMatchObject({
      name: 'BadFile',
      message: expect.stringMatching(new RegExp(`pictures/b\\.png: .*${why}`)) as string,
    });
  });

  it('a full disk: what was encoded stays, and the next try goes on from there', async () => {
    const full = (await store(new WatchedFiles())) as WatchedFiles;
    let room = 2;
    full.before = (change, path) => {
      if (change === 'write' && path.startsWith('encoded/') && room-- <= 0) throw noDiskSpace();
    };
    await expect(train(full)).rejects.toMatchObject({ name: 'NoDiskSpace' });
    expect(await full.list('encoded')).toHaveLength(2);
    full.before = () => {};
    const after = await train(full, { steps: 1 }, {});
    expect(encodings(after.events)).toBe(1);
  }, 60_000);

  it('a stop while they are encoded: what was encoded stays', async () => {
    const left = await store();
    const t = await TestTraining.open({ files: left, pairs: 0, openModel: folderOnDisk });
    const run = t.start({
      model,
      pairs,
      config: testConfig(settings),
      onEvent: (event) => {
        if (event.type === 'preparing' && event.what === 'Encoding the pictures' && event.done === 1) void run.cancel();
      },
    });
    await expect(run.record).rejects.toMatchObject({ name: 'Cancelled' });
    expect((await t.runs.load('r')).status).toBe('stopped');
    expect(await left.list('encoded')).toHaveLength(2);
    expect(encodings((await train(left, { steps: 1 }, { id: 'next' })).events)).toBe(1);
  }, 60_000);
});

it('tells SDXL of a picture’s own size, of where it was cut, and of the size that it trains in', () => {
  const config = { cross_attention_dim: 2, addition_embed_type: 'text_time', time_cond_proj_dim: 0 } as UNetConfig;
  const text = { context: new Float32Array(4), pooled: new Float32Array(2) };
  const size = { width: 64, height: 64 };
  const told = (source: Parameters<typeof toldOf>[0], fit: TrainConfig['fit']): number[] => [
    ...(unetConditioning(config, text, toldOf(source, size, fit))['time_ids']!.data as Float32Array),
  ];
  const wide = { file: 'a', hash: 'b', picture: { width: 200, height: 100 } };
  expect(told(wide, 'crop')).toEqual([100, 200, 0, 32, 64, 64]);
  expect(told(wide, 'pad')).toEqual([100, 200, 0, 0, 64, 64]);
  expect(told({ latents: new Float32Array() }, 'crop')).toEqual([64, 64, 0, 0, 64, 64]);
});
