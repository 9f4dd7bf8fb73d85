/** A grid of pictures over any two of checkpoints, models, strengths, prompts, seeds and settings: what stands along its axes, and what each
 *  of its pictures is made of. */
import { t } from '@lingui/core/macro';
import { samplerNames, samplers } from '../../diffusion/samplers/table.ts';
import type { ModelRef } from '../../service/types.ts';
import { limits } from '../../shared/limits.ts';
import { comparedModels, gridModels } from './compareSelectors.ts';
import type { PictureSettings } from './generateSelectors.ts';
import { isTuned, modelNames, namedRuns, titleOf, withStrength } from './models.ts';
import type { Studio } from './useStudio.ts';

/** Along one axis. */
export const MOST_PLACES = 16;

/** What a place on an axis says of the pictures that stand there. */
export interface Place {
  label: string;
  model?: ModelRef;
  strength?: number;
  prompt?: string;
  seed?: number;
  settings?: Partial<PictureSettings>;
}

interface NumberAxis {
  readonly title: string;
  /** Of one place. */
  label(value: number): string;
  numbers: { min: number; max: number; digits: number; initial: string };
  place(value: number): Omit<Place, 'label'>;
}

interface ListAxis {
  readonly title: string;
  places(state: Studio): Place[];
  /** Where there are none. */
  readonly none: string;
}

const axisTable = {
  checkpoint: {
    get title() {
      return t`Checkpoints of a run`;
    },
    places: (state) => {
      const run = namedRuns(state).find(({ id }) => id === state.gridRun);
      return run
        ? gridModels(run).map(({ step, model }) => ({
            label: step === 0 ? t({ message: 'base', comment: 'the model that a run starts from' }) : t`step ${step}`,
            model,
          }))
        : [];
    },
    get none() {
      return t`Choose a run with checkpoints.`;
    },
  },
  model: {
    get title() {
      return t`Models compared`;
    },
    places: (state) => comparedModels(state).map((model) => ({ label: titleOf(model, modelNames(state)), model })),
    get none() {
      return t`Choose A and B.`;
    },
  },
  strength: {
    get title() {
      return t({ message: 'Strength', comment: 'of a LoRA' });
    },
    label: (value) => t({ message: `strength ${value}`, comment: 'of a LoRA' }),
    numbers: { min: 0, max: 2, digits: 2, initial: '0, 0.5, .., 2' },
    place: (strength) => ({ strength }),
  },
  prompt: {
    get title() {
      return t`Prompts`;
    },
    places: ({ comparePrompts }) =>
      [...new Set(comparePrompts)].filter(Boolean).map((prompt) => ({ label: prompt, prompt })),
    get none() {
      return t`Type a prompt.`;
    },
  },
  seed: {
    get title() {
      return t`Seeds`;
    },
    places: ({ compareSeeds }) => compareSeeds.map((seed) => ({ label: t`seed ${seed}`, seed })),
    get none() {
      return t`Type a seed.`;
    },
  },
  steps: {
    get title() {
      return t({ message: 'Steps', comment: 'a number: of drawing a picture' });
    },
    label: (value) => t({ message: `steps ${value}`, comment: 'so many, of drawing a picture' }),
    numbers: { min: 1, max: 200, digits: 0, initial: '4, 8, .., 24' },
    place: (steps) => ({ settings: { steps } }),
  },
  guidanceScale: {
    get title() {
      return t({ message: 'Guidance', comment: 'how closely pictures follow the prompt' });
    },
    label: (value) => t`guidance ${value}`,
    numbers: { min: 0, max: 30, digits: 2, initial: '1, 2, .., 6' },
    place: (guidanceScale) => ({ settings: { guidanceScale } }),
  },
  guidanceRescale: {
    get title() {
      return t`Guidance rescale`;
    },
    label: (value) => t`guidance rescale ${value}`,
    numbers: { min: 0, max: 1, digits: 2, initial: '0, 0.35, 0.7' },
    place: (guidanceRescale) => ({ settings: { guidanceRescale } }),
  },
  scheduler: {
    get title() {
      return t({ message: 'Samplers', comment: 'ways of drawing: DDIM, Euler' });
    },
    places: () => samplerNames.map((scheduler) => ({ label: samplers[scheduler].title, settings: { scheduler } })),
    none: '',
  },
  eta: {
    get title() {
      return t({ message: 'Eta', comment: 'noise that a sampler adds' });
    },
    label: (value) => t({ message: `eta ${value}`, comment: 'noise that a sampler adds' }),
    numbers: { min: 0, max: 1, digits: 2, initial: '0, 0.5, 1' },
    place: (eta) => ({ settings: { eta } }),
  },
} satisfies Record<string, NumberAxis | ListAxis>;

