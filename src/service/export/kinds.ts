/** What a model may be taken away as: plain data, which the studio, the command line and docs/formats.md read. Written by exporting.ts, under the
 *  same names. */
export interface ModelExport {
  title: string;
  /** In one line, below its button. */
  note: string;
  /** For the command line. */
  help: string;
  /** Of its one file; null: a folder. */
  extension: '.safetensors' | '.onnx' | null;
  /** lora: what an adapter adds; model: everything, merged, at a precision that may be asked for; unet: the merged UNet, for one size. */
  holds: 'lora' | 'model' | 'unet';
}

export const modelExports = {
  kohya: {
    title: 'LoRA',
    note: 'One file for ComfyUI, A1111 and diffusers',
    help: 'one LoRA file (diffusers, ComfyUI, A1111)',
    extension: '.safetensors',
    holds: 'lora',
  },
  peft: {
    title: 'LoRA (PEFT)',
    note: 'With PEFT’s own keys, for Python',
    help: "one LoRA file with PEFT's keys",
    extension: '.safetensors',
    holds: 'lora',
  },
  diffusers: {
    title: 'Whole model',
    note: 'A diffusers folder, merged, as a zip',
    help: "the merged model's folder",
    extension: null,
    holds: 'model',
  },
  'single-file': {
    title: 'Checkpoint',
    note: 'Whole model in one file, for A1111 and ComfyUI',
    help: 'the merged model as one checkpoint (ComfyUI, A1111)',
    extension: '.safetensors',
    holds: 'model',
  },
  onnx: {
    title: 'ONNX',
    note: 'The merged UNet, for one image at the model’s own size',
    help: "the merged UNet, one image at the model's own size",
    extension: '.onnx',
    holds: 'unet',
  },
} as const satisfies Record<string, ModelExport>;

export type ExportKind = keyof typeof modelExports;
export const exportKinds = Object.keys(modelExports) as readonly ExportKind[];
