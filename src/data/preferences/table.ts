/** Every format of preference data by its name, in the order in which they are looked for: what is more special first. */
import { chosenFormat } from './chosen.ts';
import { foldersFormat } from './folders.ts';
import { hpdFormat } from './hpd.ts';
import { imagerewardFormat } from './imagereward.ts';
import { labelStudioFormat } from './labelStudio.ts';
import { metadataFormat } from './metadata.ts';
import { pairsFormat, pickapicFormat } from './pairs.ts';
import type { FormatName, PreferenceFormat } from './preference.ts';
import { winnowFormat } from './winnow.ts';

export const formats: Readonly<Record<FormatName, PreferenceFormat>> = {
  pickapic: pickapicFormat,
  pairs: pairsFormat,
  chosen: chosenFormat,
  hpd: hpdFormat,
  imagereward: imagerewardFormat,
  folders: foldersFormat,
  metadata: metadataFormat,
  'label-studio': labelStudioFormat,
  winnow: winnowFormat,
};

export const formatNames = Object.keys(formats) as FormatName[];

/** As they are looked for. */
export const byContent: readonly PreferenceFormat[] = [
  winnowFormat,
  foldersFormat,
  labelStudioFormat,
  imagerewardFormat,
  hpdFormat,
  metadataFormat,
  pickapicFormat,
  pairsFormat,
  chosenFormat,
];
