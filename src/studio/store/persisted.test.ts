/** What is kept over a reload: each value by itself, whatever else lies beside it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { presets } from '../../training/presets.ts';
import { keepDrafts, restoreDrafts } from './drafts.ts';
import { drafts, preferences, readDocument, theme } from './persisted.ts';
import { closeStudio, openStudio, studio } from './testStudio.ts';

const kept = new Map<string, string>();
const keep = (key: string, value: unknown): unknown => kept.set(key, JSON.stringify(value));

beforeEach(async () => {
  kept.clear();
  await openStudio();
  vi.stubGlobal('localStorage', {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
  });
});
afterEach(closeStudio);

const defaults = {
  singleKeys: true,
  keys: {},
  keepMakingPairs: false,
  notify: false,
  previews: true,
  arithmetic: 'f32',
  matrices: false,
  scaling: 'smooth',
  language: null,
  smoothing: 0.6,
  loras: [],
  baseModel: null,
  raters: [],
  rater: 'person',
};
const lora = { file: 'loras/a', name: 'a', rank: 8, format: 'kohya', parts: { unet: 3 } };
const config = presets[0]!.config;
const settings = {
  steps: 9,
  guidanceScale: 2,
  guidanceRescale: 0,
  width: 64,
  height: 64,
  scheduler: 'x',
  karras: true,
};

it.each([
  ['nothing', undefined],
  ['null', null],
  ['a list', [1]],
  ['a text', 'x'],
])('begins with the defaults where %s is kept', (_, value) => {
  const before = studio();
  if (value !== undefined) for (const { key } of [preferences, drafts]) keep(key, value);
  restoreDrafts();
  expect(studio()).toEqual(before);
  expect(readDocument(preferences)).toEqual(defaults);
});

it('begins with the defaults where no JSON is kept, or the browser refuses', () => {
  kept.set(preferences.key, '{"singleKeys":').set(drafts.key, '');
  restoreDrafts();
  expect(readDocument(preferences)).toEqual(defaults);
  vi.stubGlobal('localStorage', {
    getItem: () => {
      throw new DOMException('blocked', 'SecurityError');
    },
  });
  restoreDrafts();
  expect(readDocument(preferences)).toEqual(defaults);
});

it('drops a value that fails its check, and keeps the rest', () => {
  keep(preferences.key, {
    singleKeys: 'yes',
    keepMakingPairs: true,
    smoothing: 7,
    loras: [{ ...lora, rank: null }, lora, null],
    baseModel: 'big',
    raters: [{ name: 'Ann', colour: 'teal' }, { name: ' ', colour: 'teal' }, { name: 'Bo', colour: 'x' }, null],
    rater: 'a',
    ofAnotherVersion: 1,
  });
  expect(readDocument(preferences)).toEqual({
    ...defaults,
    keepMakingPairs: true,
    loras: [lora],
    baseModel: 'big',
    raters: [{ name: 'Ann', colour: 'teal' }],
  });
  keep(preferences.key, { loras: null, baseModel: 5 });
  expect(readDocument(preferences)).toEqual(defaults);

  const { draft, trainConfig, presetName } = studio();
  const one = { settings: { ...settings, eta: 0 }, trainConfig: config, presetName: null };
  keep(drafts.key, {
    version: 1,
    draft: { prompt: 'a house', steps: 1e9, width: '64', seedLocked: true, model: { base: 5 }, count: null },
    trainConfig: { ...config, rank: -1 },
    presetName: 'full',
    kept: { good: one, bad: { ...one, settings: { ...one.settings, width: 'wide' } }, worse: null },
    comparePrompts: ['a', 5],
    compareSeeds: [3],
  });
  restoreDrafts();
  expect(studio().draft).toEqual({ ...draft, prompt: 'a house', seedLocked: true });
  // A preset's name says nothing without its settings.
  expect(studio()).toMatchObject({
    trainConfig,
    presetName,
    kept: { good: one },
    comparePrompts: [],
    compareSeeds: [3],
  });
  expect(Object.keys(studio().kept)).toEqual(['good']);
});

it('takes drafts of before the newer settings were there, completed', () => {
  const old = Object.fromEntries(
    Object.entries(config).filter(([name]) => !/^(mapo|dmpo|tie|side|clear|minSnr|sdpo)/.test(name)),
  );
  keep(drafts.key, { kept: { m: { settings, trainConfig: old, presetName: null } }, trainConfig: old });
  restoreDrafts();
  expect(studio().kept['m']).toEqual({ settings: { ...settings, eta: 0 }, trainConfig: config, presetName: null });
  expect(studio().trainConfig).toEqual(config);
});

it('goes on comparing by what was set on Generate when that was the way', () => {
  keep(drafts.key, { version: 2, draft: { ...settings, base: 'm', negativePrompt: '', sampler: 'auto' } });
  restoreDrafts();
  expect(studio().compareSettings).toEqual({ m: { ...settings, eta: 0, negativePrompt: '', sampler: 'auto' } });
  keep(drafts.key, { version: 3, draft: { ...settings, base: 'm' }, compareSettings: { bad: { steps: 0 } } });
  restoreDrafts();
  expect(studio().compareSettings).toEqual({});
});

it('brings back what was set, to the last moment before the page went', async () => {
  let leave = (): void => {};
  vi.stubGlobal('addEventListener', (type: string, listener: () => void) => {
    if (type === 'pagehide') leave = listener;
  });
  keepDrafts();
  studio().setDraft({ prompt: 'a house', steps: 7, list: { name: 'own', prompts: ['p'] } });
  studio().setTrainConfig({ rank: 3 });
  studio().setPreference('smoothing', 0.3);
  studio().setDraft({ base: 'm', width: 64, height: 64 });
  studio().compareAsGenerated();
  leave();
  const { draft, trainConfig, compareSettings } = studio();
  await openStudio();
  restoreDrafts();
  expect(studio().draft).toEqual({ ...draft, list: null });
  expect(studio()).toMatchObject({ trainConfig, presetName: null, compareSettings });
  expect(Object.keys(compareSettings)).toEqual(['m']);
  expect(readDocument(preferences)).toEqual({ ...defaults, smoothing: 0.3 });
});

const studioFolder = join(import.meta.dirname, '..');

it('keeps nothing beside the table', () => {
  const files = readdirSync(studioFolder, { recursive: true, encoding: 'utf8' }).filter(
    (name) => /\.tsx?$/.test(name) && !/\.test\.tsx?$/.test(name),
  );
  const naming = files.filter((name) =>
    /\b(localStorage|sessionStorage|document\.cookie)\b/.test(readFileSync(join(studioFolder, name), 'utf8')),
  );
  expect(naming).toEqual([join('store', 'persisted.ts')]);
});

it('has the page read the theme where it is kept', () => {
  const top = join(studioFolder, '../..');
  expect(readFileSync(join(top, 'index.html'), 'utf8')).toContain('<script src="./colours.js">');
  expect(readFileSync(join(top, 'public/colours.js'), 'utf8')).toContain(
    `localStorage.getItem('${theme.key}') || '${theme.initial}'`,
  );
});
