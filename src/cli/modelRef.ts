/** MODEL on the command line: `FOLDER[+ADAPTER]...`. FOLDER is a diffusers folder, a checkpoint in one `.safetensors` file, the name of a
 *  model that comes with the product, or a run's folder, which stands for its model with what it trained. An ADAPTER is a LoRA file (PEFT's
 *  adapter_config.json beside it counts), the folder of one, or a
 *  run's folder: `+FILE[:strength]`, `+RUN[@step][:strength]`. Paths may hold `+` themselves: of several readings the longest path that exists is taken. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { embeddedModels } from '../data/embeddedModels.ts';
import { parseRunRecord } from '../data/runs.ts';
import { bestLook } from '../evaluation/looks.ts';
import type { Engine } from '../service/engineService.ts';
import type { AdapterRef, ModelRef, PredictionType, RunRecord } from '../service/types.ts';
import { WinnowError } from '../shared/errors.ts';
import { absolute, oneOf } from './arguments.ts';
import { badArguments, type Options } from './verb.ts';

/** A run's, at most (data/formats/trainConfig.ts). */
const MOST_STEPS = 1_000_000;

/** @param predictionType what its network predicts, instead of what its files (or the run's record) say. */
export function parseModelRef(text: string, predictionType?: string): ModelRef {
  const [first, ...rest] = splitPaths(text);
  const base = baseOf(first!);
  return {
    ...base,
    adapters: [...base.adapters, ...rest.map(adapterOf)],
    ...(predictionType !== undefined && {
      predictionType: oneOf(predictionOption, predictionType, predictionTypes),
    }),
  };
}

const predictionOption = 'prediction-type';
const predictionTypes = ['epsilon', 'v_prediction', 'sample'] as const satisfies readonly PredictionType[];

/** For verbs that take a MODEL. */
export const modelOptions = {
  [predictionOption]: {
    kind: 'text',
    value: 'TYPE',
    help: `what the model's network predicts: ${predictionTypes.join(', ')} (default: what its files say)`,
  },
} as const satisfies Options;

/** For verbs that run models on the GPU. */
export const gpuOptions = {
  matrices: {
    kind: 'flag',
    help: "large products by WebGPU's subgroup matrices, an experiment, where they are right and faster (in f32 Apple's GPUs have them; others with --arithmetic f16)",
  },
} as const satisfies Options;

/** Pieces between `+`, joined again as long as what they name exists. */
function splitPaths(text: string): string[] {
  const pieces = text.split('+');
  const found: string[] = [];
  while (pieces.length > 0) {
    let length = pieces.length;
    while (length > 1 && !existsSync(suffixed(pieces.slice(0, length).join('+')).path)) length--;
    found.push(pieces.splice(0, length).join('+'));
  }
  return found;
}

/** Far beyond what any adapter bears. */
const maxStrength = 1000;

/** `PATH[@step][:strength]`; the step may be `best`. */
function suffixed(text: string): { path: string; step?: number; strength: number } {
  if (existsSync(text)) return { path: text, strength: 1 };
  const match = /^(.+?)(?:@(\d+|best))?(?::(-?\d*\.?\d+(?:e[+-]?\d+)?))?$/i.exec(text);
  if (!match)
    throw badArguments(
      `${JSON.stringify(text)} names no model and no adapter.`,
      'Give MODEL+FILE[:strength] or MODEL+RUN[@step or @best][:strength].',
    );
  const strength = match[3] === undefined ? 1 : Number(match[3]);
  if (!(Math.abs(strength) <= maxStrength))
    throw badArguments(
      `${text.slice(-80)} gives a strength of ${strength}.`,
      `Choose one from -${maxStrength} to ${maxStrength}.`,
    );
  const step = match[2] === undefined ? undefined : match[2] === 'best' ? bestOf(match[1]!) : Number(match[2]);
  if (step !== undefined && step > MOST_STEPS)
    throw badArguments(`${text.slice(-80)} names a step beyond any run's.`, 'Give the step of a save.');
  return { path: match[1]!, ...(step !== undefined && { step }), strength };
}

