/** Pickles are known in order to be refused. */
import { WinnowError } from '../../shared/errors.ts';
import { importer } from './importer.ts';

export const pickleImporter = importer({
  brings: 'weights',
  title: 'pickles',
  what: 'refused: a pickle can run code when it is opened',
  extensions: ['.ckpt', '.pt', '.pth', '.bin', '.pkl'],
  mediaTypes: [],
  read({ name }) {
    throw new WinnowError(
      'PickleRefused',
      `${name} is a pickle file, which can run code when it is opened.`,
      'Ask for the same model or LoRA as .safetensors.',
    );
  },
});
