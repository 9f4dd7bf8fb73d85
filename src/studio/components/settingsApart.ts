/** What differs between the settings of several runs. */
import { t } from '@lingui/core/macro';
import type { RunRecord } from '../../service/types.ts';

export interface ApartRow {
  /** As in settings files; `model`, `pairs` and `labels from` of the run itself. */
  setting: string;
  /** One for each run, in their order. */
  values: string[];
}

type Run = Pick<RunRecord, 'config' | 'model' | 'pairs'>;

/** Prompts and seeds of samples change no weight. */
const aside = new Set(['version', 'samplePrompts', 'sampleSeeds']);

const print = (value: unknown): string =>
  value === undefined
    ? '–'
    : typeof value === 'number' || typeof value === 'string'
      ? String(value)
      : JSON.stringify(value);

const runInWords = ({ run }: { run: string }): string => t`run ${run}`;

const ofRun = ({ config, model, pairs }: Run): Record<string, unknown> => ({
  model: [
    model.base,
    ...model.adapters.map((adapter) => (adapter.kind === 'run' ? runInWords(adapter) : adapter.file)),
  ].join(' + '),
  pairs: pairs.length,
  'labels from': [...new Set(pairs.map(({ by }) => by ?? t`you`))].toSorted().join(', '),
  ...config,
});

/** Rows in the order of the first run's settings; none where all are the same. */
export function settingsApart(runs: readonly Run[]): ApartRow[] {
  const all = runs.map(ofRun);
  const names = new Set(all.flatMap((one) => Object.keys(one)).filter((name) => !aside.has(name)));
  return [...names]
    .map((setting) => ({ setting, values: all.map((one) => print(one[setting])) }))
    .filter(({ values }) => new Set(values).size > 1);
}
