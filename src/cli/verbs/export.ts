import { extname, join } from 'node:path';
import { absolute, oneOf, required } from '../arguments.ts';
import { withEngine } from '../engine.ts';
import { NodeFileStore } from '../files.ts';
import { parseModelRef } from '../modelRef.ts';
import { badArguments, defineVerb } from '../verb.ts';

const kinds = ['kohya', 'peft', 'diffusers', 'onnx'] as const;

export const exportVerb = defineVerb({
  name: 'export',
  summary: 'write a LoRA, a merged model, or an ONNX file that other tools load',
  positionals: ['RUN_OR_MODEL'],
  options: {
    as: {
      kind: 'text',
      value: 'KIND',
      help: 'kohya (diffusers, ComfyUI, A1111) or peft: one LoRA file; diffusers: the merged model\'s folder; onnx: the merged UNet, one image at the model\'s own size',
      default: 'kohya',
    },
    out: { kind: 'text', value: 'PATH', help: 'file, or folder to put it into' },
  },
  notes: ['Several adapters become one: a LoRA file holds their sum.'],
  example: 'my-run --as kohya --out my-taste.safetensors',
  async run([model], values, terminal) {
    if (values.as === 'single-file') throw badArguments('There is no single-file export yet.', 'Export a diffusers folder, which every tool converts.');
    const kind = oneOf('as', values.as, kinds);
    const ref = parseModelRef(model!);
    const out = absolute(required('out', values.out));
    const files = await withEngine(terminal, { base: ref.base, root: out, gpu: false }, (engine) => engine.export(ref, kind));
    const written: { file: string; bytes: number }[] = [];
    for (const { name, bytes } of files) {
      // A diffusers folder is --out itself; a single file is --out where that is a file's name.
      const file = kind === 'diffusers' ? join(out, name.slice(name.indexOf('/') + 1)) : extname(out) === extname(name) ? out : join(out, name);
      await new NodeFileStore(out).write(absolute(file), bytes);
      written.push({ file: absolute(file), bytes: bytes.length });
    }
    return { json: { kind, files: written }, text: written.map(({ file, bytes }) => `${file} (${(bytes / 1e6).toFixed(2)} MB)`).join('\n') };
  },
});
