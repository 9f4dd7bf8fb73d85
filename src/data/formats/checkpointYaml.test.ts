/** Lines as published YAML files have them: v2-inference-v.yaml, v1-inference.yaml, sd_xl_base.yaml. */
import { expect, it } from 'vitest';
import { type CheckpointYaml, parseCheckpointYaml, yamlNames } from './checkpointYaml.ts';
import { cpuMs } from '../../shared/testCpuTime.ts';

const parse = (text: string): CheckpointYaml => parseCheckpointYaml(new TextEncoder().encode(text), 'm.yaml');
const ldm = 'model:\n  target: ldm.models.diffusion.ddpm.LatentDiffusion\n  params:\n';

it.each<[string, CheckpointYaml]>([
  [
    `${ldm}    parameterization: "v"\n    scale_factor: 0.18215\n`,
    { predictionType: 'v_prediction', scalingFactor: 0.18215 },
  ],
  [`${ldm}    parameterization: v # trained so\n`, { predictionType: 'v_prediction' }],
  [
    `${ldm}    parameterization: 'eps'\r\n    scale_factor: 0.13025\r\n`,
    { predictionType: 'epsilon', scalingFactor: 0.13025 },
  ],
  [`${ldm}    parameterization: "x0"\n`, { predictionType: 'sample' }],
  [`${ldm}    # parameterization: "v"\n    linear_start: 0.00085\n`, { predictionType: 'epsilon' }],
  [
    'model: {target: ldm.models.diffusion.ddpm.LatentDiffusion, params: {parameterization: "v"}}',
    { predictionType: 'v_prediction' },
  ],
  [
    'model:\n  target: sgm.models.diffusion.DiffusionEngine\n  params:\n    scale_factor: 0.13025\n    denoiser_config:\n      params:\n        scaling_config:\n          target: sgm.modules.diffusionmodules.denoiser_scaling.VScaling\n',
    { predictionType: 'v_prediction', scalingFactor: 0.13025 },
  ],
  ['target: sgm.modules.diffusionmodules.denoiser_scaling.EpsScaling', { predictionType: 'epsilon' }],
  ['name: something else\n', {}],
  ['', {}],
])('reads of %j what the checkpoint does not say', (text, expected) => {
  expect(parse(text)).toEqual(expected);
});

it.each([
  [`${ldm}    parameterization: velocity\n`, /parameterization: velocity/],
  [`${ldm}    parameterization: constructor\n`, /parameterization: constructor/],
  [`${ldm}    scale_factor: lots\n`, /scale_factor: lots/],
  ['#'.repeat(2 ** 20 + 1), /too large/],
])('refuses by its name what nobody could mean', (text, message) => {
  expect(() => parse(text)).toThrow(message);
  expect(() => parse(text)).toThrow(expect.objectContaining({ name: 'BadFile' }));
});

it('reads UTF-16, in which PowerShell writes', () => {
  const bytes = Buffer.from(`\uFEFF${ldm}    parameterization: "v"\r\n`, 'utf16le');
  expect(parseCheckpointYaml(new Uint8Array(bytes), 'm.yaml')).toEqual({ predictionType: 'v_prediction' });
});

it.each([[' '], ['target:'], [', '], ['\r']])('takes time linear in the file: %j over and over', (piece) => {
  const begin = cpuMs();
  expect(parse(piece.repeat(2 ** 19 / piece.length))).toEqual({});
  expect(cpuMs() - begin).toBeLessThan(1000);
});

it('lies beside the checkpoint, under its name', () => {
  expect(yamlNames('models/a.b.safetensors')).toEqual(['models/a.b.yaml', 'models/a.b.yml']);
});
