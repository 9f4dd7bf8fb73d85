/** What runs say of their pairs: asked for by a person, kept as long as the page. */
import type { LabelState } from '../../data/labels.ts';
import { pairsFor } from '../../data/pairs.ts';
import { bestCheckpoint } from '../../evaluation/looks.ts';
import { latentsFileOf } from '../../records/foreignImages.ts';
import type { ImplicitEvent, ImplicitMargins, PairRecord, RunRecord, TrainPair } from '../../service/types.ts';
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
  /** Of the run that is asked. */
  marginsProgress: { run: string; done: number; total: number } | null;
  readingMargins: boolean;
  /** Of all pairs of a run, held-out ones too, by its best checkpoint. */
  readMargins(run: string): Promise<void>;
  /** Ends that. */
  stopMargins(): Promise<void>;
}

/** Its pictures as the run took them: the winner first. */
export const winnerFirst = (
  [one, other]: PairRecord['images'],
  { winnerLatents }: Pick<TrainPair, 'winnerLatents'>,
): PairRecord['images'] => (latentsFileOf(other) === winnerLatents ? [other, one] : [one, other]);

/** Those of a run's pairs that are still here and that it would take otherwise now, or not at all: they were judged again since. */
export function judgedSince(
  { pairs: trained, config }: Pick<RunRecord, 'pairs' | 'config'>,
  pairs: readonly PairRecord[],
  labels: LabelState,
): Set<string> {
  const ids = new Set(trained.map(({ pair }) => pair));
  const here = pairs.filter(({ id }) => ids.has(id));
  const said = ({ winnerLatents, strength }: TrainPair): string => (strength === 'tie' ? 'tie' : winnerLatents);
  const now = new Map(pairsFor(config, here, labels).map((one) => [one.pair, said(one)]));
  const known = new Set(here.map(({ id }) => id));
  return new Set(
    trained.filter((one) => known.has(one.pair) && now.get(one.pair) !== said(one)).map(({ pair }) => pair),
  );
}

const jobOf = (run: string): string => `margins ${run}`;

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
        set({ marginsProgress: { run: id, done: 0, total: 0 } });
        try {
          const found = await get()
            .engine()
            .implicit(
              jobOf(id),
              { model: tunedModel(run, checkpoint.step), reference: run.model, pairs: run.pairs },
              listener((event: ImplicitEvent) => {
                if (event.type === 'progress' && get().readingMargins)
                  set({ marginsProgress: { run: id, done: event.done, total: event.total } });
              }),
            );
          set(({ margins }) => ({ margins: { ...margins, [id]: { ...found, step: checkpoint.step } } }));
        } finally {
          set({ marginsProgress: null });
        }
      }),

    stopMargins: () =>
      action({ problem: 'trainProblem', background: true }, async () => {
        const { marginsProgress, engine } = get();
        if (marginsProgress) await engine().cancel(jobOf(marginsProgress.run));
      }),
  };
};
