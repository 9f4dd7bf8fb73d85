/** Arguments, help, errors and exit codes, and the verbs that need no GPU, in this process. */
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { startTestHub } from '../../tools/testHub.ts';
import { writeLora } from '../data/formats/lora.ts';
import { formatJsonl } from '../data/formats/jsonl.ts';
import { openSafetensors, writeSafetensors } from '../data/formats/safetensors.ts';
import { labelKind } from '../records/kinds.ts';
import { pairRecord } from '../records/testRecords.ts';
import { testRun } from '../service/testRuns.ts';
import type { HubPlan, LabelEvent } from '../service/types.ts';
import { absolute, number, seeds, size } from './arguments.ts';
import { NodeFileStore } from './files.ts';
import { parseModelRef } from './modelRef.ts';
import { appendRecords, readRecords } from './records.ts';
import { runCli } from './run.ts';
import { winnow } from './testCli.ts';
import { duration, Pace, Terminal } from './terminal.ts';
import { verbs } from './verbs/index.ts';

const root = join(import.meta.dirname, '..', '..');
const cases = join(root, 'tools/reference/cases');
const tiny = join(cases, 'pipeline-tiny-v/pipeline');
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'winnow-cli-'));
});

describe('help', () => {
  it('lists the verbs', async () => {
    const { code, out } = await winnow('--help');
    expect(code).toBe(0);
    for (const name of [
      'generate',
      'pairs',
      'label',
      'score',
      'train',
      'evaluate',
      'export',
      'download',
      'plan',
      'verify',
      'bench',
    ])
      expect(out).toMatch(new RegExp(`^  ${name} `, 'm'));
  });
  it.each(verbs.map(({ name }) => name))(
    'of %s has a usage line, its options with defaults and an example',
    async (name) => {
      const { code, out, err } = await winnow(name, '--help');
      expect(code).toBe(0);
      expect(err).toBe('');
      expect(out).toContain(`usage: winnow ${name} `);
      expect(out).toContain('--json');
      expect(out).toContain(`example: winnow ${name} `);
      expect(out).not.toContain('undefined');
    },
  );
  it('names every option with its value and default', async () => {
    const { out } = await winnow('generate', '--help');
    expect(out).toMatch(/--seeds LIST .*\(default: 0\)/);
    expect(out).toMatch(/--prompt TEXT .*\(may be repeated\)/);
  });
});

describe('errors', () => {
  it.each([
    [[], 2, ''],
    [['sort', 'x'], 2, 'BadArguments: There is no verb sort. Choose one of generate,'],
    [['generate'], 2, 'BadArguments: MODEL is missing.'],
    [['generate', tiny, 'more'], 2, 'BadArguments: "more" is one argument too many.'],
    [['generate', tiny, '--sedes', '1'], 2, `BadArguments: Unknown option '--sedes'.`],
    [['generate', tiny, '--out', 'x'], 2, 'BadArguments: There is no prompt.'],
    [['generate', tiny, '--prompt', 'a', '--seeds', '3-1', '--out', 'x'], 2, 'BadArguments: --seeds is "3-1".'],
    [['generate', tiny, '--prompt', 'a'], 2, 'BadArguments: --out is missing.'],
    [['generate', 'nowhere', '--prompt', 'a', '--out', 'x'], 1, 'NotFound: There is no model folder nowhere.'],
    [['plan', tiny, '--mode', 'half'], 2, 'BadArguments: --mode is "half". Choose one of lora, full.'],
    [
      ['plan', tiny, '--size', '33x32'],
      2,
      'BadArguments: This model cannot make 33 by 32 pixels. Choose multiples of 4.',
    ],
    [['plan', tiny, '--size', '1000000'], 2, 'BadArguments: --size is "1000000".'],
    [
      ['export', tiny, '--as', 'onnx', '--prediction-type', 'v', '--out', 'x'],
      2,
      'BadArguments: --prediction-type is "v". Choose one of epsilon, v_prediction, sample.',
    ],
    [['plan', tiny, '--rank', '0'], 2, 'BadArguments: --rank is "0".'],
    [['export', tiny, '--as', 'ckpt', '--out', 'x'], 2, 'BadArguments: --as is "ckpt".'],
    [
      ['export', tiny, '--as', 'kohya', '--precision', 'f16', '--out', 'x'],
      2,
      'BadArguments: --precision is for a merged model, not for kohya.',
    ],
    [
      ['export', tiny, '--as', 'single-file', '--precision', 'f8', '--out', 'x'],
      2,
      'BadArguments: --precision is "f8".',
    ],
    [['export', tiny, '--out', 'x'], 2, 'BadArguments: The base model has no LoRA to export.'],
    [['label', tiny, '--judge', 'a'], 1, `NotFound: ${tiny} is no pairs folder`],
    [['train', tiny, tiny, '--out', 'x'], 1, 'NotFound:'],
    [['train', '--resume', '--out', 'nowhere'], 2, 'BadArguments: There is no run in nowhere.'],
    [['download', 'a/b'], 2, 'BadArguments: --out is missing.'],
    [['download', 'a b', '--out', 'x'], 2, 'BadArguments: "a b" names no model.'],
    [['verify', tiny], 1, 'NotFound: There is no file'],
    [['verify'], 2, 'BadArguments: CASE_DIR is missing.'],
    [['verify', join(cases, 'dpo-ipo'), '--backend', 'onnx'], 2, 'BadArguments: ipo trains'],
  ])('%j exits %i', async (args, code, message) => {
    const result = await winnow(...args);
    expect(result.code).toBe(code);
    if (message) {
      expect(result.err.split('\n').some((line) => line.startsWith(message))).toBe(true);
      expect(result.out).toBe('');
    }
  });
  it('tells machines on stdout', async () => {
    const { code, out } = await winnow('plan', 'nowhere', '--json');
    expect(code).toBe(1);
    expect(out.trim().split('\n')).toHaveLength(1);
    expect(JSON.parse(out)).toEqual({
      error: {
        name: 'NotFound',
        what: 'There is no model folder nowhere.',
        remedy: expect.stringContaining('diffusers folder'),
      },
    });
  });
});

