import type { Profile } from '../store/ratersSlice.ts';

/** A dot beside the name, which says the same. */
export const raterColour = ({ colour }: Pick<Profile, 'colour'>): string => `var(--mantine-color-${colour}-6)`;
