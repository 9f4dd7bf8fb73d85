/** What the models on screen stand for now: their pictures are those of these hashes. */
import { useEffect } from 'react';
import type { ModelRef } from '../../../service/types.ts';
import { modelKey } from '../../store/models.ts';
import { useStudio } from '../../store/useStudio.ts';

/** Asks for what is not known, again after every change. @returns whether all are known. */
export function useModelHashes(models: readonly (ModelRef | null)[]): boolean {
  const ready = useStudio((s) => s.engineState === 'ready');
  const known = useStudio((s) => models.every((model) => model === null || modelKey(model) in s.modelHashes));
  const { readModelHashes } = useStudio.getState();
  const asked = JSON.stringify(models);
  useEffect(() => {
    if (ready && !known) void readModelHashes(JSON.parse(asked) as (ModelRef | null)[]);
  }, [ready, known, asked, readModelHashes]);
  return known;
}
