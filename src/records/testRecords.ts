/** Records for tests, each as the product writes it. */
import type { ForeignImage } from './foreignImages.ts';
import type { ImageRecord } from './images.ts';
import type { LabelEvent } from './labels.ts';
import type { PairRecord } from './pairs.ts';

export const imageRecord = (id: string, changes: Partial<ImageRecord> = {}): ImageRecord => ({
  model: { base: 'postcard', adapters: [] },
  negativePrompt: '',
  steps: 12,
  guidanceScale: 3,
  width: 96,
  height: 96,
  scheduler: 'DPMSolverMultistepScheduler',
  sampler: 'auto',
  id,
  prompt: 'a red house',
  seed: 1,
  modelHash: '04b2a231',
  ranOn: 'engine',
  createdAt: '2026-01-01T00:00:00.000Z',
  file: `images/${id}.png`,
  latentsFile: `images/${id}.safetensors`,
  ...changes,
});

export const pairRecord = (id: string, changes: Partial<PairRecord> = {}): PairRecord => ({
  id,
  prompt: 'a red house',
  images: [imageRecord(`${id}-0`), imageRecord(`${id}-1`)],
  origin: 'seeds',
  createdAt: '2026-01-01T00:00:00.000Z',
  ...changes,
});

export const labelEvent = (id: string, pair: string): LabelEvent & { type: 'label' } => ({
  type: 'label',
  id,
  pair,
  answer: 'left',
  shownLeft: 0,
  clearly: false,
  elapsedMs: 1200,
  at: '2026-01-01T00:00:00.000Z',
  by: 'person',
});

export const foreignImage = (id: string, changes: Partial<ForeignImage> = {}): ForeignImage => ({
  foreign: true,
  id,
  file: `pictures/${id}.jpg`,
  width: 640,
  height: 512,
  createdAt: '2026-01-01T00:00:00.000Z',
  ...changes,
});

export const importedPair = (id: string, changes: Partial<PairRecord> = {}): PairRecord => ({
  id,
  prompt: 'a red house',
  images: [foreignImage(`${id}-0`), foreignImage(`${id}-1`, { madeWith: 'dreamlike' })],
  origin: 'imported',
  source: {
    format: 'pickapic',
    file: 'train-0.parquet',
    row: 7,
    fields: { user_id: 3, image_0_uid: 'u', has_label: true },
  },
  createdAt: '2026-01-01T00:00:00.000Z',
  ...changes,
});