describe('values', () => {
  it('reads seeds', () => {
    expect(seeds('seeds', '0-3,7, 9')).toEqual([0, 1, 2, 3, 7, 9]);
    for (const bad of ['', '-1', '1.5', '1-', 'a', '4294967296'])
      expect(() => seeds('seeds', bad)).toThrow('--seeds is');
  });
  it('reads sizes and numbers', () => {
    expect(size('size', '96x64')).toEqual({ width: 96, height: 64 });
    expect(size('size', '96')).toEqual({ width: 96, height: 96 });
    for (const wrong of ['96x', 'x96', '9.5', '96x64x3']) expect(() => size('size', wrong)).toThrow('as 96x96');
    expect(number('x', '-1.5')).toBe(-1.5);
    expect(() => number('x', '1e999')).toThrow('--x is');
    expect(() => number('x', '0.5', { whole: true, min: 1 })).toThrow('a whole number from 1');
  });
});

describe('MODEL', () => {
  const lora = (): string => join(folder, 'a+b.safetensors');
  beforeAll(() => {
    writeFileSync(lora(), '');
    mkdirSync(join(folder, 'run'));
    writeFileSync(join(folder, 'run/run.json'), JSON.stringify(testRun()));
  });
  it('is an embedded name or a folder', () => {
    expect(parseModelRef('postcard')).toEqual({ base: 'postcard', adapters: [] });
    expect(parseModelRef(tiny)).toEqual({ base: absolute(tiny), adapters: [] });
  });
  it('takes adapters with strengths and steps, and paths with a +', () => {
    expect(parseModelRef(`postcard+${lora()}:0.5+${folder}/run@20:-1+${lora()}`).adapters).toEqual([
      { kind: 'file', file: absolute(lora()), strength: 0.5 },
      { kind: 'run', run: absolute(`${folder}/run`), step: 20, strength: -1 },
      { kind: 'file', file: absolute(lora()), strength: 1 },
    ]);
  });
  it('is a run, which stands for its model with it', () => {
    expect(parseModelRef(`${folder}/run@20`)).toEqual({
      base: 'postcard',
      adapters: [{ kind: 'run', run: absolute(`${folder}/run`), step: 20, strength: 1 }],
    });
  });
  it('is a run with what its model was said to predict', () => {
    const run = join(folder, 'run-v');
    mkdirSync(run);
    writeFileSync(
      join(run, 'run.json'),
      JSON.stringify({ ...testRun(), model: { base: 'postcard', adapters: [], predictionType: 'v_prediction' } }),
    );
    expect(parseModelRef(run)).toMatchObject({ base: 'postcard', predictionType: 'v_prediction' });
    expect(parseModelRef(run, 'epsilon')).toMatchObject({ base: 'postcard', predictionType: 'epsilon' });
  });
  it('refuses what is not there and what makes no sense', () => {
    expect(parseModelRef('postcard', 'v_prediction')).toEqual({
      base: 'postcard',
      adapters: [],
      predictionType: 'v_prediction',
    });
    const peft = join(import.meta.dirname, '../../tools/reference/lora-files/peft-folder');
    expect(parseModelRef(`postcard+${peft}:0.5`).adapters).toEqual([
      { kind: 'file', file: join(peft, 'adapter_model.safetensors'), strength: 0.5 },
    ]);
    expect(() => parseModelRef(`postcard+${join(peft, '..')}`)).toThrow('There is no LoRA file and no run');
    expect(() => parseModelRef(`postcard+${lora()}:1e9`)).toThrow();
    expect(() => parseModelRef(`postcard+${lora()}:1000000`)).toThrow('Choose one from -1000 to 1000.');
    expect(() => parseModelRef('postcard+nothing:0.5')).toThrow('There is no LoRA file and no run nothing.');
    expect(() => parseModelRef(`postcard+${lora()}@3`)).toThrow('Only a run has steps.');
    expect(() => parseModelRef(`${tiny}:0.5`)).toThrow('base model');
  });
});

