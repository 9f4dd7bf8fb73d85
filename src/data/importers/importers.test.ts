import { describe, expect, it } from 'vitest';
import { exported } from '../exporters/exporter.ts';
import { exporters } from '../exporters/table.ts';
import { writeSafetensors } from '../formats/safetensors.ts';
import { presets } from '../../training/presets.ts';
import type { LabelEvent } from '../../records/labels.ts';
import type { Brings } from './importer.ts';
import { acceptOf, fileSource, importAs, type ImporterName, importers, importFrom, titlesOf } from './table.ts';

const every: Brings[] = ['image', 'weights', 'trainSettings', 'prompts', 'labels'];
const file = (name: string, ...parts: (string | Uint8Array<ArrayBuffer>)[]): ReturnType<typeof fileSource> =>
  fileSource(new File(parts, name));
const png = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0);
const jpeg = Uint8Array.of(0xff, 0xd8, 0xff, 0xe0);
const webp = new TextEncoder().encode('RIFF\0\0\0\0WEBPVP8 ');
const checkpoint = new Uint8Array(writeSafetensors({ 'conv_in.weight': { shape: [1], data: new Float32Array(1) } }));

const formatOf = async (source: ReturnType<typeof fileSource>, brings: readonly Brings[] = every): Promise<string> => {
  const { format } = await importFrom(source, brings);
  return Object.entries(importers).find(([, one]) => one === format)![0];
};

describe('a file is known', () => {
  it.each<[ImporterName, string, string | Uint8Array<ArrayBuffer>]>([
    ['jpeg', 'a.JPG', jpeg],
    ['jpeg', 'a.jpeg', jpeg],
    ['webp', 'a.webp', webp],
    ['safetensors', 'model.SafeTensors', checkpoint],
    ['promptLines', 'list.txt', 'a tree'],
    ['labelEvents', 'labels.jsonl', ''],
    ['trainSettings', 'mine.json', JSON.stringify(presets[0]!.config)],
    ['promptTable', 'PartiPrompts.tsv', 'Prompt\tCategory\nbond\tAbstract\n'],
    ['promptJson', 'anime.json', '["a cat"]'],
    ['promptJson', 'imagereward.json', '[\n    {\n        "id": "1", "prompt": "a cat"}]'],
  ])('as %s by its name %s', async (format, name, content) => {
    expect(await formatOf(file(name, content))).toBe(format);
  });

  it.each<[ImporterName, Uint8Array<ArrayBuffer>]>([
    ['jpeg', jpeg],
    ['webp', webp],
    ['safetensors', checkpoint],
  ])('as %s by how it begins, where its name says nothing', async (format, content) => {
    expect(await formatOf(file('download', content))).toBe(format);
  });

  it.each<[ImporterName, string, Uint8Array<ArrayBuffer>]>([
    ['jpeg', 'photo.png', jpeg],
    ['webp', 'saved.jpg', webp],
  ])('as %s by how it begins, though its name is %s', async (format, name, content) => {
    expect(await formatOf(file(name, content))).toBe(format);
  });

  it('by its name where it begins like something of another use', async () => {
    await expect(formatOf(file('model.safetensors', jpeg))).rejects.toThrow('model.safetensors is cut off');
  });

  it('as PNG by how it begins, and then read as one', async () => {
    await expect(formatOf(file('download', png))).rejects.toMatchObject({ name: 'BadFile' });
    expect(importers.png.recognise!(png)).toBe(true);
  });
});

it.each(['model.ckpt', 'LoRA.PT', 'a.bin', 'x.pkl', 'x.pth'])('%s is refused as a pickle', async (name) => {
  await expect(importFrom(file(name, 'x'), every)).rejects.toMatchObject({ name: 'PickleRefused' });
});

it('what nobody reads is told what is taken, of the uses that there are', async () => {
  const reading = importFrom(file('song.mp3', 'x'), ['prompts', 'trainSettings']);
  await expect(reading).rejects.toThrow(
    'Winnow has no use for song.mp3. It takes training settings (.json), prompt lists (.txt), prompt tables (.tsv, .csv), prompt sets (.json, .jsonl).',
  );
  // A use that is not asked for does not count.
  await expect(importFrom(file('a.safetensors', ''), ['labels'])).rejects.toMatchObject({
    name: 'BadFile',
    message:
      'a.safetensors is of a kind that has no use here: models and LoRAs. Here Winnow takes label events (.jsonl).',
  });
  await expect(importFrom(file('', ''), every)).rejects.toMatchObject({ name: 'BadFile' });
});

it('a file that is said to be a prompt list is read as one, whatever it is called', async () => {
  expect(await importAs(file('prompts', '# mine\na tree\r\n\n  a house '), 'prompts')).toEqual([
    { prompt: 'a tree' },
    { prompt: 'a house' },
  ]);
  await expect(importAs(file('x.csv', '{"a": 1}'), 'prompts')).rejects.toMatchObject({ name: 'MissingColumns' });
});

it.each([
  ['{', 'theirs.json is not valid JSON.'],
  ['{ "version": 1 }', 'The training settings in theirs.json are not right (mode: '],
  ['[]', 'The training settings in theirs.json are not right (file: '],
])('settings that are not right are told with the file that they are in: %s', async (content, message) => {
  const reading = importFrom(file('theirs.json', content), every);
  await expect(reading).rejects.toMatchObject({
    name: 'BadConfig',
    message: expect.stringContaining(message) as string,
  });
});

it('file inputs offer every ending and media type, pickles none', () => {
  expect(acceptOf('image')).toBe('.png,image/png,.jpg,.jpeg,image/jpeg,.webp,image/webp');
  expect(acceptOf('weights')).toBe('.safetensors');
  for (const brings of every) expect([acceptOf(brings), titlesOf(brings)].every((said) => said.length > 0)).toBe(true);
});

describe('what is exported is read again', () => {
  it('label events, and a last line that was cut counts as none', async () => {
    const events: LabelEvent[] = [
      {
        type: 'label',
        id: 'e',
        pair: 'p',
        answer: 'left',
        shownLeft: 0,
        clearly: true,
        elapsedMs: 5,
        at: '2026-01-01T00:00:00.000Z',
        by: 'a alignment',
      },
      { type: 'retract', id: 'r', label: 'e', at: '2026-01-01T00:00:01.000Z' },
    ];
    const { name, bytes, type } = exported(exporters.labelEvents, 'mine', { events, pairs: [] });
    expect([name, type]).toEqual(['mine.jsonl', 'application/jsonl']);
    expect(await importAs(file(name, bytes), 'labels')).toEqual({ events, notes: [] });
    const cut = await importAs(file(name, `${bytes}{"type": "la`), 'labels');
    expect(cut.events).toEqual(events);
    expect(cut.notes).toEqual(['mine.jsonl ends in a record that is not whole; it does not count.']);
  });

  it('training settings', async () => {
    const { config } = presets[0]!;
    const { name, bytes } = exported(exporters.trainSettings, 'mine', config);
    expect(await importAs(file(name, bytes), 'trainSettings')).toEqual(config);
  });
});
