/** Preferences that others gave, brought in: looked at first, and nothing is written until the person says so. */
import { t } from '@lingui/core/macro';
import type { Imported } from '../../data/preferences/importing.ts';
import type { OpenOptions, PreferenceSet } from '../../data/preferences/open.ts';
import type { Place } from '../../data/preferences/places.ts';
import type { FormatName } from '../../data/preferences/preference.ts';
import type { Preview } from '../../data/preferences/preview.ts';
import type { PairSizing } from '../../records/pairs.ts';
import { WinnowError } from '../../shared/errors.ts';
import { checkOwner } from './action.ts';
import { chosenModel } from './models.ts';
import { isCancelled, type Problem, problemOf } from './problem.ts';
import { db, files } from './services.ts';
import type { Slice } from './useStudio.ts';

/** What a person says of it; the rest is guessed from the content. */
export interface ImportChoices {
  as?: FormatName | undefined;
  split?: string | undefined;
  /** Ours → theirs. */
  map: Readonly<Record<string, string>>;
  /** COLUMN=VALUE, one a line. */
  where: string;
  skip: number | null;
  limit: number | null;
  /** Whose labels these are; '': as the data say. */
  rater: string;
  fit: NonNullable<PairSizing['fit']> | 'asRun';
}

const noChoices: ImportChoices = { map: {}, where: '', skip: null, limit: null, rater: '', fit: 'asRun' };

export interface ImportSlice {
  /** What is looked at. */
  bringing: {
    name: string;
    choices: ImportChoices;
    preview: Preview | null;
    freeBytes: number | null;
    tooLong: number | null;
  } | null;
  importWork:
    | { what: 'Looking at it' }
    | { what: 'Bringing it in'; done: number; total: number | null; pairs: number; refused: number }
    | null;
  importProblem: Problem | null;
  /** What came in last. */
  imported: (Imported & { name: string }) | null;
  /** Opens what was brought. Nothing is written.
   *  @param find reads what is needed to know the files. */
  lookAtData(find: (signal: AbortSignal) => Promise<Place[]> | Place[]): Promise<void>;
  /** The same, read as the person says. */
  changeImport(change: Partial<ImportChoices>): Promise<void>;
  bringIn(): Promise<void>;
  /** Stops what is under way. What was brought in so far is whole, and the same import goes on from there. */
  stopImport(): void;
  forgetImport(): void;
}

/** Readers of parquet, CSV and JSON are loaded when the first file is brought. */
const readers = async () => ({
  ...(await import('../../data/preferences/open.ts')),
  ...(await import('../../data/preferences/preview.ts')),
  ...(await import('../../data/preferences/importing.ts')),
  ...(await import('../../data/preferences/databaseSink.ts')),
});

const PROMPTS_AT_ONCE = 1000;

function whereOf(text: string): Map<string, string[]> {
  const where = new Map<string, string[]>();
  for (const line of text.split('\n').filter((one) => one.trim() !== '')) {
    const at = line.indexOf('=');
    const said = line.trim();
    if (at < 1)
      throw new WinnowError(
        'BadArguments',
        t`“${said}” names no column and value.`,
        t`Give COLUMN=VALUE, as model_0=dreamlike.`,
      );
    const column = line.slice(0, at).trim();
    where.set(column, [...(where.get(column) ?? []), line.slice(at + 1).trim()]);
  }
  return where;
}

const openOptions = ({ as, split, map, where }: ImportChoices): OpenOptions => ({
  as,
  split,
  map,
  where: whereOf(where),
});

const rangeOf = ({ skip, limit }: ImportChoices): { skip?: number; limit?: number } => ({
  ...(skip !== null && { skip }),
  ...(limit !== null && { limit }),
});

