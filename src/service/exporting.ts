/** What a person takes away: a LoRA that other tools load, the merged model as a diffusers folder, or its UNet as ONNX. */
import { sumLora, writeLora } from '../data/formats/lora.ts';
import { writeSafetensors, type TensorToWrite } from '../data/formats/safetensors.ts';
import { Graph } from '../graph/graph.ts';
import { WinnowError } from '../shared/errors.ts';
import type { LoraModule } from '../shared/lora.ts';
import { readOptional } from './modelFolder.ts';
import type { ResolvedModel } from './modelPool.ts';
import { onnxBytes } from './onnxModel.ts';
import type { ExportedFile, ExportKind } from './types.ts';

/** Files of a diffusers folder that are copied as they stand. */
const folderFiles = [
  'model_index.json',
  'scheduler/scheduler_config.json',
  'unet/config.json',
  'vae/config.json',
  'vae/diffusion_pytorch_model.safetensors',
  'text_encoder/config.json',
  'text_encoder/model.safetensors',
  'tokenizer/tokenizer.json',
  'tokenizer/tokenizer_config.json',
  'tokenizer/vocab.json',
  'tokenizer/merges.txt',
  'tokenizer/special_tokens_map.json',
  'feature_extractor/preprocessor_config.json',
];

export async function exportModel(model: ResolvedModel, name: string, kind: ExportKind): Promise<ExportedFile[]> {
  if (kind === 'diffusers') return diffusersFolder(model, name);
  if (kind === 'single-file') throw new WinnowError('BadArguments', 'There is no single-file export yet.', 'Export a diffusers folder, which every tool converts.');
  return [kind === 'onnx' ? await onnxFile(model, name) : loraFile(model, name, kind)];
}

/** sample [1, C, h, w], timestep [1], encoder_hidden_states [1, T, D] → noise_pred; f32. */
async function onnxFile({ folder, weights }: ResolvedModel, name: string): Promise<ExportedFile> {
  const side = folder.info.defaultSize / folder.info.sizeMultiple;
  const graph = new Graph();
  const inputs = folder.unet.model.inputs(graph, { batch: 1, height: side, width: side, tokens: folder.tokens });
  graph.output('noise_pred', folder.unet.model.build(graph, inputs));
  return { name: `${name}.onnx`, bytes: await onnxBytes(graph, weights) };
}

/** All adapters of the model in one: their ranks are concatenated. */
function loraFile({ folder, changes }: ResolvedModel, name: string, format: 'kohya' | 'peft'): ExportedFile {
  const adapters: { modules: ReadonlyMap<string, LoraModule>; strength: number }[] = [];
  for (const change of changes) {
    if (change.kind === 'full') {
      throw new WinnowError('BadArguments', 'This model was fine-tuned in all its weights; that is not a LoRA.', 'Export it as a diffusers folder.');
    }
    adapters.push(change);
  }
  if (adapters.length === 0) throw new WinnowError('BadArguments', 'The base model has no LoRA to export.', 'Choose a run, or export the model as a diffusers folder.');
  const modules = adapters.length === 1 && adapters[0]!.strength === 1 ? adapters[0]!.modules : sumLora(adapters);
  const bytes = writeSafetensors(writeLora(modules, folder.unet.model.loraTargets('all'), format), { base_model: folder.info.id.split('/').findLast(Boolean)!, base_model_hash: folder.info.hash });
  return { name: `${name}${format === 'peft' ? '-peft' : ''}.safetensors`, bytes: new Uint8Array(bytes) };
}

/** The folder the model came from with the merged UNet in f32: fp16 would round away small updates. */
async function diffusersFolder({ folder, weights }: ResolvedModel, name: string): Promise<ExportedFile[]> {
  const files: ExportedFile[] = [];
  for (const path of folderFiles) {
    const bytes = await readOptional(folder.reader, path);
    if (bytes) files.push({ name: `${name}/${path}`, bytes });
  }
  const tensors: Record<string, TensorToWrite> = {};
  for (const key of weights.names) tensors[key] = { shape: weights.shape(key)!, data: await weights.read(key) };
  files.push({ name: `${name}/unet/diffusion_pytorch_model.safetensors`, bytes: new Uint8Array(writeSafetensors(tensors, { format: 'pt' })) });
  return files;
}
