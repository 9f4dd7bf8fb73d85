import { basename, dirname, extname } from 'node:path';
import { absolute, oneOf, required } from '../arguments.ts';
import { withEngine } from '../engine.ts';
import { modelOptions, parseModelRef } from '../modelRef.ts';
import { badArguments, defineVerb } from '../verb.ts';

const kinds = ['kohya', 'peft', 'diffusers', 'single-file', 'onnx'] as const;

export const exportVerb = defineVerb({
  name: 'export',
  summary: 'write a LoRA, a merged model, or an ONNX file that other tools load',
  positionals: ['RUN_OR_MODEL'],
  options: {
    ...modelOptions,
    as: {
      kind: 'text',
      value: 'KIND',
      help: "kohya (diffusers, ComfyUI, A1111) or peft: one LoRA file; diffusers: the merged model's folder; single-file: the merged model as one checkpoint (ComfyUI, A1111); onnx: the merged UNet, one image at the model's own size",
      default: 'kohya',
    },
    out: { kind: 'text', value: 'PATH', help: 'file, or folder to put it into' },
    precision: {
      kind: 'text',
      value: 'DTYPE',
      help: 'f32, f16 or bf16, for every weight of a merged model; left out: as the notes say',
    },
  },
  notes: [
    'Several adapters become one: a LoRA file holds their sum, for the UNet and for the text encoders that they change. An ONNX file is the UNet alone.',
    "A checkpoint keeps each weight as the base model's own file does: fp16 stays fp16, where what little training changed is rounded (--precision f32 keeps it, in twice the size). A diffusers folder has its UNet in f32.",
  ],
  example: 'my-run --as kohya --out my-taste.safetensors',
  async run([model], values, terminal) {
    const kind = oneOf('as', values.as, kinds);
    const merged = kind === 'diffusers' || kind === 'single-file';
    if (values.precision !== undefined && !merged)
      throw badArguments(
        `--precision is for a merged model, not for ${kind}.`,
        'Leave it out, or export --as diffusers or single-file.',
      );
    const precision =
      values.precision === undefined ? undefined : oneOf('precision', values.precision, ['f32', 'f16', 'bf16']);
    const ref = parseModelRef(model!, values['prediction-type']);
    const out = absolute(required('out', values.out));
    // A diffusers folder is --out itself; a single file is --out where that is a file's name.
    const ending = kind === 'onnx' ? '.onnx' : '.safetensors';
    const place =
      kind !== 'diffusers' && extname(out) === ending
        ? { folder: dirname(out), name: basename(out, ending) }
        : { folder: out };
    const written = await withEngine(terminal, { base: ref.base, root: out, gpu: false }, (engine) =>
      engine.export(ref, kind, { ...place, ...(precision && { precision }) }, ({ file, doneBytes, totalBytes }) =>
        terminal.status(`${file}, ${(doneBytes / 1e6).toFixed(0)} of ${(totalBytes / 1e6).toFixed(0)} MB`),
      ),
    );
    const files = written.map(({ file, size }) => ({ file, bytes: size }));
    return {
      json: { kind, files },
      text: files.map(({ file, bytes }) => `${file} (${(bytes / 1e6).toFixed(2)} MB)`).join('\n'),
    };
  },
});
