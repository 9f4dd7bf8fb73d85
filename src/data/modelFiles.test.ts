import { expect, it } from 'vitest';
import { chooseModelFiles } from './modelFiles.ts';

const model = [
  'model_index.json',
  'unet/config.json',
  'unet/diffusion_pytorch_model.safetensors',
  'scorers/index.json',
].map((path) => ({ path }));
const judge = (name: string, weights = 'model.safetensors'): { path: string }[] =>
  ['config.json', weights].map((file) => ({ path: `scorers/${name}/${file}` }));
const chosen = (...judges: { path: string }[][]): string[] =>
  chooseModelFiles([...model, ...judges.flat()], { what: 'The folder', onnx: false }).files.map(({ path }) => path);

it('brings every judge of a model along, whatever it is called', () => {
  const without = chosen();
  expect(without.toSorted()).toEqual(model.map(({ path }) => path).toSorted());
  expect(
    chosen(judge('a'), judge('c'), judge('taste-2'))
      .filter((path) => !without.includes(path))
      .toSorted(),
  ).toEqual([...judge('a'), ...judge('c'), ...judge('taste-2')].map(({ path }) => path).toSorted());
});

it('leaves a judge without weights that are read where it is, and takes the model', () => {
  expect(chosen(judge('a'), judge('b', 'pytorch_model.bin'))).not.toContain('scorers/b/config.json');
  expect(chosen(judge('a'), judge('b', 'pytorch_model.bin'))).toContain('scorers/a/model.safetensors');
});
