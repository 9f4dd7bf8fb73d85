/** What a person may type, and the files they may give: every number has a bound, every path that cannot be used a named error, before the
 *  engine opens. No command ends in a stack. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { formatJsonl } from '../data/formats/jsonl.ts';
import { labelEvent, pairRecord } from '../records/testRecords.ts';
import { distinct, number, prompts, seeds, size } from './arguments.ts';
import { outFolder } from './fileErrors.ts';
import { NodeFileStore } from './files.ts';
import { parseModelRef } from './modelRef.ts';
import { winnow } from './testCli.ts';

const root = join(import.meta.dirname, '..', '..');
const tiny = join(root, 'tools/reference/cases/pipeline-tiny-v/pipeline');
let folder: string;
let file: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'winnow-bad-'));
  file = join(folder, 'a-file');
  writeFileSync(file, 'x');
  mkdirSync(join(folder, 'pairs'));
  symlinkSync(join(folder, 'loop'), join(folder, 'loop'));
  writeFileSync(join(folder, 'pairs', 'pairs.jsonl'), formatJsonl([pairRecord('p')]));
  writeFileSync(join(folder, 'pairs', 'labels.jsonl'), formatJsonl([labelEvent('l', 'p')]));
  writeFileSync(join(folder, 'latin1.txt'), Buffer.from('un café\n', 'latin1'));
});

/** One line that names the error, and no stack. */
function expectNamed({ code, out, err }: { code: number; out: string; err: string }, name: RegExp): void {
  expect(err).toMatch(name);
  expect(err).not.toMatch(/\n\s+at /);
  expect(code).toBe(/^BadArguments/m.test(err) ? 2 : 1);
  expect(out).toBe('');
}

it.each([
  ['pairs', ['--prompt', 'a', '--best-of', '2']],
  ['evaluate', [tiny, '--prompts', join(root, 'public/prompts/test.txt')]],
])('%s by a judge without a name', async (verb, args) => {
  const given = await winnow(verb, tiny, ...args, '--judge', '', '--out', join(folder, 'never'));
  expectNamed(given, /^BadArguments: --judge is empty\./m);
});

it('a judge that is a pickle, or is not there', async () => {
  const by = (path: string) => winnow('score', folder, '--by', path);
  expectNamed(await by(join(folder, 'HPS_v2.1_compressed.pt')), /^PickleRefused: .*RE-N-Y\/hpsv21/m);
  expectNamed(await by(join(folder, 'nobody/judge')), /^NotFound: There is no judge at /m);
});

it('an arithmetic that there is not, or that nothing would compute in', async () => {
  const drawn = (...args: string[]) => winnow('generate', tiny, '--prompt', 'a', '--out', 'never', ...args);
  expectNamed(await drawn('--arithmetic', 'f8'), /^BadArguments: --arithmetic .*f8/m);
  expectNamed(await winnow('score', folder, '--by', 'a', '--arithmetic', 'f8'), /^BadArguments: --arithmetic .*f8/m);
  expectNamed(await drawn('--arithmetic', 'f16', '--backend', 'onnx'), /^BadArguments: --arithmetic f16 does nothing/m);
});

