/** Kinds `resize` and `judge`: pictures in another size, CLIP's judges, and ImageReward. */
import { openSafetensors } from '../../data/formats/safetensors.ts';
import { headTensors } from '../../judges/clip/aestheticHead.ts';
import {
  type ClipFiles,
  forJudges,
  preprocessOf,
  tokenizerOf,
  type Recipe,
  recipes,
} from '../../judges/clip/folder.ts';
import { clipRecipes } from '../../judges/clip/kinds.ts';
import { openImageReward } from '../../judges/imageReward/folder.ts';
import { rewardOf } from '../../judges/imageReward/kind.ts';
import { ImageRewardTowers } from '../../judges/imageReward/towers.ts';
import { ClipTowers } from '../../judges/clip/towers.ts';
import { preprocess } from '../../judges/preprocess.ts';
import { clipTensors, parseClipConfig } from '../../models/clip/clip.ts';
import type { ParameterDtype } from '../../graph/graph.ts';
import { finiteTensors, storedDtypes, type TensorSource } from '../../models/weights.ts';
import '../../shared/disposable.ts';
import { resizePicture, resizePlanes } from '../../shared/resize.ts';
import { readFolderJson, readOptional } from '../model/modelConfigs.ts';
import type { PartRunner } from '../sampling/partRunner.ts';
import { badCase, field, type GoldenCase } from './caseFile.ts';
import { type CaseResult, compareCase } from './compare.ts';

/** [H, W, 3] → opaque RGBA. */
async function picture(
  { inputs }: GoldenCase,
  name: string,
): Promise<{ width: number; height: number; data: Uint8Array }> {
  const [height = 0, width = 0, channels] = inputs.shape(name);
  if (channels !== 3) throw badCase(`${name} is not [H, W, 3]`);
  const rgb = await inputs.read(name);
  const data = new Uint8Array(4 * width * height).fill(255);
  for (let i = 0; i < width * height; i++) for (let c = 0; c < 3; c++) data[4 * i + c] = rgb[3 * i + c]!;
  return { width, height, data };
}

export async function verifyResize(golden: GoldenCase): Promise<CaseResult> {
  const [height, width] = (golden.fields['size'] ?? []) as number[];
  if (!Number.isInteger(height) || !Number.isInteger(width) || height! < 1 || width! < 1)
    throw badCase('case.json: size is not [height, width]');
  const size = { height: height!, width: width! };
  const from = await picture(golden, 'image');
  const out = new Float32Array(3 * size.height * size.width);
  const mode = field(golden, 'mode', 'string');
  if (mode === 'pillow') {
    const { data } = resizePicture(from, size, 'bicubic');
    for (let i = 0; i < out.length; i++) out[i] = data[4 * Math.floor(i / 3) + (i % 3)]!;
  } else if (mode === 'float') {
    const pixels = from.width * from.height;
    const planes = Float32Array.from(
      { length: 3 * pixels },
      (_, i) => from.data[4 * (i % pixels) + Math.floor(i / pixels)]! / 255,
    );
    const data = resizePlanes(planes, from, size, { antialias: true });
    for (let i = 0; i < out.length; i++) out[i] = data[(i % 3) * (out.length / 3) + Math.floor(i / 3)]!;
  } else throw badCase(`case.json: mode is ${JSON.stringify(mode)}, known are pillow and float`);
  const tolerance = { ...golden.tolerance, forward: Math.min(golden.tolerance.forward, 1e-6) };
  return compareCase({ ...golden, tolerance }, new Map([['resized', out]]), {
    backend: 'resize',
    // Either measure of nearness will do.
    slack: () => out.map(() => 1e-6),
  });
}

async function openFiles(golden: GoldenCase, recipe: Recipe): Promise<ClipFiles> {
  const { reader } = golden;
  const file = 'weights.safetensors';
  const optional = async (name: string): Promise<Uint8Array<ArrayBuffer> | undefined> => readOptional(reader, name);
  const config = await readFolderJson(reader, 'config.json').then((json) => forJudges(() => parseClipConfig(json)));
  const bytes = await optional('head.safetensors');
  const head = bytes && headTensors(await openSafetensors(bytes, 'head.safetensors'), true);
  const processor = await optional('preprocessor_config.json');
  return {
    recipe,
    title: golden.name,
    config,
    weights: clipTensors(
      finiteTensors(await openSafetensors(await reader.open(file), file), () => file),
      file,
    ),
    file,
    ...(head && { head }),
    preprocess: preprocessOf(recipe, config, processor && (await readFolderJson(reader, 'preprocessor_config.json'))),
    tokenizer: () =>
      tokenizerOf({ path: '', read: (name) => reader.read(name), open: (name) => reader.open(name) }, config),
  };
}

