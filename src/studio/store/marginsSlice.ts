/** What runs say of their pairs: asked for by a person, kept as long as the page. */
import { bestCheckpoint } from '../../evaluation/looks.ts';
import type { ImplicitEvent, ImplicitMargins } from '../../service/types.ts';
import { listener } from '../app/workers.ts';
import { actions } from './action.ts';
import { tunedModel } from './models.ts';
import type { Slice } from './useStudio.ts';

export interface RunMargins extends ImplicitMargins {
  /** Of the checkpoint that was asked. */
  step: number;
}

export interface MarginsSlice {
  margins: Record<string, RunMargins>;
  marginsProgress: { done: number; total: number } | null;
  readingMargins: boolean;
  /** Of all pairs of a run, held-out ones too, by its best checkpoint. */
  readMargins(run: string): Promise<void>;
}

export const marginsSlice: Slice<MarginsSlice> = (set, get) => {
  const action = actions(set, get);
  return {
    margins: {},
    marginsProgress: null,
    readingMargins: false,

    readMargins: (id) =>
      action({ problem: 'trainProblem', busy: 'readingMargins' }, async () => {
        const run = get().runs.find((one) => one.id === id);
        const checkpoint = run && bestCheckpoint(run);
        if (!run || !checkpoint) return;
        try {
          const found = await get()
            .engine()
            .implicit(
              `margins ${id}`,
              { model: tunedModel(run, checkpoint.step), reference: run.model, pairs: run.pairs },
              listener((event: ImplicitEvent) => {
                if (event.type === 'progress' && get().readingMargins)
                  set({ marginsProgress: { done: event.done, total: event.total } });
              }),
            );
          set(({ margins }) => ({ margins: { ...margins, [id]: { ...found, step: checkpoint.step } } }));
        } finally {
          set({ marginsProgress: null });
        }
      }),
  };
};
