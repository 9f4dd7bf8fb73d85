/** A comparison in an address: which two, at which prompt and seed, seen how; a grid's axes and run. */
import { z } from 'zod';
import { modelRefSchema } from '../../records/modelRef.ts';
import type { ModelRef } from '../../service/types.ts';
import { limits } from '../../shared/limits.ts';
import { axisKinds } from './compareGrid.ts';
import { compareViews, type CompareSlice } from './compareSlice.ts';

const axis = z.object({ kind: z.enum(axisKinds), text: z.string().max(1000) });

const addressSchema = z.object({
  a: modelRefSchema,
  b: modelRefSchema,
  view: z.enum(compareViews),
  prompt: z.string().max(limits.prompt).optional(),
  seed: z.int().min(0).max(limits.seed).optional(),
  /** Of a grid. */
  x: axis.optional(),
  y: axis.optional(),
  /** Whose steps a grid shows, or the view through training. */
  run: z.string().max(200).optional(),
});

type Shown = Pick<
  CompareSlice,
  | 'compareA'
  | 'compareB'
  | 'compareView'
  | 'comparePrompts'
  | 'compareSeeds'
  | 'comparePosition'
  | 'gridX'
  | 'gridY'
  | 'gridRun'
>;

/** Longer ones are not read. */
const MOST_CHARACTERS = 20_000;

const plain = ({ base, adapters, ...rest }: ModelRef): ModelRef => ({ base, adapters, ...rest });

/** Part of a path; '' before there is anything to compare. */
export function comparisonAddress(shown: Shown): string {
  const { compareA, compareB, compareView, comparePrompts, compareSeeds, comparePosition, gridX, gridY, gridRun } =
    shown;
  if (!compareA || !compareB) return '';
  return encodeURIComponent(
    JSON.stringify({
      a: plain(compareA),
      b: plain(compareB),
      view: compareView,
      prompt: comparePrompts[comparePosition.prompt],
      seed: compareSeeds[comparePosition.seed],
      ...(compareView === 'grid' && { x: gridX, y: gridY }),
      ...(['grid', 'scrub'].includes(compareView) && gridRun !== null && { run: gridRun }),
    }),
  );
}

/** What such an address asks for, beside what is compared already; null where it says nothing that can be read. */
export function comparisonAt(address: string, now: Shown): Shown | null {
  if (address.length > MOST_CHARACTERS) return null;
  let said: unknown;
  try {
    said = JSON.parse(decodeURIComponent(address));
  } catch {
    return null;
  }
  const { success, data } = addressSchema.safeParse(said);
  if (!success) return null;
  const { a, b, view, prompt, seed, x, y, run } = data;
  const among = <T>(all: readonly T[], one: T | undefined): T[] =>
    one === undefined || all.includes(one) ? [...all] : [one, ...all];
  const comparePrompts = among(now.comparePrompts, prompt);
  const compareSeeds = among(now.compareSeeds, seed);
  return {
    compareA: a,
    compareB: b,
    compareView: view,
    comparePrompts,
    compareSeeds,
    gridX: x ?? now.gridX,
    gridY: y ?? now.gridY,
    gridRun: run ?? now.gridRun,
    comparePosition: {
      prompt: prompt === undefined ? 0 : comparePrompts.indexOf(prompt),
      seed: seed === undefined ? 0 : compareSeeds.indexOf(seed),
    },
  };
}
