/** Every preference loss by its name in configs and golden cases, and the settings that some loss reads. */
import { dmpoLoss } from './dmpo.ts';
import { hingeLoss } from './hinge.ts';
import { ipoLoss } from './ipo.ts';
import { ktoLoss } from './kto.ts';
import { linearLoss } from './linear.ts';
import type { LossField, LossParams, LossRecord } from './loss.ts';
import { mapoLoss } from './mapo.ts';
import { preferenceFields } from './preference.ts';
import { robustLoss } from './robust.ts';
import { sftLoss } from './sft.ts';
import { sigmoidLoss } from './sigmoid.ts';
import { softLoss } from './soft.ts';

const records = {
  sigmoid: sigmoidLoss,
  robust: robustLoss,
  soft: softLoss,
  ipo: ipoLoss,
  hinge: hingeLoss,
  kto: ktoLoss,
  mapo: mapoLoss,
  dmpo: dmpoLoss,
  linear: linearLoss,
  sft: sftLoss,
};

export type LossName = keyof typeof records;
export const losses: Readonly<Record<LossName, LossRecord>> = records;
export const lossNames = Object.keys(records) as LossName[];
export const isLossName = (name: unknown): name is LossName => typeof name === 'string' && Object.hasOwn(records, name);

/** Of the step, not of the formula: they go with every loss, or with every loss of the logit. */
const stepFields = {
  minSnrGamma: {
    title: 'Min-SNR gamma',
    hint: 'Weighs timesteps with little noise less; 5 is usual.',
    default: null,
    above: 0,
    max: 1e6,
    step: 1,
    digits: 3,
    golden: 'min_snr_gamma',
  },
  sdpoMu: {
    title: 'SDPO mu',
    hint: 'Holds the loser back where it would make the winner worse; 0.9 is usual.',
    default: null,
    min: 0,
    max: 1,
    step: 0.05,
    digits: 3,
    golden: 'sdpo_mu',
  },
} satisfies Record<string, LossField>;

type FormulaField = (typeof records)[LossName]['fields'] extends infer F
  ? F extends unknown
    ? keyof F
    : never
  : never;

/** What a run's settings hold for its loss. Those that its loss does not read have no effect. */
export type LossSettings = { [K in FormulaField | keyof typeof preferenceFields]: number } & {
  /** null: off. */
  [K in keyof typeof stepFields]: number | null;
};
export type LossSetting = keyof LossSettings;

/** Every setting that some loss reads. */
export const lossFields = Object.assign(
  {},
  ...Object.values(records).map(({ fields }) => fields),
  preferenceFields,
  stepFields,
) as Readonly<Record<LossSetting, LossField>>;

/** The settings a loss reads, besides beta. */
export function settingsOf(loss: LossName): LossSetting[] {
  const { fields, readsLogit, readsPreference, readsLoser } = losses[loss];
  return [
    ...Object.keys(fields),
    ...(readsPreference ? Object.keys(preferenceFields) : []),
    ...Object.keys(stepFields).filter((name) => (name === 'sdpoMu' ? readsLoser : readsLogit)),
  ] as LossSetting[];
}

export const defaultLossSettings = Object.fromEntries(
  Object.entries(lossFields).map(([name, field]) => [name, field.default]),
) as LossSettings;

/** The numbers of a loss's formula. */
export const paramsOf = (loss: LossName, settings: LossSettings): LossParams =>
  Object.fromEntries(Object.keys(losses[loss].fields).map((name) => [name, settings[name as LossSetting] as number]));
