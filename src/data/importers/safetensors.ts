/** Models and LoRAs. Only the header is read: which of the two it is. What it is exactly, and whether it fits, the engine says. */
import { isAdapter } from '../formats/loraKinds.ts';
import { openSafetensors } from '../formats/safetensors.ts';
import { importer } from './importer.ts';

export const safetensorsImporter = importer({
  brings: 'weights',
  title: 'models and LoRAs',
  what: 'a single-file checkpoint of the Stable Diffusion family, or a LoRA with kohya, PEFT or diffusers keys',
  extensions: ['.safetensors'],
  mediaTypes: [],
  // Eight bytes of length, then JSON.
  recognise: (head) => head[7] === 0 && head[8] === 0x7b,
  read: async (source) => ({ adapter: isAdapter(await openSafetensors(source, source.name)) }),
});