describe('numbers beyond their bounds', () => {
  const generate = ['generate', tiny, '--prompt', 'a', '--out', 'never'];
  const pairs = ['pairs', tiny, '--prompt', 'a', '--out', 'never'];
  const evaluate = ['evaluate', tiny, tiny, '--prompts', join(root, 'public/prompts/test.txt'), '--out', 'never'];
  it.each<[string[], string, string[]]>([
    [
      generate,
      '--size',
      ['1000000', '0', '96x1000000', '8193', '99999999999999999999', '1e3', '-96', '96.5', 'NaN', ''],
    ],
    [generate, '--steps', ['0', '1001', '1e9', '2.5', 'NaN', 'Infinity', '0x4']],
    [generate, '--guidance', ['-1', '101', '1e30', 'NaN', 'Infinity', 'x']],
    [generate, '--guidance-rescale', ['-1', '2', 'NaN']],
    [generate, '--strength', ['0', '-1', '1.5', 'NaN']],
    [generate, '--seeds', ['4294967296', '0-4294967295', '0-999999', '-1', '1.5', '1e3', '0x10', '0,'.repeat(9)]],
    [pairs, '--count', ['0', '1e9', '100001', '1.5', 'Infinity', 'NaN', '-1', '0x10']],
    [pairs, '--seed', ['4294967296', '-1', '0.5', 'NaN']],
    [pairs, '--best-of', ['1', '257', '1e9', '2.5']],
    [evaluate, '--count', ['0', '1e9', '-4', '2.5']],
    [evaluate, '--tie-margin', ['-1', 'Infinity', '1e300', 'NaN', '0x1']],
    [evaluate, '--seeds', ['4294967296', '3-1']],
    [['label', 'PAIRS', '--judge', 'a'], '--tie-margin', ['-1', 'Infinity', 'NaN']],
    [['plan', tiny], '--size', ['1000000', '0']],
    [['plan', tiny], '--rank', ['0', '257', '1e9', '2.5', 'NaN']],
    [['plan', tiny], '--pairs', ['0', '65', '1e9']],
    [['plan', tiny], '--accumulation', ['0', '1025', '1e9']],
    [['bench', tiny], '--rank', ['0', '257', '1e9']],
    [['bench', tiny], '--pairs', ['0', '65']],
    [['bench', tiny], '--repeats', ['0', '1e9']],
    [['bench', tiny], '--rows', ['0', '1e9']],
  ])('%j %s', async (args, option, values) => {
    for (const value of values) {
      const given = args.map((part) => (part === 'PAIRS' ? join(folder, 'pairs') : part));
      expectNamed(await winnow(...given, option, value), new RegExp(`^BadArguments: ${option} is `, 'm'));
    }
    expect(existsSync('never')).toBe(false);
  });

  it.each([
    'alpha=1e30',
    'beta=1e300',
    'rank=1e9',
    'steps=1e9',
    'warmupSteps=1e12',
    'seed=1e300',
    'keepCheckpoints=1e30',
  ])('train --set %s', async (setting) => {
    expectNamed(
      await winnow('train', tiny, join(folder, 'pairs'), '--set', setting, '--out', join(folder, 'never')),
      /^BadConfig: The training settings are not right/m,
    );
  });

  it('strengths and steps of adapters', () => {
    const lora = join(folder, 'x.safetensors');
    writeFileSync(lora, '');
    for (const strength of ['1001', '-1001', '9'.repeat(400), '1e30', '1e400'])
      expect(() => parseModelRef(`postcard+${lora}:${strength}`), strength).toThrow('gives a strength of');
    expect(parseModelRef(`postcard+${lora}:-2.5`).adapters[0]!.strength).toBe(-2.5);
    expect(parseModelRef(`postcard+${lora}:1e-1`).adapters[0]!.strength).toBe(0.1);
  });

  it('the pictures of a command together', async () => {
    const list = join(folder, 'many.txt');
    writeFileSync(list, Array.from({ length: 2000 }, (_, i) => `prompt ${i}`).join('\n'));
    expectNamed(
      await winnow('generate', tiny, '--prompts', list, '--seeds', '0-99', '--out', join(folder, 'never')),
      /^BadArguments: 2000 prompts with 100 seeds are 200000 pictures/m,
    );
  });

  it('within them, decimal numbers are read as they stand', () => {
    expect([number('x', '1e3'), number('x', '.5'), number('x', '-1.5'), number('x', ' 7 ')]).toEqual([
      1000, 0.5, -1.5, 7,
    ]);
    expect(size('size', '8192x8')).toEqual({ width: 8192, height: 8 });
    expect(seeds('seeds', '4294967295')).toEqual([4294967295]);
    expect(seeds('seeds', '0-99999')).toHaveLength(100_000);
  });
});

describe('--out that cannot be a folder', () => {
  const verbs: Record<string, string[]> = {
    generate: [tiny, '--prompt', 'a'],
    pairs: [tiny, '--prompt', 'a'],
    evaluate: [tiny, tiny, '--prompts', join(root, 'public/prompts/test.txt')],
    export: [tiny, '--as', 'diffusers'],
    train: [tiny, 'PAIRS'],
  };
  const places: Record<string, () => string> = {
    'is a file': () => file,
    'lies below a file': () => join(file, 'deep', 'er'),
    'is a variable that the shell did not know': () => '',
    'has a name too long': () => join(folder, 'x'.repeat(400)),
    'is read-only': () => '/proc/winnow',
  };
  for (const [verb, args] of Object.entries(verbs)) {
    it.each(Object.entries(places))(`${verb}: %s`, async (_, place) => {
      const given = args.map((part) => (part === 'PAIRS' ? join(folder, 'pairs') : part));
      expectNamed(await winnow(verb, ...given, '--out', place()), /^(BadArguments|AccessDenied|NotFound): /m);
      expect(readFileSync(file, 'utf8')).toBe('x');
    });
  }

  it('label: --out is a folder, or lies below a file', async () => {
    const events = join(folder, 'pairs', 'labels.jsonl');
    for (const out of [folder, join(file, 'labels.jsonl')])
      expectNamed(
        await winnow('label', join(folder, 'pairs'), '--judge', events, '--out', out),
        /^(NotFound|BadArguments): /m,
      );
  });
});

