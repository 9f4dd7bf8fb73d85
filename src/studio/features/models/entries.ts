/** Models as the screen lists them: those that open, and those in storage that are not whole or do not open. */
import { t } from '@lingui/core/macro';
import type { ModelInfo, StoredModel } from '../../../service/types.ts';
import { printBytes, printPercent } from '../../components/words.ts';
import { chosenModel } from '../../store/models.ts';
import type { Problem } from '../../store/problem.ts';
import { useStudio } from '../../store/useStudio.ts';

export interface Entry {
  id: string;
  title: string;
  /** What was read; null where it does not open. */
  info: ModelInfo | null;
  /** As it lies in storage; null for an embedded model. */
  stored: StoredModel | null;
  problem: Problem | null;
}

/** How much of it is here. */
export function shareInWords(doneBytes: number, totalBytes: number): string {
  const done = printBytes(doneBytes);
  const all = printBytes(totalBytes);
  const percent = printPercent(totalBytes ? doneBytes / totalBytes : 0);
  return t`${done} of ${all}, ${percent}`;
}

export function entriesOf(
  models: readonly ModelInfo[],
  stored: readonly StoredModel[],
  unopened: Readonly<Record<string, Problem>>,
): Entry[] {
  const opened = models.map((info): Entry => ({
    id: info.id,
    title: info.title,
    info,
    stored: stored.find(({ id }) => id === info.id) ?? null,
    problem: null,
  }));
  const others = stored
    .filter(({ id }) => !models.some((info) => info.id === id))
    .map((one): Entry => ({
      id: one.id,
      title: one.title,
      info: null,
      stored: one,
      problem: unopened[one.id] ?? null,
    }));
  return [...opened, ...others];
}

/** The entry in view: what was clicked or just came in, else the chosen model. */
export function useViewed(entries: readonly Entry[]): Entry | undefined {
  const viewed = useStudio((s) => s.viewedModel);
  const chosen = useStudio((s) => chosenModel(s)?.id);
  return entries.find(({ id }) => id === viewed) ?? entries.find(({ id }) => id === chosen) ?? entries[0];
}
