/** The train-config file: one JSON of a run's settings, checked field by field when it is loaded. */
import { z } from 'zod';
import type { LossField } from '../../losses/loss.ts';
import { lossFields, lossNames, type LossSetting, type LossSettings } from '../../losses/table.ts';
import { WinnowError } from '../../shared/errors.ts';
import { parseJson } from '../../shared/json.ts';
import { fits } from '../../shared/fit.ts';
import { limits } from '../../shared/limits.ts';
import { problemsIn } from '../../shared/problems.ts';
import type { TrainConfig } from '../../training/config.ts';

/** A thousand of the longest prompts, and more. */
const MAX_CHARACTERS = 2 ** 26;

const whole = z.number().int();
const side = whole.min(8).max(limits.side);
const often = whole.min(0).max(1000).default(1);

/** One number of a loss. Files of before it was there get what reproduces them. */
function lossSetting({ min, above, max, below, default: initial }: LossField): z.ZodType {
  let number = z.number();
  if (min !== undefined) number = number.min(min);
  if (above !== undefined) number = number.gt(above);
  if (max !== undefined) number = number.max(max);
  if (below !== undefined) number = number.lt(below);
  return initial === null ? number.nullable().default(null) : number.default(initial);
}

const lossSettings = Object.fromEntries(
  Object.entries(lossFields).map(([name, field]) => [name, lossSetting(field)]),
) as { [K in LossSetting]: z.ZodDefault<z.ZodType<LossSettings[K]>> };

export const trainConfigSchema = z.strictObject({
  version: z.literal(1),
  mode: z.enum(['lora', 'full']),
  rank: whole.min(1).max(256),
  alpha: z.number().positive().max(65_536),
  targets: z.enum(['attention', 'all']),
  learningRate: z.number().positive().max(1),
  lrSchedule: z.enum(['constant', 'cosine']),
  warmupSteps: whole.min(0).max(1_000_000),
  steps: whole.min(1).max(limits.trainSteps),
  pairsPerStep: whole.min(1).max(64),
  accumulation: whole.min(1).max(1024),
  adamBeta1: z.number().min(0).lt(1),
  adamBeta2: z.number().min(0).lt(1),
  adamEps: z.number().positive().max(1),
  weightDecay: z.number().min(0).max(100),
  maxGradNorm: z.number().min(0).max(1e9),
  // Not in files of before an average could be kept.
  ema: z.number().min(0).lt(1).default(0),
  beta: z.number().positive().max(1e9),
  loss: z.enum(lossNames),
  ...lossSettings,
  timestepRange: z
    .tuple([whole.min(0), whole.max(1000)])
    .refine(([from, to]) => from < to, 'the first must be smaller than the second'),
  promptDropout: z.number().min(0).max(1),
  // Not in files of before pictures from elsewhere could train.
  posterior: z.enum(['sample', 'mean']).default('sample'),
  size: z.tuple([side, side]).nullable().default(null),
  fit: z.enum(fits).default('crop'),
  repeats: z.strictObject({ person: often, import: often, judge: often }).default({ person: 1, import: 1, judge: 1 }),
  seed: whole.min(0),
  reference: z.enum(['auto', 'onnx', 'engine']),
  // Not in files of before it was there.
  recompute: z.enum(['auto', 'none', 'cheap', 'blocks']).default('auto'),
  // Not in files of before pairs were held out: they go on as they began.
  heldOut: z.number().min(0).max(0.5).default(0),
  earlyStop: whole.min(0).max(1000).default(0),
  // Not in files of before pairs could be left out.
  solvedMargin: z.number().min(0).max(1000).default(0),
  driftGuard: z.enum(['off', 'stop', 'back']).default('off'),
  sampleEvery: whole.min(0).max(1_000_000),
  saveEvery: whole.min(0).max(1_000_000),
  keepCheckpoints: whole.min(1).max(1_000_000),
  samplePrompts: z.array(z.string().max(limits.prompt)).max(1000),
  sampleSeeds: z.array(whole.min(0)).max(1000),
}) satisfies z.ZodType<TrainConfig>;

/** @param file in messages; left out for what was typed. */
export function parseTrainConfig(text: string, file?: string): TrainConfig {
  return checkTrainConfig(
    parseJson(text, {
      file: file ?? 'This text',
      error: 'BadConfig',
      remedy: 'Choose a training config that was saved here.',
      limit: MAX_CHARACTERS,
    }),
    file === undefined ? undefined : `The training settings in ${file}`,
  );
}

export function checkTrainConfig(value: unknown, what = 'The training settings'): TrainConfig {
  const result = trainConfigSchema.safeParse(value);
  if (result.success) return result.data;
  throw new WinnowError(
    'BadConfig',
    `${what} are not right (${problemsIn(result.error, 'file')}).`,
    'Correct these fields and try again.',
  );
}

export const printTrainConfig = (config: TrainConfig): string => `${JSON.stringify(config, null, 2)}\n`;