export const importSlice: Slice<ImportSlice> = (set, get) => {
  let stop = new AbortController();
  let atWork: Promise<void> = Promise.resolve();
  let places: Place[] = [];
  let opened: PreferenceSet | null = null;

  /** One at a time, the last one that was asked for. */
  async function work(
    what: NonNullable<ImportSlice['importWork']>,
    run: (signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    stop.abort();
    stop = new AbortController();
    const { signal } = stop;
    set({ importWork: what, importProblem: null });
    // One that was stopped writes what is whole first.
    const before = atWork;
    let settle = (): void => {};
    atWork = new Promise((resolve) => (settle = resolve));
    await before;
    try {
      signal.throwIfAborted();
      await run(signal);
    } catch (error) {
      if (!signal.aborted && !isCancelled(error)) set({ importProblem: problemOf(error) });
    } finally {
      settle();
      if (stop.signal === signal) set({ importWork: null });
    }
  }

  async function look(choices: ImportChoices, signal: AbortSignal): Promise<void> {
    const { openPreferences, previewPreferences } = await readers();
    opened = null;
    const found = await openPreferences(places, openOptions(choices));
    signal.throwIfAborted();
    let prompts: readonly string[] = [];
    const preview = await previewPreferences(found, {
      ...rangeOf(choices),
      rater: choices.rater || undefined,
      // Counted below: the tokenizer is in the engine.
      countTooLong: async (all) => {
        prompts = all;
        return 0;
      },
      signal,
    });
    signal.throwIfAborted();
    opened = found;
    const store = await files().catch(() => null);
    const freeBytes = (await store?.available().catch(() => null)) ?? null;
    signal.throwIfAborted();
    const name = places.map((place) => place.name).join(', ');
    set({ bringing: { name, choices, preview, freeBytes, tooLong: null } });
    void countTooLong(prompts, signal);
  }

  /** How many prompts the chosen model does not read to the end. */
  async function countTooLong(prompts: readonly string[], signal: AbortSignal): Promise<void> {
    const model = chosenModel(get());
    if (!model || get().engineState !== 'ready') return;
    let tooLong = 0;
    try {
      for (let at = 0; at < prompts.length && !signal.aborted; at += PROMPTS_AT_ONCE) {
        const read = await get()
          .engine()
          .readPrompts({ base: model.id, adapters: [] }, prompts.slice(at, at + PROMPTS_AT_ONCE));
        tooLong += read.filter(({ lost }) => lost !== '').length;
      }
    } catch {
      // An engine that ended says so itself.
      return;
    }
    if (!signal.aborted) set(({ bringing }) => ({ bringing: bringing && { ...bringing, tooLong } }));
  }

  return {
    bringing: null,
    importWork: null,
    importProblem: null,
    imported: null,

    lookAtData: (find) =>
      work({ what: 'Looking at it' }, async (signal) => {
        set({ bringing: null, imported: null });
        places = await find(signal);
        signal.throwIfAborted();
        const name = places.map((place) => place.name).join(', ');
        // Where it cannot be read as it is, the person may say how.
        set({ bringing: { name, choices: noChoices, preview: null, freeBytes: null, tooLong: null } });
        await look(noChoices, signal);
      }),

    changeImport: (change) =>
      work({ what: 'Looking at it' }, async (signal) => {
        const { bringing } = get();
        if (!bringing) return;
        const choices = { ...bringing.choices, ...change };
        // Another format has other fields.
        if ('as' in change) choices.map = {};
        set({ bringing: { ...bringing, choices } });
        await look(choices, signal);
      }),

    bringIn: () =>
      work({ what: 'Bringing it in', done: 0, total: null, pairs: 0, refused: 0 }, async (signal) => {
        const { bringing } = get();
        if (!bringing || !opened) return;
        checkOwner(get(), t`Bring it in there, or take over here.`);
        const { name, choices } = bringing;
        const { importName, importPreferences, databaseSink } = await readers();
        const [database, store] = await Promise.all([db(), files()]);
        const { rater, fit } = choices;
        const options = {
          ...rangeOf(choices),
          rater: rater || undefined,
          sizing: fit === 'asRun' ? undefined : { fit },
        };
        try {
          const sink = databaseSink(database, store, await importName(opened, options));
          const imported = await importPreferences(opened, sink, {
            ...options,
            signal,
            onProgress: (progress) => !signal.aborted && set({ importWork: { what: 'Bringing it in', ...progress } }),
          });
          set({ imported: { ...imported, name }, bringing: null });
        } finally {
          // What is whole is here, however it ended.
          await get().readStored();
          void get().readStorage();
          void get().askToPersist();
        }
      }),

    stopImport() {
      stop.abort();
      set({ importWork: null });
    },

    forgetImport() {
      stop.abort();
      [places, opened] = [[], null];
      set({ bringing: null, importWork: null, importProblem: null });
    },
  };
};
