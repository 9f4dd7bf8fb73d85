/** The train-config file: one JSON of a run's settings, checked field by field when it is loaded. */
import { z } from 'zod';
import type { TrainConfig } from '../../service/types.ts';
import { WinnowError } from '../../shared/errors.ts';

/** Every loss the engine knows, with what it does in one line. */
export const losses: Record<TrainConfig['loss'], string> = {
  sigmoid: 'DPO, the original',
  robust: 'Robust DPO: expects some labels to be wrong',
  soft: 'DPO with soft labels',
  ipo: 'IPO: stops at a margin',
  hinge: 'Hinge: stops at a margin, hard',
  kto: 'KTO: winner and loser on their own',
  mapo: 'MaPO: no reference needed',
  dmpo: 'DMPO',
};

const whole = z.number().int();

const schema = z.strictObject({
  version: z.literal(1),
  mode: z.enum(['lora', 'full']),
  rank: whole.min(1).max(256),
  alpha: z.number().positive(),
  targets: z.enum(['attention', 'all']),
  learningRate: z.number().positive().max(1),
  lrSchedule: z.enum(['constant', 'cosine']),
  warmupSteps: whole.min(0),
  steps: whole.min(1).max(1_000_000),
  pairsPerStep: whole.min(1).max(64),
  accumulation: whole.min(1).max(1024),
  adamBeta1: z.number().min(0).lt(1),
  adamBeta2: z.number().min(0).lt(1),
  adamEps: z.number().positive(),
  weightDecay: z.number().min(0),
  maxGradNorm: z.number().min(0),
  beta: z.number().positive(),
  loss: z.enum(Object.keys(losses) as [TrainConfig['loss'], ...TrainConfig['loss'][]]),
  labelSmoothing: z.number().min(0).lt(0.5),
  timestepRange: z
    .tuple([whole.min(0), whole.max(1000)])
    .refine(([from, to]) => from < to, 'the first must be smaller than the second'),
  promptDropout: z.number().min(0).max(1),
  seed: whole.min(0),
  reference: z.enum(['auto', 'onnx', 'engine']),
  // Not in files of before it was there.
  recompute: z.enum(['auto', 'cheap', 'blocks']).default('auto'),
  sampleEvery: whole.min(0),
  saveEvery: whole.min(0),
  keepCheckpoints: whole.min(1),
  samplePrompts: z.array(z.string()),
  sampleSeeds: z.array(whole.min(0)),
}) satisfies z.ZodType<TrainConfig>;

export function parseTrainConfig(text: string): TrainConfig {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new WinnowError('BadConfig', 'This is not a JSON file.', 'Choose a training config that was saved here.');
  }
  return checkTrainConfig(value);
}

export function checkTrainConfig(value: unknown): TrainConfig {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const found = result.error.issues.slice(0, 3).map((issue) => `${issue.path.join('.') || 'file'}: ${issue.message}`);
  throw new WinnowError(
    'BadConfig',
    `The training settings are not right (${found.join('; ')}).`,
    'Correct these fields and try again.',
  );
}

export const printTrainConfig = (config: TrainConfig): string => `${JSON.stringify(config, null, 2)}\n`;
