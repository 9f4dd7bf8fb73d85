/** A picture that was made here: its settings, its seed, its files. */
import { z } from 'zod';
import { isInStore, nameOf } from '../shared/paths.ts';
import { type ModelRef, modelRefSchema } from './modelRef.ts';

export type BackendChoice = 'auto' | 'engine' | 'onnx';

/** What really ran. */
export type Backend = 'engine' | 'onnx-webgpu' | 'onnx-wasm';

export interface GenerationSettings {
  model: ModelRef;
  negativePrompt: string;
  steps: number;
  guidanceScale: number;
  width: number;
  height: number;
  /** diffusers class name: DDIMScheduler, EulerDiscreteScheduler, DPMSolverMultistepScheduler. */
  scheduler: string;
  /** Pulls the deviation of guided predictions back (arXiv 2305.08891, section 3.4), 0 to 1; 0 if left out. */
  guidanceRescale?: number | undefined;
  /** DDIM's eta, 0 to 1: how much fresh noise each step adds; 0 if left out. Other samplers refuse it. */
  eta?: number | undefined;
  /** Options on top of the model's scheduler config, e.g. { use_karras_sigmas: true }. */
  schedulerConfig?: Record<string, unknown> | undefined;
  /** What runs the model. Under the name that records have had from the first. */
  sampler: BackendChoice;
  /** f16: large products and attention of our kernels in half width, wherever they draw the picture; f32 if left out. Onnxruntime refuses it. */
  arithmetic?: 'f16' | undefined;
  /** Image-to-image: a PNG in the file store, and strength in (0, 1]; in records, and in those of earlier versions not, the PNG's SHA-256. */
  init?: { file: string; strength: number; sha256?: string | undefined } | undefined;
}

export interface ImageRecord extends GenerationSettings {
  id: string;
  prompt: string;
  seed: number;
  modelHash: string;
  /** `diffusers`: made elsewhere, by tools/hand-off/make_pairs.py. */
  ranOn: Backend | 'diffusers';
  /** ISO 8601. */
  createdAt: string;
  /** PNG with its parameters inside, and the sampler's final latents (safetensors, key `latents` [1, C, h, w], scaled), in the file store. */
  file: string;
  latentsFile: string;
  /** Marked by a person. */
  starred?: boolean | undefined;
}

/** In the file store, or below the folder that the record lies in: never out of it. */
export const place = z
  .string()
  .min(1)
  .refine((path) => !path.split(/[\\/]/).includes('..') && !/^([\\/]|[a-z]:)/i.test(path), 'leads out of its folder');

export const side = z.int().min(1).max(65_536);

export const generationSettingsSchema = z.looseObject({
  model: modelRefSchema,
  negativePrompt: z.string(),
  steps: z.int().min(1).max(100_000),
  guidanceScale: z.number(),
  width: side,
  height: side,
  scheduler: z.string(),
  guidanceRescale: z.number().optional(),
  eta: z.number().optional(),
  schedulerConfig: z.record(z.string(), z.unknown()).optional(),
  sampler: z.enum(['auto', 'engine', 'onnx']),
  arithmetic: z.literal('f16').optional(),
  init: z.looseObject({ file: z.string().min(1), strength: z.number(), sha256: z.string().optional() }).optional(),
}) satisfies z.ZodType<GenerationSettings>;

export const imageRecordSchema = generationSettingsSchema.extend({
  id: z.string().min(1),
  prompt: z.string(),
  seed: z.int(),
  modelHash: z.string(),
  ranOn: z.enum(['engine', 'onnx-webgpu', 'onnx-wasm', 'diffusers']),
  createdAt: z.string(),
  file: place,
  latentsFile: place,
  starred: z.boolean().optional(),
}) satisfies z.ZodType<ImageRecord>;

/** Pictures travel; where things lie on the computer that made them is nobody else's business. */
export function withoutPaths(record: ImageRecord): ImageRecord {
  const name = (path: string): string => (isInStore(path) ? path : nameOf(path));
  const adapters = record.model.adapters.map((adapter) =>
    adapter.kind === 'file' ? { ...adapter, file: name(adapter.file) } : { ...adapter, run: name(adapter.run) },
  );
  return {
    ...record,
    model: { ...record.model, base: name(record.model.base), adapters },
    ...(record.init && { init: { ...record.init, file: name(record.init.file) } }),
  };
}
