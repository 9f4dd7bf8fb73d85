import { basename, dirname, extname } from 'node:path';
import { exportKinds, modelExports } from '../../service/export/kinds.ts';
import { absolute, doNothing, oneOf, required } from '../arguments.ts';
import { withEngine } from '../engine.ts';
import { modelOptions, parseModelRef } from '../modelRef.ts';
import { exportPairs, isPairsFolder, pairsExportHelp, pairsExportOptions } from '../pairsExport.ts';
import { badArguments, defineVerb } from '../verb.ts';

export const exportVerb = defineVerb({
  name: 'export',
  summary: 'write a LoRA, a merged model, an ONNX file, or judged pairs, in a form that other tools load',
  positionals: ['RUN_MODEL_OR_PAIRS'],
  options: {
    ...modelOptions,
    as: {
      kind: 'text',
      value: 'KIND',
      help: `of a run or model, ${exportKinds.map((kind) => `${kind}: ${modelExports[kind].help}`).join('; ')} (default: kohya). Of pairs, ${pairsExportHelp} (default: pickapic)`,
    },
    out: { kind: 'text', value: 'PATH', help: 'file, or folder to put it into' },
    precision: {
      kind: 'text',
      value: 'DTYPE',
      help: 'f32, f16 or bf16, for every weight of a merged model; left out: as the notes say',
    },
    ...pairsExportOptions,
  },
  notes: [
    'A folder with a pairs.jsonl is PAIRS. Ties, both-bad, skipped and unjudged pairs are left out, and told, where a form has no place for them. --out names a folder, or for parquet and answers alone a file (.parquet, .jsonl).',
    'Several adapters become one: a LoRA file holds their sum, for the UNet and for the text encoders that they change. An ONNX file is the UNet alone.',
    "A checkpoint keeps each weight as the base model's own file does: fp16 stays fp16, where what little training changed is rounded (--precision f32 keeps it, in twice the size). A diffusers folder has its UNet in f32.",
  ],
  example: 'my-run --as kohya --out my-taste.safetensors',
  async run([model], values, terminal) {
    const out = absolute(required('out', values.out));
    if (isPairsFolder(model!)) {
      doNothing(values, ['precision', 'prediction-type'], 'with pairs');
      return exportPairs(model!, out, values, terminal);
    }
    doNothing(values, Object.keys(pairsExportOptions), 'with a run or a model');
    const kind = oneOf('as', values.as ?? 'kohya', exportKinds);
    const { extension, holds } = modelExports[kind];
    if (values.precision !== undefined && holds !== 'model')
      throw badArguments(
        `--precision is for a merged model, not for ${kind}.`,
        `Leave it out, or export --as ${exportKinds.filter((one) => modelExports[one].holds === 'model').join(' or ')}.`,
      );
    const precision =
      values.precision === undefined ? undefined : oneOf('precision', values.precision, ['f32', 'f16', 'bf16']);
    const ref = parseModelRef(model!, values['prediction-type']);
    // A diffusers folder is --out itself; a single file is --out where that is a file's name.
    const place =
      extension !== null && extname(out) === extension
        ? { folder: dirname(out), name: basename(out, extension) }
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
