/** Every exporter of data by its name. */
import { labelEventsExporter } from './labelEvents.ts';
import { metricsExporter } from './metrics.ts';
import { trainSettingsExporter } from './trainSettings.ts';

export const exporters = {
  labelEvents: labelEventsExporter,
  metrics: metricsExporter,
  trainSettings: trainSettingsExporter,
};
