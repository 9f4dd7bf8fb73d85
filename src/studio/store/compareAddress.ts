/** A comparison in an address: which two, at which prompt and seed, seen how. */
import { z } from 'zod';
import { modelRefSchema } from '../../records/modelRef.ts';
import type { ModelRef } from '../../service/types.ts';
import { limits } from '../../shared/limits.ts';
import { compareViews, type CompareSlice } from './compareSlice.ts';

const addressSchema = z.object({
  a: modelRefSchema,
  b: modelRefSchema,
  view: z.enum(compareViews),
  prompt: z.string().max(limits.prompt).optional(),
  seed: z.int().min(0).max(limits.seed).optional(),
});

type Shown = Pick<
  CompareSlice,
  'compareA' | 'compareB' | 'compareView' | 'comparePrompts' | 'compareSeeds' | 'comparePosition'
>;

/** Longer ones are not read. */
const MOST_CHARACTERS = 20_000;

const plain = ({ base, adapters, ...rest }: ModelRef): ModelRef => ({ base, adapters, ...rest });

/** Part of a path; '' before there is anything to compare. */
export function comparisonAddress(shown: Shown): string {
  const { compareA, compareB, compareView, comparePrompts, compareSeeds, comparePosition } = shown;
  if (!compareA || !compareB) return '';
  return encodeURIComponent(
    JSON.stringify({
      a: plain(compareA),
      b: plain(compareB),
      view: compareView,
      prompt: comparePrompts[comparePosition.prompt],
      seed: compareSeeds[comparePosition.seed],
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
  const { a, b, view, prompt, seed } = data;
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
    comparePosition: {
      prompt: prompt === undefined ? 0 : comparePrompts.indexOf(prompt),
      seed: seed === undefined ? 0 : compareSeeds.indexOf(seed),
    },
  };
}
