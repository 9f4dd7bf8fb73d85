/** How sure a label is, for losses that read it: the chance p that the winner is the better one. */
import type { LossField, LossParams } from './loss.ts';

const chance = { min: 0.5, max: 1, step: 0.05, digits: 3 };

export const preferenceFields = {
  tiePreference: { title: 'Preference, tie', hint: '0.5: neither is better.', default: 0.5, ...chance },
  sidePreference: {
    title: 'Preference, left or right',
    hint: 'Chance that the chosen one is better.',
    default: 0.8,
    ...chance,
  },
  clearPreference: {
    title: 'Preference, clearly',
    hint: 'The same, of a clear left or right.',
    default: 0.95,
    ...chance,
  },
} satisfies Record<string, LossField>;

/** Of a label that trains; left or right, not clearly, where nothing is said. */
export type Strength = 'tie' | 'clear';

export const preferenceOf = (
  { tiePreference, sidePreference, clearPreference }: LossParams<typeof preferenceFields>,
  strength: Strength | undefined,
): number => (strength === 'tie' ? tiePreference : strength === 'clear' ? clearPreference : sidePreference);