export type AxisKind = keyof typeof axisTable;
export const axes: Readonly<Record<AxisKind, NumberAxis | ListAxis>> = axisTable;
export const axisKinds = Object.keys(axisTable) as readonly AxisKind[];

/** @param text of numbers; nothing where a list stands by itself. */
export interface GridAxis {
  kind: AxisKind;
  text: string;
}

export const axisOf = (kind: AxisKind): GridAxis => {
  const axis = axes[kind];
  return { kind, text: 'numbers' in axis ? axis.numbers.initial : '' };
};

/** `1, 2, .., 10` goes on as it began; null where it says no numbers, or others than there may be. */
export function numbersIn(
  text: string,
  { min, max, digits }: { min: number; max: number; digits: number },
): number[] | null {
  const words = text
    .split(/[,;\s]+/)
    .filter(Boolean)
    .map((word) => (/^(\.\.\.?|…)$/.test(word) ? '..' : Number(word)));
  const found: number[] = [];
  const round = (value: number): number => Number(value.toFixed(digits));
  for (const [at, word] of words.entries()) {
    if (word !== '..') {
      found.push(word);
      continue;
    }
    const [before, last, end] = [found.at(-2), found.at(-1), words[at + 1]];
    if (before === undefined || last === undefined || typeof end !== 'number') return null;
    const step = last - before;
    if (!(step !== 0 && (end - last) / step > 0 && (end - last) / step < 1000)) return null;
    for (let value = last + step; (end - value) * Math.sign(step) > 1e-9; value += step) found.push(value);
  }
  const numbers = [...new Set(found.map(round))];
  const isSound =
    numbers.every((value) => value >= min && value <= max) && found.every((one) => round(one) === one || digits > 0);
  return numbers.length > 0 && isSound ? numbers : null;
}

/** What stands along an axis, or what is wrong with it. */
export function placesOf({ kind, text }: GridAxis, state: Studio): { places: Place[]; problem: string | null } {
  const axis = axes[kind];
  let places: Place[];
  if ('numbers' in axis) {
    const { min, max, initial } = axis.numbers;
    const values = numbersIn(text, axis.numbers);
    if (!values) return { places: [], problem: t`Type numbers from ${min} to ${max}, such as ${initial}.` };
    places = values.map((value) => ({ label: axis.label(value), ...axis.place(value) }));
  } else {
    places = axis.places(state);
    if (!places.length) return { places: [], problem: axis.none };
  }
  const [shown, all] = [MOST_PLACES, places.length];
  return all > shown
    ? { places: places.slice(0, shown), problem: t`The first ${shown} of ${all} are shown.` }
    : { places, problem: null };
}

/** One picture of the grid. */
export interface GridCell {
  model: ModelRef;
  prompt: string;
  seed: number;
  settings: Partial<PictureSettings>;
}

/** What stands where two places meet; what neither says is as the comparison has it. Null before there is a model and a prompt. */
export function cellAt(x: Place, y: Place, state: Studio): GridCell | null {
  const { comparePrompts, compareSeeds, comparePosition, compareB } = state;
  const bare = x.model ?? y.model ?? compareB;
  const strength = x.strength ?? y.strength;
  const prompt = x.prompt ?? y.prompt ?? comparePrompts[comparePosition.prompt];
  if (!bare || !prompt) return null;
  return {
    model: strength === undefined || !isTuned(bare) ? bare : withStrength(bare, strength),
    prompt,
    seed: x.seed ?? y.seed ?? compareSeeds[comparePosition.seed] ?? 0,
    settings: { ...x.settings, ...y.settings },
  };
}

/** Whole numbers that a person typed as seeds. */
export const seedsIn = (text: string): number[] | null => numbersIn(text, { min: 0, max: limits.seed, digits: 0 });
