/** A grid of pictures over any two of checkpoints, models, strengths, prompts, seeds and settings: what stands along its axes, and what each
 *  of its pictures is made of. */
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
  title: string;
  numbers: { min: number; max: number; digits: number; initial: string };
  place(value: number): Omit<Place, 'label'>;
}

interface ListAxis {
  title: string;
  places(state: Studio): Place[];
  /** Where there are none. */
  none: string;
}

const axisTable = {
  checkpoint: {
    title: 'Checkpoints of a run',
    places: (state) => {
      const run = namedRuns(state).find(({ id }) => id === state.gridRun);
      return run
        ? gridModels(run).map(({ step, model }) => ({ label: step === 0 ? 'base' : `step ${step}`, model }))
        : [];
    },
    none: 'Choose a run with checkpoints.',
  },
  model: {
    title: 'Models compared',
    places: (state) => comparedModels(state).map((model) => ({ label: titleOf(model, modelNames(state)), model })),
    none: 'Choose A and B.',
  },
  strength: {
    title: 'Strength',
    numbers: { min: 0, max: 2, digits: 2, initial: '0, 0.5, .., 2' },
    place: (strength) => ({ strength }),
  },
  prompt: {
    title: 'Prompts',
    places: ({ comparePrompts }) =>
      [...new Set(comparePrompts)].filter(Boolean).map((prompt) => ({ label: prompt, prompt })),
    none: 'Type a prompt.',
  },
  seed: {
    title: 'Seeds',
    places: ({ compareSeeds }) => compareSeeds.map((seed) => ({ label: `seed ${seed}`, seed })),
    none: 'Type a seed.',
  },
  steps: {
    title: 'Steps',
    numbers: { min: 1, max: 200, digits: 0, initial: '4, 8, .., 24' },
    place: (steps) => ({ settings: { steps } }),
  },
  guidanceScale: {
    title: 'Guidance',
    numbers: { min: 0, max: 30, digits: 2, initial: '1, 2, .., 6' },
    place: (guidanceScale) => ({ settings: { guidanceScale } }),
  },
  guidanceRescale: {
    title: 'Guidance rescale',
    numbers: { min: 0, max: 1, digits: 2, initial: '0, 0.35, 0.7' },
    place: (guidanceRescale) => ({ settings: { guidanceRescale } }),
  },
  scheduler: {
    title: 'Samplers',
    places: () => samplerNames.map((scheduler) => ({ label: samplers[scheduler].title, settings: { scheduler } })),
    none: '',
  },
  eta: {
    title: 'Eta',
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
    const { min, max } = axis.numbers;
    const values = numbersIn(text, axis.numbers);
    if (!values) return { places: [], problem: `Type numbers from ${min} to ${max}, such as ${axis.numbers.initial}.` };
    places = values.map((value) => ({ label: `${axis.title.toLowerCase()} ${value}`, ...axis.place(value) }));
  } else {
    places = axis.places(state);
    if (!places.length) return { places: [], problem: axis.none };
  }
  return places.length > MOST_PLACES
    ? { places: places.slice(0, MOST_PLACES), problem: `The first ${MOST_PLACES} of ${places.length} are shown.` }
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
