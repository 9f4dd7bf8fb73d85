/** What a person takes away: a LoRA that other tools load; the merged model, as a diffusers folder or as one checkpoint; or its UNet as ONNX.
 *  Written to the file store tensor by tensor: a merged model may be larger than memory. */
import type { FileStore } from '../../data/files.ts';
import { type LoraModules, loraParts, sumLora, writeLora } from '../../data/formats/lora.ts';
import {
  byteLength,
  floatDtypes,
  streamSafetensors,
  type TensorToStream,
  writeSafetensors,
} from '../../data/formats/safetensors.ts';
import { tokenizerFiles } from '../../data/modelFiles.ts';
import { clear, writeInParts } from '../../data/partWriter.ts';
import type { ParameterDtype } from '../../graph/graph.ts';
import { denoiserGraph } from '../../models/denoiser.ts';
import { readParameter, storedDtypes, type TensorSource, type WeightPolicy } from '../../models/weights.ts';
import { WinnowError } from '../../shared/errors.ts';
import { checkFinite } from '../../shared/finite.ts';
import type { LoraModule } from '../../shared/lora.ts';
import { nameOf } from '../../shared/paths.ts';
import { loraSites } from '../model/loraFile.ts';
import type { ResolvedModel, WeightChange } from '../model/modelPool.ts';
import { readFolderJson, readOptional, SCHEDULER_FILE, schedulerFile, withUsual } from '../model/modelConfigs.ts';
import { latentSizeOf } from '../sampling/latentSize.ts';
import { onnxBytes } from '../sampling/onnxModel.ts';
import { singleFileMetadata, singleFileTensors } from './singleFileExport.ts';
import type { ExportedFile, ExportEvent, ExportKind, ExportOptions, Listener } from '../types.ts';

/** Files of a diffusers folder that are copied as they stand. Its other weights (a safety checker's) stay where they are. */
const folderFiles = [
  SCHEDULER_FILE,
  ...['unet', 'vae', 'text_encoder', 'text_encoder_2'].map((part) => `${part}/config.json`),
  ...['tokenizer', 'tokenizer_2'].flatMap((part) => tokenizerFiles.map((file) => `${part}/${file}`)),
  'feature_extractor/preprocessor_config.json',
];

/** Where it goes. */
interface Target {
  files: FileStore;
  /** In the file store. */
  folder: string;
  /** Of a single file, without its ending; and what the model is called in it. */
  name: string;
  listener?: Listener<ExportEvent>;
}

export async function exportModel(
  model: ResolvedModel,
  kind: ExportKind,
  target: Target,
  { precision }: Pick<ExportOptions, 'precision'> = {},
): Promise<ExportedFile[]> {
  return writers[kind](model, target, precision);
}

type Write = (model: ResolvedModel, target: Target, precision: WeightPolicy | undefined) => Promise<ExportedFile[]>;

const writers: Record<ExportKind, Write> = {
  kohya: async (model, target) => [await written(target, `${target.name}.safetensors`, loraFile(model, 'kohya'))],
  peft: async (model, target) => [await written(target, `${target.name}.safetensors`, loraFile(model, 'peft'))],
  diffusers: (model, target, precision) => diffusersFolder(model, target, precision),
  'single-file': async (model, target, precision) => [await singleFile(model, target, precision ?? 'stored')],
  onnx: async (model, target) => [await written(target, `${target.name}.onnx`, await onnxFile(model))],
};

async function written({ files, folder }: Target, name: string, bytes: Uint8Array): Promise<ExportedFile> {
  const file = `${folder}/${name}`;
  await files.write(file, bytes);
  return { name, size: bytes.length, file };
}

async function streamed(
  { files, folder, listener }: Target,
  name: string,
  tensors: readonly TensorToStream[],
  metadata: Record<string, string>,
): Promise<ExportedFile> {
  const file = `${folder}/${name}`;
  const totalBytes = tensors.reduce((sum, tensor) => sum + byteLength(tensor), 0);
  let doneBytes = 0;
  const size = await writeInParts(files, file, (add) =>
    streamSafetensors(tensors, metadata, async (bytes) => {
      await add(bytes);
      doneBytes = Math.min(totalBytes, doneBytes + bytes.length);
      listener?.({ file: name, doneBytes, totalBytes });
    }),
  );
  return { name, size, file };
}

/** One sample, under the names of its graph's inputs → noise_pred; f32. */
function onnxFile({ folder, weights }: ResolvedModel): Promise<Uint8Array> {
  const latentSize = latentSizeOf(folder.info.defaultSize, folder.info.sizeMultiple);
  return onnxBytes(denoiserGraph(folder.unet.model, { batch: 1, ...latentSize, tokens: folder.tokens }).graph, weights);
}