/** Each tensor in the width that its file has, as judges run; onnxruntime takes f32. */
const dtypesOf =
  (runner: PartRunner) =>
  (weights: TensorSource): ((key: string) => ParameterDtype) =>
    storedDtypes(weights, runner.name.startsWith('onnx') ? 'f32' : 'stored');

const flat = (rows: readonly Float32Array[]): Float32Array => Float32Array.from(rows.flatMap((row) => [...row]));

const textsOf = ({ fields: { prompts } }: GoldenCase): string[] | undefined =>
  Array.isArray(prompts) && prompts.every((prompt) => typeof prompt === 'string') ? prompts : undefined;

const IMAGE_REWARD = 'image-reward';

async function verifyImageReward(golden: GoldenCase, runner: PartRunner): Promise<CaseResult> {
  const { reader, inputs } = golden;
  const file = 'weights.safetensors';
  const files = await openImageReward({
    path: '',
    file,
    read: (name) => reader.read(name),
    open: (name) => reader.open(name),
  });
  const texts = textsOf(golden);
  if (!files || !texts) throw badCase(files ? 'case.json has no prompts' : `${file} is no ImageReward`);
  await using towers = new ImageRewardTowers(files, { dtypes: dtypesOf(runner), ...runner });
  const reward = await rewardOf(files);
  const outputs = new Map<string, ArrayLike<number>>();
  const images: Float32Array[] = [];
  const features: Float32Array[] = [];
  for (let i = 0; inputs.has(`image.${i}`); i++) {
    const { data } = preprocess(await picture(golden, `image.${i}`), files.preprocess);
    outputs.set(`pixel_values.${i}`, data);
    const image = await towers.encodePixels(data);
    images.push(image);
    features.push(await towers.read(texts[i] ?? '', image));
  }
  outputs.set('image_embeds', flat(images));
  outputs.set('features', flat(features));
  outputs.set('score', features.map(reward));
  return await compareCase(golden, outputs, { backend: runner.name });
}

export async function verifyJudge(golden: GoldenCase, runner: PartRunner): Promise<CaseResult> {
  const { inputs } = golden;
  const named = field(golden, 'recipe', 'string');
  if (named === IMAGE_REWARD) return verifyImageReward(golden, runner);
  const recipe = recipes.find((name) => name === named);
  if (!recipe)
    throw badCase(`case.json: recipe is ${JSON.stringify(named)}, known are ${[...recipes, IMAGE_REWARD].join(', ')}`);
  const files = await openFiles(golden, recipe);
  const reads = clipRecipes[recipe].scales[0]!.needs.includes('prompt');
  const ids = inputs.has('input_ids');
  const texts = textsOf(golden);
  const withText = reads || texts !== undefined || ids;
  await using towers = new ClipTowers(files, { dtypes: dtypesOf(runner), ...runner }, withText);
  const outputs = new Map<string, ArrayLike<number>>();
  let text: Float32Array[] | undefined;
  if (ids) text = await towers.encodeIds(await inputs.readInt32('input_ids'), inputs.shape('input_ids')[1]!);
  else if (texts) text = await towers.encodePrompts(texts, await files.tokenizer());
  if (text) outputs.set('text_embeds', flat(text));
  const images: Float32Array[] = [];
  for (let i = 0; inputs.has(`image.${i}`); i++) {
    const { data } = preprocess(await picture(golden, `image.${i}`), files.preprocess);
    outputs.set(`pixel_values.${i}`, data);
    images.push(new Float32Array(await towers.encodePixels(data)));
  }
  outputs.set('image_embeds', flat(images));
  if (!reads || text?.length === images.length) {
    const rule = await clipRecipes[recipe].rule(files);
    const scores = images.map((image, i) => rule(image, text?.[i]));
    outputs.set('score', scores);
  }
  return await compareCase(golden, outputs, { backend: runner.name });
}