describe('files that cannot be read', () => {
  it.each<[string, string[], RegExp]>([
    ['a folder for a prompt list', ['generate', tiny, '--prompts', 'FOLDER', '--out', 'never'], /^NotFound: /m],
    ['a missing prompt list', ['generate', tiny, '--prompts', 'FOLDER/none', '--out', 'never'], /^NotFound: /m],
    [
      'a prompt list in Latin-1',
      ['generate', tiny, '--prompts', 'FOLDER/latin1.txt', '--out', 'never'],
      /^BadFile: .*latin1\.txt is neither UTF-8/m,
    ],
    [
      'a device for a prompt list',
      ['generate', tiny, '--prompts', '/dev/null', '--out', 'never'],
      /^BadFile: \/dev\/null holds no prompts/m,
    ],
    [
      'a link to itself for a prompt list',
      ['generate', tiny, '--prompts', 'FOLDER/loop', '--out', 'never'],
      /^NotFound: /m,
    ],
    ['a file for a pairs folder', ['label', 'FOLDER/a-file', '--judge', 'a'], /^NotFound: .*is no pairs folder/m],
    ['a file for a run', ['export', 'FOLDER/a-file', '--out', 'never'], /^NotFound: /m],
    [
      'how to draw what is drawn already',
      ['evaluate', 'FOLDER/pairs', 'FOLDER/pairs', '--steps', '3', '--out', 'never'],
      /^BadArguments: --steps does nothing with pictures that are there already/m,
    ],
    ['no judge to be verified', ['verify', '--judge', 'FOLDER/nowhere'], /^NotFound: There is no folder .*nowhere/m],
    ['a file for a judge’s pictures', ['verify', '--judge', 'FOLDER', '--pictures', 'FOLDER/a-file'], /^NotFound: /m],
    ['a file for a case', ['verify', 'FOLDER/a-file'], /^NotFound: /m],
    ['a file for a model', ['bench', 'FOLDER/a-file'], /^NotFound: /m],
    [
      'a file for figures',
      ['bench', 'gpu', 'FOLDER/a-file'],
      /^BadFile: .*a-file (cannot be read|holds no such figures)/m,
    ],
    ['a folder without a model', ['plan', 'FOLDER/pairs'], /^NotFound: /m],
    [
      'a folder for a LoRA',
      ['generate', `${tiny}+FOLDER/pairs`, '--prompt', 'a', '--out', 'never'],
      /^NotFound: There is no LoRA file/m,
    ],
    [
      'a folder for labels',
      ['train', tiny, 'FOLDER/pairs', 'FOLDER', '--out', 'never'],
      /^NotFound: There is no label file/m,
    ],
    [
      'a config in UTF-16 that is none',
      ['train', tiny, 'FOLDER/pairs', '--config', 'FOLDER/latin1.txt', '--out', 'never'],
      /^BadFile: /m,
    ],
  ])('%s', async (_, args, name) => {
    expectNamed(await winnow(...args.map((part) => part.replace('FOLDER', folder))), name);
  });
});

it('a prompt or seed that is given twice counts once, and that is told', () => {
  const said: string[] = [];
  expect(distinct('seeds', [1, 2, 1, 3, 2], (text) => said.push(text))).toEqual([1, 2, 3]);
  expect(said).toEqual(['2 of 5 seeds were given before; each counts once.']);
});

it('a prompt longer than any model reads is refused', async () => {
  await expect(prompts({ prompt: ['a'.repeat(10_001)], prompts: undefined })).rejects.toMatchObject({
    name: 'BadPrompt',
  });
});

it('the file store names what the file system refuses', async () => {
  const store = new NodeFileStore(folder);
  const bytes = Uint8Array.of(1);
  for (const work of [
    () => store.write('a-file/b', bytes),
    () => store.append('a-file/b', bytes),
    () => store.write('x'.repeat(400), bytes),
    () => store.write('pairs', bytes),
    () => store.read('a-file/b'),
    () => store.read('pairs'),
    () => store.open('pairs'),
  ])
    await expect(work()).rejects.toMatchObject({
      name: expect.stringMatching(/^(BadArguments|NotFound|AccessDenied)$/) as string,
    });
  expect(() => outFolder(file)).toThrow(expect.objectContaining({ name: 'BadArguments' }));
});