it('reads and writes absolute paths, and keeps settings apart', async () => {
  const files = new NodeFileStore(join(folder, 'store'), join(folder, 'settings'));
  const elsewhere = absolute(join(folder, 'elsewhere/x.bin'));
  await files.write(elsewhere, Uint8Array.of(1));
  await files.write('in/y.bin', Uint8Array.of(2));
  await files.write('settings/z.json', Uint8Array.of(3));
  expect([...readFileSync(elsewhere)]).toEqual([1]);
  expect([...readFileSync(join(folder, 'settings/z.json'))]).toEqual([3]);
  expect(await files.list('')).toEqual(['in/y.bin']);
  expect(await files.list(absolute(join(folder, 'elsewhere')))).toEqual([elsewhere]);
  await expect(files.read('in/none')).rejects.toMatchObject({ name: 'NotFound' });
});

describe('progress', () => {
  it('tells the time left from the pace, and nothing before it is known', () => {
    const pace = new Pace();
    expect(pace.left(0, 4)).toBe('');
    expect(pace.left(1, 4)).toMatch(/^, \d+ s left$/);
    expect(pace.left(4, 4)).toBe('');
    expect([duration(59.4), duration(61), duration(7325)]).toEqual(['59 s', '1 min 1 s', '2 h 2 min']);
  });
  it('goes to stderr, and with --json nothing else goes to stdout', () => {
    let [out, err] = ['', ''];
    const terminal = new Terminal(
      { out: (text) => void (out += text), err: (text) => void (err += text), live: false },
      true,
    );
    terminal.print('a row');
    terminal.status('step 1/9');
    expect(out).toBe('');
    expect(err).toBe('step 1/9\n');
  });
});

