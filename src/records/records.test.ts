/** Records field by field: what the product wrote passes untouched, and anything else is named. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { blindTestKind, checkRecord, imageKind, labelKind, pairKind, problemsOf, type RecordKind } from './kinds.ts';
import { nameOf } from '../shared/paths.ts';
import { filesOf } from './foreignImages.ts';
import { withoutPaths } from './images.ts';
import { raterKindOf, raterNameOf } from './raters.ts';
import { foreignImage, imageRecord, importedPair, labelEvent, pairRecord } from './testRecords.ts';

const label = labelEvent('l', 'p');
const pair = pairRecord('p');
const image = imageRecord('i');
const blindTest = {
  version: 1,
  id: 't',
  a: { title: 'base', model: image.model },
  b: { title: 'run', model: { base: 'postcard', adapters: [{ kind: 'run', run: 'r', step: 20, strength: 1 }] } },
  questions: ['general'],
  planned: 20,
  rounds: [
    {
      prompt: 'a',
      seed: 1,
      images: { a: image, b: image },
      shownLeft: 'b',
      answers: [{ question: 'general', answer: 'tie', elapsedMs: 4, at: '' }],
    },
  ],
  createdAt: '',
};

const { rounds: _rounds, ...unbegun } = blindTest;
const study = {
  ...unbegun,
  rounds: [{ ...blindTest.rounds[0], category: 'animals', between: [2, 0] }],
  others: [{ title: 'other', model: image.model }],
  rater: 'Ada',
  plan: {
    showings: [{ prompt: 'a', seed: 1, category: 'animals', between: [2, 0], shownLeft: 'b' }],
    settings: [image],
  },
};

describe('a record that the product wrote', () => {
  const pictured = {
    ...image,
    guidanceRescale: 0.7,
    schedulerConfig: { use_karras_sigmas: true },
    arithmetic: 'f16',
    init: { file: 'init/x-96x96.png', strength: 0.6 },
    model: { base: '/models/a', adapters: [{ kind: 'file', file: 'C:/loras/x.safetensors', strength: -0.5 }] },
  };
  it.each<[string, RecordKind<unknown>, unknown]>([
    ['label', labelKind, label],
    ['label with what the studio exports beside it', labelKind, { ...label, prompt: 'a', winner: 0, images: [image] }],
    ['retraction', labelKind, { type: 'retract', id: 'r', label: 'l', at: '' }],
    ['pair', pairKind, pair],
    ['image', imageKind, image],
    ['image with every option', imageKind, pictured],
    ['image of a later version, with a field more', imageKind, { ...image, later: [1] }],
    ['blind test', blindTestKind, blindTest],
    ['study of three models', blindTestKind, study],
  ])('%s passes untouched', (_, kind, value) => {
    expect(checkRecord(kind, value, 'x')).toBe(value);
  });

  it('bundled pairs pass', () => {
    const bundled = JSON.parse(
      readFileSync(join(import.meta.dirname, '../../public/pairs/pairs.json'), 'utf8'),
    ) as unknown[];
    expect(bundled.length).toBeGreaterThan(0);
    for (const one of bundled) expect(problemsOf(pairKind, one)).toBeNull();
  });
});

describe('a record that is none', () => {
  const { answer: _, ...withoutAnswer } = label;
  it.each<[RecordKind<unknown>, unknown, RegExp]>([
    [labelKind, { ...label, shownLeft: '0' }, /shownLeft/],
    [labelKind, { ...label, shownLeft: 2 }, /shownLeft/],
    [labelKind, { ...label, shownLeft: null }, /shownLeft/],
    [labelKind, { ...label, answer: 'Left' }, /answer/],
    [labelKind, { ...label, answer: 'lefft' }, /answer/],
    [labelKind, withoutAnswer, /answer/],
    [labelKind, { ...label, pair: null }, /pair/],
    [labelKind, { ...label, clearly: 'yes' }, /clearly/],
    [labelKind, { ...label, elapsedMs: null }, /elapsedMs/],
    [labelKind, { ...label, type: 'labels' }, /type/],
    [labelKind, { type: 'retract', id: 'r', at: '' }, /label/],
    [labelKind, null, /it:/],
    [labelKind, [label], /it:|type/],
    [labelKind, 'left', /it:/],
    [pairKind, { ...pair, images: [image, null] }, /images\.1/],
    [pairKind, { ...pair, images: [image] }, /images/],
    [pairKind, { ...pair, images: [image, image, image] }, /images/],
    [pairKind, { ...pair, prompt: 7 }, /prompt/],
    [pairKind, { ...pair, origin: 'web' }, /origin/],
    [imageKind, { ...image, seed: 42.5 }, /seed/],
    [imageKind, { ...image, seed: '1' }, /seed/],
    [imageKind, { ...image, steps: 0 }, /steps/],
    [imageKind, { ...image, width: -96 }, /width/],
    [imageKind, { ...image, guidanceScale: null }, /guidanceScale/],
    [imageKind, { ...image, file: '../../etc/passwd' }, /file: leads out/],
    [imageKind, { ...image, file: '/etc/passwd' }, /file: leads out/],
    [imageKind, { ...image, latentsFile: 'C:\\Windows\\a' }, /latentsFile: leads out/],
    [imageKind, { ...image, latentsFile: 'a\\..\\..\\b' }, /latentsFile: leads out/],
    [imageKind, { ...image, model: { base: 'x', adapters: [{ kind: 'lora' }] } }, /model\.adapters\.0/],
    [blindTestKind, { ...blindTest, rounds: [{ ...blindTest.rounds[0], shownLeft: 0 }] }, /rounds\.0\.shownLeft/],
    [blindTestKind, { ...blindTest, version: 2 }, /version/],
    [blindTestKind, { ...study, rater: '' }, /rater/],
    [blindTestKind, { ...study, rounds: [{ ...blindTest.rounds[0], between: [1, 1] }] }, /rounds\.0\.between/],
    [blindTestKind, { ...study, plan: { showings: [], settings: [{}] } }, /plan\.settings\.0/],
  ])('number %# is named by its field', (kind, value, field) => {
    expect(() => checkRecord(kind, value, 'labels.jsonl: line 7')).toThrow(
      expect.objectContaining({ name: 'BadFile', message: expect.stringMatching(/^labels\.jsonl: line 7 is no /) }),
    );
    expect(problemsOf(kind, value)).toMatch(field);
  });
});

describe('a record inside a picture says nothing of where things lay', () => {
  it.each([
    'C:\\Users\\me\\private\\x.safetensors',
    'C:/Users/me/private/x.safetensors',
    'C:x.safetensors',
    '\\\\server\\private\\x.safetensors',
    '\\\\?\\C:\\private\\x.safetensors',
    '//server/private/x.safetensors',
    'file:///home/me/private/x.safetensors',
    'file:///C:/Users/me/private/x.safetensors',
    'FILE://server/private/x.safetensors',
    '/home/me/private/x.safetensors',
    '/home/me/private/x.safetensors/',
    '~/private/x.safetensors',
    '~me\\private\\x.safetensors',
    '../private/x.safetensors',
    './private/x.safetensors',
    'private\\x.safetensors',
  ])('%s', (path) => {
    const record = imageRecord('i', {
      model: {
        base: path,
        adapters: [
          { kind: 'file', file: path, strength: 0.5 },
          { kind: 'run', run: path, step: 20, strength: 1 },
        ],
      },
      init: { file: path, strength: 0.6 },
    });
    expect(withoutPaths(record)).toEqual({
      ...record,
      model: {
        base: 'x.safetensors',
        adapters: [
          { kind: 'file', file: 'x.safetensors', strength: 0.5 },
          { kind: 'run', run: 'x.safetensors', step: 20, strength: 1 },
        ],
      },
      init: { file: 'x.safetensors', strength: 0.6 },
    });
    expect(nameOf(`${path}:0.5`)).toBe(path.endsWith('/') ? ':0.5' : 'x.safetensors:0.5');
  });

  it('keeps names and places in the store, by which they are found again', () => {
    const record = imageRecord('i', {
      model: {
        base: 'postcard',
        adapters: [{ kind: 'file', file: 'loras/0a1b-x.safetensors', strength: 1 }],
        predictionType: 'v_prediction',
      },
      init: { file: 'init/0a1b-96x96.png', strength: 0.6 },
    });
    expect(withoutPaths(record)).toEqual(record);
  });
});

describe('pictures from elsewhere', () => {
  it('make pairs, beside one that was made here, too', () => {
    const mixed = importedPair('p', { images: [foreignImage('f'), imageRecord('i')] });
    for (const pair of [importedPair('q'), mixed]) expect(problemsOf(pairKind, pair)).toBeNull();
    expect(mixed.images.flatMap(filesOf)).toEqual(['pictures/f.jpg', 'images/i.png', 'images/i.safetensors']);
  });

  it.each([
    ['lead out of the folder', { file: '../a.jpg' }],
    ['have no size', { width: 0 }],
    ['have no name', { id: '' }],
  ])('that %s are no pictures', (_, change) => {
    expect(
      problemsOf(pairKind, importedPair('p', { images: [foreignImage('f', change), foreignImage('g')] })),
    ).not.toBeNull();
  });
});

it.each([
  ['person', 'person', ''],
  ['person:Ada', 'person', 'Ada'],
  ['import', 'import', ''],
  ['import:1:2', 'import', '1:2'],
  ['a', 'judge', 'a'],
  ['a alignment', 'judge', 'a alignment'],
  ['importance', 'judge', 'importance'],
])('a label by %s is of kind %s, its name %j', (by, kind, name) => {
  expect([raterKindOf(by), raterNameOf(by)]).toEqual([kind, name]);
});
