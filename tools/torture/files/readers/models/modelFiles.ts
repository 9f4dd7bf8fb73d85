/** Which files of a folder make a model. */
import { chooseModelFiles, insideTopFolder } from '../../../../../src/data/modelFiles.ts';
import { type Files, textOf } from '../../mutate.ts';
import { check, json, only, type Reader } from '../reader.ts';
import { smallFiles, tokenizerFiles } from './folder.ts';

const repositoryPaths = [
  'README.md',
  ...smallFiles,
  ...['tokenizer', 'tokenizer_2'].flatMap((part) => tokenizerFiles.map((file) => `${part}/${file}`)),
  'unet/diffusion_pytorch_model.safetensors.index.json',
  'unet/diffusion_pytorch_model-00001-of-00002.safetensors',
  'unet/diffusion_pytorch_model-00002-of-00002.safetensors',
  'vae/diffusion_pytorch_model.fp16.safetensors',
  'vae/diffusion_pytorch_model.bin',
  'text_encoder/model.safetensors',
  'text_encoder_2/model.safetensors',
  'unet/model.onnx',
];

/** Paths of a folder, as a list in JSON. */
function choose(files: Files): void {
  let paths: unknown;
  try {
    paths = JSON.parse(textOf(only(files)));
  } catch {
    return;
  }
  if (!Array.isArray(paths)) return;
  const inside = insideTopFolder(paths.filter((path) => typeof path === 'string').map((path) => ({ path })));
  check(
    inside.every(({ path }) => !path.split('/').includes('..') && !path.startsWith('/')),
    'a path that leads out',
  );
  const { files: chosen } = chooseModelFiles(inside, { what: 'The folder', onnx: true });
  check(
    chosen.length > 0 && chosen.every((file) => inside.some(({ path }) => path === file.path)),
    'files that are not there',
  );
}

export const modelFilesReader: Reader = {
  name: 'model-files',
  sources: ['data/modelFiles'],
  words: [
    'unet/',
    'model.safetensors',
    'a.ckpt',
    'pytorch_model.bin',
    'flax_model.msgpack',
    '.fp16',
    '-00001-of-00002',
    '.git/x',
    '__MACOSX/x',
    '..',
  ],
  seeds: (): Files[] => [
    { 'paths.json': json(repositoryPaths) },
    { 'paths.json': json(repositoryPaths.map((path) => `top/${path}`)) },
    { 'paths.json': json(['m.safetensors', 'm.yaml']) },
  ],
  read: choose,
};