describe('plan', () => {
  it('works from configs alone', async () => {
    const { code, out } = await winnow('plan', tiny, '--rank', '2', '--pairs', '1', '--json');
    expect(code).toBe(0);
    const plan = JSON.parse(out) as {
      parts: Record<string, number>;
      peakBytes: number;
      parameters: number;
      trainedParameters: number;
      flopsPerStep: number;
    };
    expect(plan.parameters).toBe(13164);
    // The adapter in f32, padded to bindings; its gradients; two moments.
    expect(plan.parts['adapter']).toBeGreaterThanOrEqual(4 * plan.trainedParameters);
    expect(plan.parts['optimiser']).toBe(2 * plan.parts['adapter']!);
    expect(plan.peakBytes).toBe(Object.values(plan.parts).reduce((sum, bytes) => sum + bytes, 0));
    const double = JSON.parse((await winnow('plan', tiny, '--rank', '2', '--pairs', '2', '--json')).out) as typeof plan;
    expect(double.flopsPerStep).toBe(2 * plan.flopsPerStep);
    // But for the shapes that kernels take as data, a tenth of so small a plan.
    expect(double.parts['activations']).toBeGreaterThan(1.75 * plan.parts['activations']!);
  });
  it('counts Stable Diffusion 1.5 as diffusers does, from its UNet config alone', async () => {
    const config = {
      _class_name: 'UNet2DConditionModel',
      sample_size: 64,
      in_channels: 4,
      out_channels: 4,
      block_out_channels: [320, 640, 1280, 1280],
      down_block_types: ['CrossAttnDownBlock2D', 'CrossAttnDownBlock2D', 'CrossAttnDownBlock2D', 'DownBlock2D'],
      up_block_types: ['UpBlock2D', 'CrossAttnUpBlock2D', 'CrossAttnUpBlock2D', 'CrossAttnUpBlock2D'],
      layers_per_block: 2,
      cross_attention_dim: 768,
      attention_head_dim: 8,
    };
    mkdirSync(join(folder, 'sd'));
    writeFileSync(join(folder, 'sd/config.json'), JSON.stringify(config));
    const { out } = await winnow('plan', join(folder, 'sd'), '--pairs', '1', '--mode', 'full', '--json');
    expect(JSON.parse(out)).toMatchObject({
      parameters: 859_520_964,
      trainedParameters: 859_520_964,
      width: 512,
      height: 512,
    });
  });
});

describe('verify', () => {
  it('prints a row a tensor and the closing line', async () => {
    const { code, out } = await winnow('verify', join(cases, 'add_noise-v'), '--backend', 'cpu');
    expect(code).toBe(0);
    expect(out).toMatch(/^noisy +\d+ +\S+ +\S+ +ok$/m);
    expect(out.trimEnd().split('\n').at(-1)).toMatch(
      /^v: 2 tensors, worst forward \S+, worst grad 0, worst trajectory 0: ok$/,
    );
  });
  it('fails on a wrong case, and prints JSON alone', async () => {
    const wrong = join(folder, 'wrong');
    mkdirSync(wrong);
    for (const name of ['case.json', 'inputs.safetensors'])
      writeFileSync(join(wrong, name), readFileSync(join(cases, 'add_noise-v', name)));
    const expected = await openSafetensors(
      new Uint8Array(readFileSync(join(cases, 'add_noise-v/expected.safetensors'))),
    );
    const noisy = await expected.read('noisy');
    noisy[0]! += 0.1;
    writeFileSync(
      join(wrong, 'expected.safetensors'),
      writeSafetensors({ noisy: { shape: expected.shape('noisy')!, data: noisy } }),
    );
    const { code, out } = await winnow('verify', join(cases, 'add_noise-v'), wrong, '--backend', 'cpu', '--json');
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      ok: false,
      failures: [],
      cases: [{ ok: true }, { ok: false, rows: [{ name: 'noisy', ok: false }] }],
    });
  });
});

describe('label', () => {
  const answers: LabelEvent[] = [
    {
      type: 'label',
      id: 'l1',
      pair: 'p1',
      answer: 'left',
      shownLeft: 1,
      clearly: false,
      elapsedMs: 5,
      at: '2026-01-01T00:00:00Z',
      by: 'person',
    },
    {
      type: 'label',
      id: 'l2',
      pair: 'p2',
      answer: 'tie',
      shownLeft: 0,
      clearly: false,
      elapsedMs: 5,
      at: '2026-01-01T00:00:01Z',
      by: 'person',
    },
    {
      type: 'label',
      id: 'l3',
      pair: 'other',
      answer: 'left',
      shownLeft: 0,
      clearly: false,
      elapsedMs: 5,
      at: '2026-01-01T00:00:02Z',
      by: 'person',
    },
    { type: 'retract', id: 'r1', label: 'l2', at: '2026-01-01T00:00:03Z' },
  ];
  it('takes events in from a file, once', async () => {
    const pairs = join(folder, 'pairs');
    mkdirSync(pairs);
    writeFileSync(join(pairs, 'pairs.jsonl'), formatJsonl(['p1', 'p2'].map((id) => pairRecord(id))));
    writeFileSync(join(folder, 'events.jsonl'), formatJsonl(answers));
    const first = await winnow('label', pairs, '--scorer', join(folder, 'events.jsonl'), '--json');
    expect(JSON.parse(first.out)).toMatchObject({ added: 3, labels: 1, usable: 1, tie: 0, ofOthers: 1 });
    const second = await winnow('label', pairs, '--judge', join(folder, 'events.jsonl'), '--json');
    expect(JSON.parse(second.out)).toMatchObject({ added: 0, labels: 1 });
    expect(readRecords(join(pairs, 'labels.jsonl'), labelKind).map(({ id }) => id)).toEqual(['l1', 'l2', 'r1']);
  });
});

