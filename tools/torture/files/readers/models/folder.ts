/** Files in memory as a model folder, and what small files a folder has. */
import type { FolderReader } from '../../../../../src/service/environment.ts';
import { byteRanges } from '../../../../../src/data/formats/bytes.ts';
import { WinnowError } from '../../../../../src/shared/errors.ts';
import type { Files } from '../../mutate.ts';

export const folder = (files: Files): FolderReader => {
  const read = async (path: string): Promise<Uint8Array<ArrayBuffer>> => {
    const bytes = files[path];
    if (!bytes) throw new WinnowError('NotFound', `There is no file ${path}.`, 'Check the path.');
    return new Uint8Array(bytes);
  };
  return { read, open: async (path) => byteRanges(await read(path)), list: async () => Object.keys(files) };
};

export const tokenizerFiles = ['vocab.json', 'merges.txt', 'tokenizer_config.json', 'special_tokens_map.json'];

/** The small files of a folder. */
export const smallFiles = [
  'model_index.json',
  'unet/config.json',
  'vae/config.json',
  'text_encoder/config.json',
  'text_encoder_2/config.json',
  'scheduler/scheduler_config.json',
];
