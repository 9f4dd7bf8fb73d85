import { checkTotal, distinct, prompts, promptsHelp, required, seeds } from '../arguments.ts';
import { withEngine } from '../engine.ts';
import { outFolder } from '../fileErrors.ts';
import { askedOf, generationOptions, makeImages, sayCuts, saySampler, settingsOf } from '../generation.ts';
import { parseModelRef } from '../modelRef.ts';
import { defineVerb } from '../verb.ts';

export const generate = defineVerb({
  name: 'generate',
  summary: 'make images, one for each prompt and seed',
  positionals: ['MODEL'],
  options: {
    prompt: { kind: 'list', value: 'TEXT', help: 'prompt' },
    prompts: { kind: 'text', value: 'FILE', help: promptsHelp },
    seeds: {
      kind: 'text',
      value: 'LIST',
      help: 'seeds, as 0-3,7; the same noise as torch.Generator("cpu")',
      default: '0',
    },
    ...generationOptions,
    out: {
      kind: 'text',
      value: 'DIR',
      help: 'folder for the images and images.jsonl; images that it has already are not made again',
    },
  },
  example: 'postcard --prompt "a red fox in the snow" --seeds 0-3 --out foxes',
  async run([model], values, terminal) {
    const ref = parseModelRef(model!, values['prediction-type']);
    const say = (text: string): void => terminal.note(text);
    const wanted = distinct('prompts', await prompts(values), say);
    const seedList = distinct('seeds', seeds('seeds', values.seeds), say);
    checkTotal(wanted.length, seedList.length);
    const items = wanted.flatMap((prompt) => seedList.map((seed) => ({ prompt, seed })));
    const asked = askedOf(values);
    const out = outFolder(required('out', values.out));
    return withEngine(terminal, { base: ref.base, root: out, matrices: values.matrices }, async (engine) => {
      const [info] = await engine.models();
      saySampler(terminal, info!, values.scheduler);
      await sayCuts(engine, terminal, ref, [...wanted, values.negative ?? '']);
      const images = await makeImages(engine, terminal, out, settingsOf(asked, ref, info!), items);
      return { json: { out, images }, text: `${images.length} images in ${values.out}` };
    });
  },
});