describe('raters', () => {
  const label = (by: string, pair: string, answer: 'left' | 'right'): LabelEvent => ({
    type: 'label',
    id: `${by} ${pair}`,
    pair,
    answer,
    shownLeft: 0,
    clearly: false,
    elapsedMs: 5,
    at: '2026-01-01T00:00:00Z',
    by,
  });
  it('puts the files of several together and says how far they agree', async () => {
    const pairs = join(folder, 'rated');
    mkdirSync(pairs);
    writeFileSync(join(pairs, 'pairs.jsonl'), formatJsonl(['p1', 'p2', 'p3'].map((id) => pairRecord(id))));
    const files = (['Ann', 'Bo'] as const).map((name) => join(folder, `${name}.jsonl`));
    const ann = [
      label('person:Ann', 'p1', 'left'),
      label('person:Ann', 'p2', 'right'),
      label('person:Ann', 'p3', 'left'),
    ];
    const bo = [
      label('person:Bo', 'p1', 'left'),
      label('person:Bo', 'p2', 'left'),
      label('person:Bo', 'elsewhere', 'left'),
    ];
    writeFileSync(files[0]!, formatJsonl(ann));
    writeFileSync(files[1]!, formatJsonl([...bo, ...ann]));
    const out = join(folder, 'together.jsonl');
    const first = JSON.parse((await winnow('raters', pairs, ...files, '--out', out, '--json')).out);
    expect(first).toMatchObject({
      pairs: 3,
      ofOthers: 1,
      merged: { labels: 4, usable: 3, tie: 1 },
      disputed: 1,
      // One of two alike; by chance one half would be: 1 * 1/2.
      agreement: { statistic: 'kappa', units: 2, value: 0, interval: null },
      added: 6,
    });
    expect(first.raters.map((one: { by: string; labels: number }) => [one.by, one.labels])).toEqual([
      ['person:Ann', 3],
      ['person:Bo', 3],
    ]);
    expect(JSON.parse((await winnow('raters', pairs, ...files, '--out', out, '--json')).out).added).toBe(0);
    const told = await winnow('raters', pairs, out);
    expect(told.out).toContain("Cohen's kappa 0.00 over 2 pairs; 1 disputed.");
    expect((await winnow('raters', pairs)).err).toContain('There is no label file');
  });
});

describe('settings of a run', () => {
  const pairs = (): string => join(folder, 'judged');
  beforeAll(() => {
    mkdirSync(pairs());
    appendRecords(join(pairs(), 'pairs.jsonl'), [pairRecord('p1')]);
    appendRecords(join(pairs(), 'labels.jsonl'), []);
  });
  it.each([
    [['--preset', 'fast'], 2, 'BadArguments: There is no preset fast. Choose one of quick,'],
    [['--preset', 'quick', '--config', 'x.json'], 2, 'BadArguments: --preset and --config were both given.'],
    [['--config', 'missing.json'], 1, 'NotFound: The file missing.json cannot be read.'],
    [
      ['--set', 'stepz=3'],
      2,
      'BadArguments: --set stepz=3 names no setting. Give KEY=VALUE, KEY being one of version, mode,',
    ],
    [['--set', 'rank=0'], 1, 'BadConfig: The training settings are not right (rank:'],
    [['--set', 'sdpoMu=2'], 1, 'BadConfig: The training settings are not right (sdpoMu:'],
    [
      ['--set', 'loss=ipo', '--set', 'labelSmoothing=0.1'],
      2,
      'BadArguments: --set labelSmoothing=0.1 does nothing with loss=ipo. Leave it out, or choose another loss.',
    ],
    [['--set', 'loss=mapo', '--set', 'beta=100'], 2, 'BadArguments: --set beta=100 does nothing with loss=mapo.'],
    [['--set', 'mapoT=100'], 2, 'BadArguments: --set mapoT=100 does nothing with loss=sigmoid.'],
    [['--set', 'mode=full', '--set', 'rank=4'], 2, 'BadArguments: --set rank=4 does nothing with mode=full.'],
    [['--set', 'loss=best'], 1, 'BadConfig: The training settings are not right (loss:'],
    [['--reference', 'none'], 2, 'BadArguments: --reference is "none". Choose one of auto, engine, onnx.'],
  ])('%j exits %i', async (args, code, message) => {
    const result = await winnow('train', tiny, pairs(), ...args, '--out', join(folder, 'never'));
    expect(result.err).toContain(message);
    expect(result.code).toBe(code);
  });
});

