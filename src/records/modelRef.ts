/** Which model something was made with: a base by its id, with adapters on top. */
import { z } from 'zod';

/** A model to run: a diffusers folder by its id, with adapters on top in order. The embedded model's id is its folder name. */
export interface ModelRef {
  base: string;
  adapters: AdapterRef[];
  /** What the network predicts, instead of what the model's own files say. */
  predictionType?: PredictionType | undefined;
}

/** diffusers' names. */
export type PredictionType = 'epsilon' | 'v_prediction' | 'sample';

/** A run's checkpoint (the last one if `step` is left out) or a LoRA file in the file store; strength 1 is as trained. On the command line a
 *  run is given by its folder and a file by its absolute path. */
export type AdapterRef =
  | { kind: 'run'; run: string; step?: number | undefined; strength: number }
  | { kind: 'file'; file: string; strength: number };

const adapterSchema = z.discriminatedUnion('kind', [
  z.looseObject({
    kind: z.literal('run'),
    run: z.string().min(1),
    step: z.int().min(0).optional(),
    strength: z.number(),
  }),
  z.looseObject({ kind: z.literal('file'), file: z.string().min(1), strength: z.number() }),
]) satisfies z.ZodType<AdapterRef>;

export const modelRefSchema = z.looseObject({
  base: z.string().min(1),
  adapters: z.array(adapterSchema),
  predictionType: z.enum(['epsilon', 'v_prediction', 'sample']).optional(),
}) satisfies z.ZodType<ModelRef>;
