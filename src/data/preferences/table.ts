/** Every format of preference data by its name, in the order in which they are looked for: what is more special first. */
import { chosenFormat } from './chosen.ts';
import { pairsFormat, pickapicFormat } from './pairs.ts';
import type { FormatName, PreferenceFormat } from './preference.ts';

export const formats: Readonly<Partial<Record<FormatName, PreferenceFormat>>> = {
  pickapic: pickapicFormat,
  pairs: pairsFormat,
  chosen: chosenFormat,
};

export const formatNames = Object.keys(formats) as FormatName[];
export const everyFormat = (): PreferenceFormat[] => Object.values(formats);
