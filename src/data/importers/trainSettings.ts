/** A run's settings, as the studio saves them. */
import { decodeText } from '../formats/text.ts';
import { parseTrainConfig } from '../formats/trainConfig.ts';
import { importer, whole } from './importer.ts';

export const trainSettingsImporter = importer({
  brings: 'trainSettings',
  title: 'training settings',
  what: 'the settings of a run, each checked',
  extensions: ['.json'],
  mediaTypes: ['application/json'],
  read: async (source) => parseTrainConfig(decodeText(await whole(source), source.name), source.name),
});
