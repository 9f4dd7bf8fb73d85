import type { LossField } from './loss.ts';

/** The share e of labels that are expected to be wrong. */
export const labelSmoothing = {
  title: 'Label smoothing',
  hint: 'Share of labels you expect to be wrong.',
  default: 0,
  min: 0,
  below: 0.5,
  step: 0.01,
  digits: 3,
  golden: 'label_smoothing',
} satisfies LossField;
