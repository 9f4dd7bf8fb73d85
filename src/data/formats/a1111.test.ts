/** The text of A1111 and its relatives, as the field writes it. */
import { describe, expect, it } from 'vitest';
import { parseParameters, samplerOf } from './a1111.ts';
import { cpuMs } from '../../shared/testCpuTime.ts';

const settings = 'Steps: 20, Sampler: Euler, CFG scale: 7, Seed: 42, Size: 512x512';
const plain = `a cat\nNegative prompt: dog\n${settings}`;

describe('the settings are found, whatever stands behind them', () => {
  it.each([
    ['nothing', plain],
    ['CRLF', `${plain.replaceAll('\n', '\r\n')}\r\n`],
    ['templates', `${plain}\nTemplate: a {cat|dog}\nNegative Template: dog`],
    ['a note behind a blank line', `${plain}\n\nUsed embeddings: foo [abcd]`],
    ['three fields of an extension', `${plain}\nAlpha: 1, Beta: 2, Gamma: 3`],
    ['a quoted value with a line feed in it', `${plain}, Wildcard prompt: "x\ny, Seed: 9", Version: 1`],
    ['settings inside a quoted value', `${plain}, ADetailer prompt: "face, Steps: 3, Seed: 1", ADetailer model: x`],
    [
      'settings inside JSON',
      `${plain}, Civitai resources: [{"Seed":"9","modelName":"a, Seed: 7"}], Civitai metadata: {}`,
    ],
    ['hashes', `${plain}, Lora hashes: "x: 1234, Seed: 99", Seed: 98`],
  ])('%s', (_, text) => {
    const { prompt, negativePrompt, fields } = parseParameters(text);
    expect([prompt, negativePrompt]).toEqual(['a cat', 'dog']);
    expect(fields).toMatchObject({ Steps: '20', Sampler: 'Euler', 'CFG scale': '7', Seed: '42', Size: '512x512' });
  });

  it('with a value behind each', () => {
    expect(parseParameters(`${plain}, Wildcard prompt: "x\ny", Version: v1.10.1`).fields).toMatchObject({
      'Wildcard prompt': 'x\ny',
      Version: 'v1.10.1',
    });
  });
});

it('is a prompt where there are no settings', () => {
  for (const prompt of ['just a prompt', 'time: 10, place: here, weather: rainy', '{a|b} cat', 'a "quote, [bracket'])
    expect(parseParameters(prompt)).toEqual({ prompt, negativePrompt: '', fields: {} });
});

it('reads any text in linear time', () => {
  const long = 180_000;
  const hostile = [
    'a'.repeat(long),
    'a '.repeat(long / 2),
    ','.repeat(long),
    `${','.repeat(long)}:`,
    'a: ['.repeat(long / 4),
    'a: [,'.repeat(long / 5),
    'a: "'.repeat(long / 4),
    `a: "${'\\'.repeat(long)}`,
    'a: {"'.repeat(long / 5),
    'a:'.repeat(long / 2),
    '\n'.repeat(long),
    `Steps: 1${' '.repeat(long)}`,
    `Sampler: ${'x '.repeat(long / 2)}`,
    'Steps: 1, '.repeat(long / 10),
    'Steps: 1\n'.repeat(long / 9),
  ];
  for (const text of hostile) {
    const start = cpuMs();
    for (const whole of [text, `x\nSteps: 1, Seed: 2, Size: 8x8, ${text}`]) {
      const { fields } = parseParameters(whole);
      samplerOf(fields['Sampler'] ?? text, text);
    }
    expect(cpuMs() - start, JSON.stringify(text.slice(0, 12))).toBeLessThan(5000);
  }
});

describe('a sampler of ours', () => {
  const karras = { schedulerConfig: { use_karras_sigmas: true } };
  it.each([
    ['Euler', undefined, { scheduler: 'EulerDiscreteScheduler' }],
    ['Euler', 'Karras', { scheduler: 'EulerDiscreteScheduler', ...karras }],
    ['Euler a', 'Automatic', { scheduler: 'EulerAncestralDiscreteScheduler' }],
    ['Euler Ancestral Karras', undefined, { scheduler: 'EulerAncestralDiscreteScheduler', unknownSchedule: 'Karras' }],
    ['DPM++ 2M', 'Karras', { scheduler: 'DPMSolverMultistepScheduler', ...karras }],
    ['DPM++ 2M Karras', undefined, { scheduler: 'DPMSolverMultistepScheduler', ...karras }],
    ['dpm++ 2m karras', undefined, { scheduler: 'DPMSolverMultistepScheduler', ...karras }],
    ['DPM++ 2M', 'SGM Uniform', { scheduler: 'DPMSolverMultistepScheduler', unknownSchedule: 'SGM Uniform' }],
    ['DPM++ 2M SDE', 'Karras', undefined],
    ['DPM++ 2M SDE Karras', undefined, undefined],
    ['DPM++ SDE', undefined, undefined],
    ['UniPC', undefined, undefined],
    ['x\ny', undefined, undefined],
    // What every object of JavaScript has by that name.
    ['constructor', undefined, undefined],
    ['toString', 'Karras', undefined],
    ['DDIM', undefined, { scheduler: 'DDIMScheduler' }],
  ])('%s, schedule %s', (sampler, schedule, expected) => {
    expect(samplerOf(sampler, schedule)).toEqual(expected);
  });
});
