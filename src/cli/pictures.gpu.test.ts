/** Which pictures of a folder are the ones that are asked for, and which are of another model, or of another start. */
import { appendFileSync, cpSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { formatJsonl, readJsonLines } from '../data/formats/jsonl.ts';
import { encodePng } from '../data/formats/png.ts';
import type { ImageRecord, ModelRef } from '../service/types.ts';
import { winnow } from './testCli.ts';

const root = join(import.meta.dirname, '..', '..');
const folder = mkdtempSync(join(tmpdir(), 'winnow-pictures-'));
const model = join(folder, 'model');
cpSync(join(root, 'tools/reference/cases/pipeline-image-to-image/pipeline'), model, { recursive: true });
const out = join(folder, 'out');

const settings = ['--prompt', 'a cat', '--steps', '2', '--size', '16x24', '--backend', 'onnx'];
/** How many pictures the folder has afterwards. */
async function generate(...more: string[]): Promise<number> {
  const { code, err } = await winnow('generate', model, ...settings, '--seeds', '1', '--out', out, ...more);
  expect(code, err).toBe(0);
  return readJsonLines(readFileSync(join(out, 'images.jsonl'), 'utf8')).lines.length;
}
const edit = (path: string, fields: object): void => {
  const value = JSON.parse(readFileSync(join(model, path), 'utf8')) as object;
  writeFileSync(join(model, path), JSON.stringify({ ...value, ...fields }));
};
const start = (file: string, grey: number): string => {
  const data = new Uint8Array(4 * 16 * 24).fill(grey);
  writeFileSync(join(folder, file), encodePng({ width: 16, height: 24, data }, {}));
  return join(folder, file);
};

it(
  'a picture is made anew after a change of its model or its start, and not otherwise',
  { timeout: 240_000 },
  async () => {
    expect(await generate()).toBe(1);
    expect(await generate()).toBe(1);
    edit('scheduler/scheduler_config.json', { prediction_type: 'v_prediction' });
    expect(await generate()).toBe(2);
    expect(await generate('--prediction-type', 'v_prediction')).toBe(2);
    expect(await generate('--prediction-type', 'epsilon')).toBe(2);
    edit('vae/config.json', { scaling_factor: 0.3 });
    expect(await generate()).toBe(3);
    edit('tokenizer/tokenizer_config.json', { pad_token: '!' });
    edit('tokenizer/special_tokens_map.json', { pad_token: '!' });
    expect(await generate()).toBe(4);

    const init = start('start.png', 40);
    expect(await generate('--init', init)).toBe(5);
    expect(await generate('--init', start('same.png', 40))).toBe(5);
    expect(await generate('--init', init, '--strength', '0.9')).toBe(6);
    start('start.png', 200);
    expect(await generate('--init', init)).toBe(7);
  },
);

it(
  'records of an earlier version are kept, and not taken for the model that is there now',
  { timeout: 240_000 },
  async () => {
    const file = join(out, 'images.jsonl');
    const before = readJsonLines(readFileSync(file, 'utf8')).lines.map(({ value }) => value as ImageRecord);
    // By the UNet alone, as they were.
    appendFileSync(file, formatJsonl([{ ...before[0]!, id: 'old', seed: 77, modelHash: '0'.repeat(64) }]));
    expect(await generate('--seeds', '77')).toBe(before.length + 2);
  },
);

it('a model that predicts something else than its files say is so in a run, too', { timeout: 240_000 }, async () => {
  const pairs = join(folder, 'pairs');
  const made = await winnow(
    'pairs',
    model,
    ...settings,
    '--count',
    '1',
    '--prediction-type',
    'epsilon',
    '--out',
    pairs,
  );
  expect(made.code, made.err).toBe(0);
  const request = JSON.parse(readFileSync(join(pairs, 'request.json'), 'utf8')) as { model: ModelRef };
  expect(request.model.predictionType).toBe('epsilon');
  // The same folder for another model is refused, whichever part of it is another.
  const other = await winnow('pairs', model, ...settings, '--count', '1', '--out', pairs);
  expect([other.code, other.err]).toEqual([2, expect.stringContaining('was made with other settings')]);
  const wrong = await winnow('generate', model, ...settings, '--prediction-type', 'noise', '--out', out);
  expect(wrong.err).toContain('--prediction-type is "noise". Choose one of epsilon, v_prediction, sample.');
});
