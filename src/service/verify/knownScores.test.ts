/** How a judge is held against printed scores: with a small judge, whose scores transformers has written. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { encodePng } from '../../data/formats/png.ts';
import { openSafetensors } from '../../data/formats/safetensors.ts';
import { cpuExecutor } from '../../oracle/run.ts';
import { WinnowError } from '../../shared/errors.ts';
import { wholeFiles } from '../environment.ts';
import { engineRunner } from '../sampling/partRunner.ts';
import { formatCase } from './compare.ts';
import { type KnownScores, verifyKnownScores } from './knownScores.ts';

const cases = join(import.meta.dirname, '../../../tools/judges/cases');
const bytesOf = (file: string, name = 'judge-pickscore'): Uint8Array<ArrayBuffer> =>
  new Uint8Array(readFileSync(join(cases, name, file)));
const sha256 = async (bytes: Uint8Array): Promise<string> => createHash('sha256').update(bytes).digest('hex');

const found: Record<string, string> = { 'model.safetensors': 'weights.safetensors', 'config.json': 'config.json' };
const notFound = (file: string): WinnowError => new WinnowError('NotFound', `There is no ${file}.`, 'Check the path.');
const judge = wholeFiles(async (file) => {
  try {
    return bytesOf(
      found[file] ?? (file.includes('token') || /^(vocab|merges)/.test(file) ? `tokenizer/${file}` : file),
    );
  } catch {
    throw notFound(file);
  }
});

/** The case's first picture with its prompt. */
async function pictureOf(name?: string): Promise<Uint8Array<ArrayBuffer>> {
  const inputs = await openSafetensors(bytesOf('inputs.safetensors', name));
  const [height, width] = inputs.shape('image.0') as [number, number, number];
  const rgb = await inputs.read('image.0');
  const rgba = new Uint8Array(4 * width * height).fill(255);
  for (let i = 0; i < rgb.length; i++) rgba[4 * Math.floor(i / 3) + (i % 3)] = rgb[i]!;
  return encodePng({ width, height, data: rgba });
}
async function world(): Promise<{ png: Uint8Array<ArrayBuffer>; table: KnownScores }> {
  const png = await pictureOf();
  const expected = await openSafetensors(bytesOf('expected.safetensors'));
  const scale = Math.exp((await (await openSafetensors(bytesOf('weights.safetensors'))).read('logit_scale'))[0]!);
  const { prompts } = JSON.parse(new TextDecoder().decode(bytesOf('case.json'))) as { prompts: string[] };
  return {
    png,
    table: {
      prompt: prompts[0]!,
      pictures: [{ file: 'one.png', sha256: await sha256(png) }],
      judges: { PickScore: [(await expected.read('score'))[0]! / scale] },
    },
  };
}
const pictures = (file: string, bytes: Uint8Array<ArrayBuffer>): ReturnType<typeof wholeFiles> =>
  wholeFiles(async (name) => {
    if (name !== file) throw notFound(name);
    return bytes;
  });
const run = (
  reader: ReturnType<typeof wholeFiles>,
  table: KnownScores,
  path = '/PickScore/',
): ReturnType<typeof verifyKnownScores> =>
  verifyKnownScores(judge, path, reader, engineRunner(cpuExecutor()), sha256, table);

it('passes where a judge gives what is printed of it, and fails where it does not', async () => {
  const { png, table } = await world();
  const result = await run(pictures('one.png', png), table);
  expect(result.ok, formatCase(result)).toBe(true);
  expect(result.rows[0]!.maxAbs).toBeLessThan(1e-6);
  const moved = { ...table, judges: { PickScore: [table.judges['PickScore']![0]! + 0.001] } };
  const other = await run(pictures('one.png', png), moved);
  expect(other.ok).toBe(false);
  expect(formatCase(other)).toMatch(/one\.png: -?0\.\d{6}, printed .* FAIL/);
});

it('holds an ImageReward against its score', async () => {
  const name = 'judge-image-reward';
  const png = await pictureOf(name);
  const expected = await openSafetensors(bytesOf('expected.safetensors', name));
  const { prompts } = JSON.parse(new TextDecoder().decode(bytesOf('case.json', name))) as { prompts: string[] };
  const reader = wholeFiles(async (file) => {
    try {
      return bytesOf(file === 'model.safetensors' ? 'weights.safetensors' : file, name);
    } catch {
      throw notFound(file);
    }
  });
  const score = (await expected.read('score'))[0]!;
  const against = async (wanted: number): ReturnType<typeof verifyKnownScores> =>
    verifyKnownScores(reader, '/mine/', pictures('one.png', png), engineRunner(cpuExecutor()), sha256, {
      prompt: prompts[0]!,
      pictures: [{ file: 'one.png', sha256: await sha256(png) }],
      judges: { ImageReward: [wanted] },
    });
  const result = await against(score);
  expect(result).toMatchObject({ name: 'ImageReward', ok: true });
  expect(result.rows[0]!.maxAbs).toBeLessThan(1e-5);
  expect((await against(score + 0.02)).ok).toBe(false);
});

it('is not run on other pictures, or of a judge of which nothing is printed', async () => {
  const { png, table } = await world();
  await expect(run(pictures('two.png', png), table)).rejects.toMatchObject({ name: 'NotFound' });
  await expect(run(pictures('one.png', png.slice(0, -1)), table)).rejects.toMatchObject({ name: 'WrongHash' });
  await expect(run(pictures('one.png', png), table, '/mine/')).rejects.toThrow('No scores are known of CLIPScore');
});
