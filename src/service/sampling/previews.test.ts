/** A rough look of pictures in the making, without the decoder. */
import { expect, it } from 'vitest';
import { cpuExecutor } from '../../oracle/run.ts';
import { RandomStream } from '../../shared/rng.ts';
import { MemoryFileStore } from '../memoryFiles.ts';
import { MICRO_FACTOR, microModel } from '../microModel.ts';
import type { GenerateEvent, ModelRef } from '../types.ts';
import { freeSignal, lasting, verbContext } from '../verbContexts.ts';
import { generate } from './generation.ts';
import { PreviewMap } from './previews.ts';

const [height, width, channels, factor] = [6, 5, 4, 8];
const mixed = [
  [0.2, -0.1, 0.05, 0, 0.1],
  [0, 0.15, -0.2, 0.1, -0.3],
  [-0.1, 0.1, 0.1, 0.1, 0],
];

const drawn = (seed: number): Float32Array =>
  Float32Array.from(new RandomStream({ seed, purpose: 'noise' }).normals(channels * height * width));

/** What a decoder would make that mixes colours of a latent's channels, and draws stripes of no mean on top. */
function decoded(latents: Float32Array): Float32Array {
  const cells = height * width;
  const image = new Float32Array(3 * cells * factor ** 2);
  for (let colour = 0; colour < 3; colour += 1)
    for (let y = 0; y < height * factor; y += 1)
      for (let x = 0; x < width * factor; x += 1) {
        const at = Math.floor(y / factor) * width + Math.floor(x / factor);
        const row = mixed[colour]!;
        let value = row[channels]! + (x % 2 ? 0.05 : -0.05);
        for (let c = 0; c < channels; c += 1) value += row[c]! * latents[c * cells + at]!;
        image[(colour * height * factor + y) * width * factor + x] = value;
      }
  return image;
}

it('is the picture at one pixel a latent, where the decoder is a mixture of its channels', () => {
  const map = new PreviewMap(channels);
  expect(map.look(drawn(9), height, width)).toBeNull();
  for (const seed of [1, 2, 3]) map.learn(drawn(seed), decoded(drawn(seed)), height, width);
  const { data, ...size } = map.look(drawn(9), height, width)!;
  expect(size).toEqual({ width, height });
  const cells = height * width;
  let furthest = 0;
  for (let at = 0; at < cells; at += 1)
    for (let colour = 0; colour < 3; colour += 1) {
      const row = mixed[colour]!;
      const value = row.reduce((sum, of, c) => sum + of * (c === channels ? 1 : drawn(9)[c * cells + at]!), 0);
      furthest = Math.max(furthest, Math.abs(data[4 * at + colour]! - 127.5 * (Math.min(1, Math.max(-1, value)) + 1)));
    }
  // Of 255; the fit is pulled to the middle a little.
  expect(furthest).toBeLessThan(3);
});

it('comes back from what was kept of it, and from nothing that does not fit', async () => {
  const files = new MemoryFileStore();
  const map = new PreviewMap(channels);
  await map.write(files, 'settings/preview-x.json');
  expect(await files.exists('settings/preview-x.json')).toBe(false);
  map.learn(drawn(1), decoded(drawn(1)), height, width);
  await map.write(files, 'settings/preview-x.json');
  const again = new PreviewMap(channels);
  await again.read(files, 'settings/preview-x.json');
  expect(again.look(drawn(9), height, width)).toEqual(map.look(drawn(9), height, width));
  // What is learned then comes on top.
  for (const one of [map, again]) one.learn(drawn(2), decoded(drawn(2)), height, width);
  expect(again.look(drawn(9), height, width)).toEqual(map.look(drawn(9), height, width));
  const other = new PreviewMap(16);
  await other.read(files, 'settings/preview-x.json');
  expect(other.look(new Float32Array(16), 1, 1)).toBeNull();
  await files.write('settings/preview-x.json', new TextEncoder().encode('{'));
  const none = new PreviewMap(channels);
  await none.read(files, 'settings/preview-x.json');
  expect(none.look(drawn(9), height, width)).toBeNull();
});

it('comes with the steps of a picture once one was made, where it is asked for, and changes no picture', async () => {
  const context = verbContext({ executor: cpuExecutor(), reader: microModel(), sampler: 'engine' });
  const { defaults } = (await context.pool.folder('micro')).info;
  const model: ModelRef = { base: 'micro', adapters: [] };
  const side = 4 * MICRO_FACTOR;
  const settings = {
    ...defaults,
    steps: 2,
    model,
    negativePrompt: '',
    width: side,
    height: side,
    sampler: 'auto' as const,
  };
  const draw = async (previews?: boolean) => {
    const events: GenerateEvent[] = [];
    const request = {
      ...settings,
      ...(previews !== undefined && { previews }),
      items: [{ prompt: 'a tree', seed: 1 }],
    };
    const [record] = await generate(lasting(context), freeSignal, request, (event) => events.push(event));
    return { record: record!, seen: events.flatMap((event) => (event.type === 'step' ? [event.preview] : [])) };
  };
  const without = await draw();
  expect(without.seen).toEqual([undefined, undefined]);
  const first = await draw(true);
  expect(first.seen).toEqual([undefined, undefined]);
  const second = await draw(true);
  expect(second.seen).toMatchObject([
    { width: 4, height: 4 },
    { width: 4, height: 4 },
  ]);
  expect(second.record).not.toHaveProperty('previews');
  const bytes = (file: string) => context.files.read(file);
  expect(await bytes(second.record.latentsFile)).toEqual(await bytes(without.record.latentsFile));
});
