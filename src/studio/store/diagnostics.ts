/** What helps to find a fault, without anything a person made: no prompts, no images, no names. */
import { problemFields } from './action.ts';
import { useStudio } from './useStudio.ts';

export function diagnostics(): string {
  const state = useStudio.getState();
  const { engineState, system, models, runs, jobs, counts, pairs, storage, lacks, activeRun } = state;
  return JSON.stringify(
    {
      at: new Date().toISOString(),
      browser: navigator.userAgent,
      crossOriginIsolated,
      window: `${innerWidth}x${innerHeight} @ ${devicePixelRatio}`,
      engineState,
      system,
      models: models.map(({ source, family, pipeline, hash, parameters, precision, predictionType, defaultSize }) => ({
        source,
        family,
        pipeline,
        hash,
        parameters,
        precision,
        predictionType,
        defaultSize,
      })),
      runs: runs.map(({ id, status, step, reference, step0Logit, adapter, error, config }) => {
        const { samplePrompts, ...settings } = config;
        return {
          id,
          status,
          step,
          reference,
          step0Logit,
          adapter,
          error,
          active: id === activeRun,
          config: { ...settings, samplePrompts: samplePrompts.length },
        };
      }),
      jobs: jobs.map(({ kind, state, done, total, problem }) => ({ kind, state, done, total, problem })),
      labels: counts,
      pairs: pairs.length,
      storage,
      lacks: lacks?.what ?? null,
      problems: Object.fromEntries(problemFields.map((field) => [field, state[field]])),
    },
    null,
    2,
  );
}