/** All adapters of the model in one: their ranks are concatenated. */
function loraFile({ folder, changes }: ResolvedModel, format: 'kohya' | 'peft'): Uint8Array {
  const adapters: Extract<WeightChange, { kind: 'lora' }>[] = [];
  for (const change of changes) {
    if (change.kind === 'full') {
      throw new WinnowError(
        'BadArguments',
        'This model was fine-tuned in all its weights; that is not a LoRA.',
        'Export it as a diffusers folder.',
      );
    }
    adapters.push(change);
  }
  if (adapters.length === 0)
    throw new WinnowError(
      'BadArguments',
      'The base model has no LoRA to export.',
      'Choose a run, or export the model as a diffusers folder.',
    );
  const summed = (of: (adapter: (typeof adapters)[number]) => Map<string, LoraModule>): Map<string, LoraModule> =>
    adapters.length === 1 && adapters[0]!.strength === 1
      ? of(adapters[0]!)
      : sumLora(adapters.map((adapter) => ({ modules: of(adapter), strength: adapter.strength })));
  const modules: LoraModules = Object.fromEntries(
    loraParts
      .slice(0, 1 + folder.textEncoders.length)
      .map((part, i) => [part, summed(({ modules: unet, texts }) => (i === 0 ? unet : texts[i - 1]!))]),
  );
  for (const [name, part] of Object.entries(modules))
    for (const [path, module] of part)
      for (const half of ['down', 'up'] as const)
        checkFinite(
          module[half],
          `The adapter's weights ${name}.${path}.lora_${half}`,
          'The run diverged, or a strength is too high: export an earlier save, or at a lower strength.',
        );
  return writeSafetensors(writeLora(modules, loraSites(folder), format), {
    base_model: nameOf(folder.info.id),
    base_model_hash: folder.info.unetHash,
  });
}

/** The folder the model came from with the merged UNet, in f32 unless told otherwise: fp16 would round away small updates; likewise a text
 *  encoder that an adapter changes. All other weights as
 *  they are stored; each component in one file, whatever variants and shards it came in, so that the folder loads without saying which. */
async function diffusersFolder(
  model: ResolvedModel,
  target: Target,
  precision: WeightPolicy | undefined,
): Promise<ExportedFile[]> {
  const made: ExportedFile[] = [];
  // It comes last: a folder is a model once it is there. One of an export before must not make this one look whole.
  await target.files.remove(`${target.folder}/model_index.json`);
  try {
    return await writeFolder(model, target, precision, made);
  } catch (error) {
    // A part of a model is none.
    await clear(
      target.files,
      made.map(({ file }) => file),
    );
    throw error;
  }
}

async function writeFolder(
  { folder, weights, texts }: ResolvedModel,
  target: Target,
  precision: WeightPolicy | undefined,
  made: ExportedFile[],
): Promise<ExportedFile[]> {
  for (const path of folderFiles) {
    const bytes =
      path === SCHEDULER_FILE
        ? await schedulerFile(folder.reader, folder.info)
        : await readOptional(folder.reader, path);
    if (bytes) made.push(await written(target, path, bytes));
  }
  const stored = precision ?? 'stored';
  const parts: [string, TensorSource, (name: string) => ParameterDtype][] = [
    ['unet/diffusion_pytorch_model', weights, storedDtypes(folder.unet.weights, precision ?? 'f32')],
    ['vae/diffusion_pytorch_model', folder.vae.weights, storedDtypes(folder.vae.weights, stored)],
    ...texts.encoders.map(({ weights: text }, i) => {
      const own = folder.textEncoders[i]!.weights;
      return [
        i === 0 ? 'text_encoder/model' : 'text_encoder_2/model',
        text,
        storedDtypes(own, text === own ? stored : (precision ?? 'f32')),
      ] as (typeof parts)[number];
    }),
  ];
  for (const [path, source, dtypeOf] of parts)
    made.push(await streamed(target, `${path}.safetensors`, tensorsOf(source, dtypeOf), { format: 'pt' }));
  const index = await readFolderJson(folder.reader, 'model_index.json');
  const has = (part: string): boolean => made.some(({ name }) => name.startsWith(`${part}/`));
  const own = Object.entries(withUsual(index, folder.info.defaults)).map(([part, value]) => [
    part,
    Array.isArray(value) && !has(part) ? [null, null] : part === 'requires_safety_checker' ? false : value,
  ]);
  return [
    await written(
      target,
      'model_index.json',
      new TextEncoder().encode(`${JSON.stringify(Object.fromEntries(own), null, 2)}\n`),
    ),
    ...made,
  ];
}

function tensorsOf(source: TensorSource, dtypeOf: (name: string) => ParameterDtype): TensorToStream[] {
  // A buffer of integers, which older text encoders were saved with.
  const names = source.names.filter((name) => !name.endsWith('.position_ids'));
  return names.map((name) => {
    const dtype = dtypeOf(name);
    return {
      name,
      shape: source.shape(name)!,
      dtype: floatDtypes[dtype],
      data: () => readParameter(source, { name, dtype }),
    };
  });
}

async function singleFile(
  { folder, weights, texts }: ResolvedModel,
  target: Target,
  precision: WeightPolicy,
): Promise<ExportedFile> {
  return streamed(
    target,
    `${target.name}.safetensors`,
    await singleFileTensors(folder, weights, precision, texts.encoders),
    await singleFileMetadata(folder, target.name),
  );
}
