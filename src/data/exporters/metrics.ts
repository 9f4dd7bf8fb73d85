/** What was measured at every step of a run, one a line. */
import type { StepMetrics } from '../../records/runs.ts';
import { formatJsonl } from '../formats/jsonl.ts';
import type { Exporter } from './exporter.ts';

export const metricsExporter: Exporter<readonly StepMetrics[]> = {
  title: 'Metrics',
  what: 'JSONL, one line a step',
  extension: '.jsonl',
  mediaType: 'application/jsonl',
  write: formatJsonl,
};
