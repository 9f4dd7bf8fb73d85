/** A run's settings. Read again by importers/trainSettings.ts. */
import type { TrainConfig } from '../../training/config.ts';
import { printTrainConfig } from '../formats/trainConfig.ts';
import type { Exporter } from './exporter.ts';

export const trainSettingsExporter: Exporter<TrainConfig> = {
  title: 'Training settings',
  what: 'JSON, for the studio and for winnow train --config',
  extension: '.json',
  mediaType: 'application/json',
  write: printTrainConfig,
};