describe('an option that does nothing is refused', () => {
  const ddim = ['--scheduler', 'DDIMScheduler'];
  it.each([
    ['generate', ['--strength', '0.5'], '--strength does nothing without --init.'],
    ['generate', ['--eta', '0.5', '--scheduler', 'PNDMScheduler'], '--eta does nothing with PNDMScheduler.'],
    ['generate', ['--karras', 'on', ...ddim], '--karras does nothing with DDIMScheduler.'],
    ['generate', ['--guidance', '1', '--negative', 'x'], '--negative does nothing at a guidance of 1.'],
    ['generate', ['--guidance', '0', '--guidance-rescale', '1'], '--guidance-rescale does nothing at a guidance of 0.'],
    ['pairs', ['--judge', 'b'], '--judge does nothing without --best-of.'],
    ['pairs', ['--scorer', 'b'], '--judge does nothing without --best-of.'],
    ['pairs', ['--scorer', 'b', '--judge', 'a'], '--judge and --scorer, its name of before, were both given.'],
    ['plan', ['--mode', 'full', '--rank', '4'], '--rank does nothing with --mode full.'],
    ['plan', ['--mode', 'full', '--targets', 'all'], '--targets does nothing with --mode full.'],
    ['bench', ['--mode', 'full', '--rank', '4'], '--rank does nothing with --mode full.'],
    ['bench', ['--small'], '--small does nothing without gpu.'],
  ])('%s %j', async (verb, args, message) => {
    const rest = ['plan', 'bench'].includes(verb) ? [] : ['--prompt', 'a tree', '--out', join(folder, 'idle')];
    const { code, err } = await winnow(verb, tiny, ...args, ...rest);
    expect(err).toContain(`BadArguments: ${message}`);
    expect(code).toBe(2);
  });

  it('label, with labels from a file', async () => {
    const pairs = join(folder, 'pairs');
    for (const option of ['by', 'tie-margin', 'clear-margin', 'model'])
      expect(
        (await winnow('label', pairs, '--scorer', join(folder, 'events.jsonl'), `--${option}`, '1')).err,
      ).toContain(`--${option} does nothing where labels are taken in from a file.`);
  });
});

