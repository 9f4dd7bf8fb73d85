/** What is dropped on the window: preferences, or something else. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { holdsPreferences, isLabelFile, preferencesAmong } from './droppedPlaces.ts';

/** As in browsers: Node's File lacks the field. */
const fileOf = (parts: BlobPart[], name: string): File =>
  Object.assign(new File(parts, name), { webkitRelativePath: '' });

const folder = (...files: string[]) => ({ name: 'f', folder: true, files, open: async () => undefined });

it.each<[string[], boolean]>([
  [['data/train-0.parquet'], true],
  [['win/a.png', 'lose/a.png'], true],
  [['train.json', 'images/a.jpg'], true],
  [['pairs.jsonl', 'labels.jsonl', 'images/a.png', 'images/a.safetensors'], true],
  [['model_index.json', 'unet/config.json', 'tokenizer/vocab.json'], false],
  [['cache/model_index.json', 'data.csv'], false],
  [['adapter_config.json', 'adapter_model.safetensors'], false],
  [['judge.json', 'model.onnx'], false],
  [['preprocessor_config.json', 'onnx/model.onnx'], false],
  [['a.png', 'b.png'], false],
])('a folder with %j', (files, is) => expect(holdsPreferences(folder(...files))).toBe(is));

it('files: tables are, JSON where it holds some, anything else is not', async () => {
  const fixture = (path: string): File =>
    fileOf([readFileSync(`tools/preferences/fixtures/${path}`)], path.split('/').at(-1)!);
  expect((await preferencesAmong([fixture('codecs/pickapic-none.parquet')]))?.files).toEqual(['pickapic-none.parquet']);
  expect(await preferencesAmong([fixture('hpd/train.json')])).not.toBeNull();
  expect(await preferencesAmong([fileOf(['{"version": 1}'], 'settings.json')])).toBeNull();
  expect(await preferencesAmong([fileOf(['a tree\n'], 'prompts.txt')])).toBeNull();
});

it('a file of answers alone is one', async () => {
  expect(await isLabelFile(fileOf(['{"type":"label","id":"x"}\n'], 'l.jsonl'))).toBe(true);
  expect(await isLabelFile(fileOf(['{"prompt":"a"}\n'], 'l.jsonl'))).toBe(false);
});