/** The step of a run's best checkpoint, by its looks at held-out pairs. */
function bestOf(path: string): number {
  if (!isRun(path)) throw noLora(path);
  const best = bestLook(readRunRecord(path).looks);
  if (!best)
    throw badArguments(
      `${path} has no best checkpoint: it held no pairs out, or no look was better than its start.`,
      'Give the step of a save, or leave it out for the last one.',
    );
  return best.step;
}

function baseOf(text: string): ModelRef {
  if (embeddedModels.includes(text)) return { base: text, adapters: [] };
  const { path, step, strength } = suffixed(text);
  if (isRun(path)) {
    const { base, predictionType } = readRunRecord(path).model;
    return {
      base,
      ...(predictionType && { predictionType }),
      adapters: [{ kind: 'run', run: absolute(path), ...(step !== undefined && { step }), strength }],
    };
  }
  if (!existsSync(path) || !(statSync(path).isDirectory() || isCheckpointPath(path))) {
    throw new WinnowError(
      'NotFound',
      `There is no model folder ${path}.`,
      `Give a diffusers folder, a checkpoint (.safetensors), a run's folder, or one of ${embeddedModels.join(', ')}.`,
    );
  }
  if (path !== text)
    throw badArguments(`${text} gives a step or a strength to a base model.`, 'Only a run or a LoRA file has one.');
  return { base: absolute(path), adapters: [] };
}

function adapterOf(text: string): AdapterRef {
  const { path, step, strength } = suffixed(text);
  if (isRun(path)) return { kind: 'run', run: absolute(path), ...(step !== undefined && { step }), strength };
  if (!existsSync(path)) throw noLora(path);
  if (step !== undefined) throw badArguments(`${text} gives a step to a LoRA file.`, 'Only a run has steps.');
  const file = statSync(path).isDirectory() ? loraIn(path) : path;
  return { kind: 'file', file: absolute(file), strength };
}

const noLora = (path: string): WinnowError =>
  new WinnowError(
    'NotFound',
    `There is no LoRA file and no run ${path}.`,
    'Give a safetensors file, the folder that PEFT or diffusers wrote it to, or the folder of a run (with its run.json).',
  );

/** What PEFT and diffusers call it in its folder. */
export const loraNames: readonly string[] = ['adapter_model.safetensors', 'pytorch_lora_weights.safetensors'];

/** The LoRA of a folder, under the name that PEFT or diffusers gives it; else its only file. */
function loraIn(folder: string): string {
  const files = readdirSync(folder).filter((name) => /\.safetensors$/i.test(name));
  const named = loraNames.filter((name) => files.includes(name));
  const [only, ...more] = named.length > 0 ? named : files;
  if (only === undefined) throw noLora(folder);
  if (more.length > 0)
    throw badArguments(
      `${folder} holds several files: ${[only, ...more].slice(0, 3).join(', ')}.`,
      'Give one of them.',
    );
  return join(folder, only);
}

/** Opens models with all that is on top of them, before the first of several is run: a step that a run lacks is found now, not after hours. Rejects
 *  with what is wrong with one. */
export async function checkModels(engine: Pick<Engine, 'modelHash'>, refs: readonly ModelRef[]): Promise<void> {
  for (const ref of refs) await engine.modelHash(ref);
}

export const isCheckpointPath = (path: string): boolean => /\.safetensors$/i.test(path);

/** The record of a run's folder. Throws BadFile. */
export function readRunRecord(path: string): RunRecord {
  const file = join(path, 'run.json');
  let text: string;
  try {
    // Unlike 'utf8' it takes a byte order mark away.
    text = new TextDecoder().decode(readFileSync(file));
  } catch {
    throw new WinnowError('BadFile', `${file} cannot be read.`, 'Check that it is a file, and that you may read it.');
  }
  return parseRunRecord(text, absolute(path));
}

export const isRun = (path: string): boolean => existsSync(join(path, 'run.json'));

/** Whether a run is meant, whatever step or strength is behind it: `RUN@best`. */
export const namesRun = (text: string): boolean => isRun(text.replace(/(@(\d+|best))?(:-?[\d.e+-]+)?$/i, ''));