describe('export', () => {
  const path = 'down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q';
  it('turns kohya into PEFT, merges into a diffusers folder, and writes ONNX', async () => {
    const sites = [{ path, weightShape: [8, 8] }];
    const modules = new Map([
      [path, { down: new Float32Array(8).fill(0.5), up: new Float32Array(8).fill(0.25), rank: 1, alpha: 2 }],
    ]);
    const lora = join(folder, 'kohya.safetensors');
    writeFileSync(lora, writeSafetensors(writeLora({ unet: modules }, { unet: sites }, 'kohya')));

    const peft = join(folder, 'peft.safetensors');
    expect((await winnow('export', `${tiny}+${lora}`, '--as', 'peft', '--out', peft)).code).toBe(0);
    const file = await openSafetensors(new Uint8Array(readFileSync(peft)));
    expect(file.names).toContain(`unet.${path}.lora_A.weight`);
    expect(JSON.stringify(file.metadata)).not.toContain(folder);

    const merged = join(folder, 'merged');
    expect((await winnow('export', `${tiny}+${lora}:0.5`, '--as', 'diffusers', '--out', merged)).code).toBe(0);
    const weight = async (model: string): Promise<Float32Array> =>
      (
        await openSafetensors(new Uint8Array(readFileSync(join(model, 'unet/diffusion_pytorch_model.safetensors'))))
      ).read(`${path}.weight`);
    const [before, after] = [await weight(tiny), await weight(merged)];
    // strength * alpha / rank * up down = 0.5 * 2 * 0.25 * 0.5.
    after.forEach((x, i) => expect(x - before[i]!).toBeCloseTo(0.125, 5));

    const checkpoint = join(folder, 'one.safetensors');
    expect(
      (await winnow('export', `${tiny}+${lora}:0.5`, '--as', 'single-file', '--precision', 'f32', '--out', checkpoint))
        .code,
    ).toBe(0);
    const single = await openSafetensors(new Uint8Array(readFileSync(checkpoint)));
    expect(await single.read('model.diffusion_model.input_blocks.3.1.transformer_blocks.0.attn1.to_q.weight')).toEqual(
      after,
    );
    // And back, as a model: by its path, or as the one file of a folder.
    const alone = join(folder, 'alone');
    mkdirSync(alone);
    writeFileSync(join(alone, 'one.safetensors'), readFileSync(checkpoint));
    for (const [i, model] of [checkpoint, alone].entries()) {
      const back = join(folder, `back-${i}`);
      expect((await winnow('export', model, '--as', 'diffusers', '--out', back)).code).toBe(0);
      expect(await weight(back)).toEqual(after);
    }
    expect((await winnow('plan', checkpoint, '--json')).out.replace(checkpoint, '')).toBe(
      (await winnow('plan', merged, '--json')).out.replace(merged, ''),
    );
    const refused = await winnow('plan', lora);
    expect([refused.code, refused.err]).toEqual([
      1,
      expect.stringContaining(
        'UnsupportedArchitecture: kohya.safetensors is a LoRA, not a model. Add it to the model it was trained on.',
      ),
    ]);

    const { out } = await winnow('export', tiny, '--as', 'onnx', '--out', folder, '--json');
    const { files } = JSON.parse(out) as { files: { file: string; bytes: number }[] };
    expect(readFileSync(files[0]!.file).length).toBe(files[0]!.bytes);
    expect(readFileSync(files[0]!.file).includes('encoder_hidden_states')).toBe(true);
  });
});

describe('download', () => {
  it('plans, fetches, goes on after Ctrl-C, and keeps out of a folder with other files', async () => {
    const unet = 'unet/diffusion_pytorch_model.safetensors';
    const hub = await startTestHub({ folder: tiny, faults: { [unet]: [null, { kind: 'stall', after: 30_000 }] } });
    try {
      const out = join(folder, 'downloaded');
      const planned = await winnow('download', hub.id, '--host', hub.host, '--out', out, '--plan', '--json');
      expect(planned).toMatchObject({ code: 0, err: '' });
      const plan = JSON.parse(planned.out) as HubPlan;
      expect(plan).toMatchObject({ id: hub.id, revision: hub.commit, presentBytes: 0 });
      expect(plan.availableBytes).toBeGreaterThan(0);
      const first = await winnow('download', hub.id, '--host', hub.host, '--out', out);
      expect(first).toMatchObject({
        code: 0,
        out: expect.stringContaining(`from ${hub.host}/${hub.id}@${hub.commit}`) as string,
      });
      expect(first.err).toMatch(/12 files, 143\.6 kB/);
      for (const { path, size } of plan.files) expect(readFileSync(join(out, path)), path).toHaveLength(size);
      expect(await winnow('download', hub.id, '--host', hub.host, '--out', tiny)).toMatchObject({
        code: 2,
        err: expect.stringContaining('has other files in it') as string,
      });

      const cut = join(folder, 'cut');
      let [text, asked] = ['', false];
      const code = await runCli(
        ['download', hub.id, '--host', hub.host, '--out', cut],
        { out: () => {}, err: (line) => void (text += line), live: true },
        (terminal) => {
          const wait = setInterval(() => {
            if (asked || hub.requests.filter(({ path }) => path === unet).length < 2) return;
            asked = true;
            clearInterval(wait);
            setTimeout(() => terminal.interrupt(), 100);
          }, 10);
        },
      );
      expect([code, text]).toEqual([130, expect.stringContaining('Stopping after')]);
      const before = hub.requests.length;
      expect(await winnow('download', hub.id, '--host', hub.host, '--out', cut)).toMatchObject({ code: 0 });
      expect(hub.requests.slice(before).find(({ path }) => path === unet)).toMatchObject({
        range: 'bytes=30000-',
        status: 206,
      });
      expect(readFileSync(join(cut, unet)).equals(readFileSync(join(tiny, unet)))).toBe(true);
    } finally {
      await hub.close();
    }
  });
});
