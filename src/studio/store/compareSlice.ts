/** The same prompts and seeds through two models, a grid over two things, and one prompt through a run's checkpoints. */
import { actions } from './action.ts';
import type { ImageRecord, ModelRef } from '../../service/types.ts';
import type { GridAxis, GridCell } from './compareGrid.ts';
import { cellKey, comparedModels, compareSettingsFor, gridModels, pictureIn } from './compareSelectors.ts';
import { draftSettings, type PictureSettings } from './generateSelectors.ts';
import { baseModel, modelKey, modelNames, titleOf, tunedModel } from './models.ts';
import type { Problem } from './problem.ts';
import { bundledPrompts, drawPrompts } from './prompts.ts';
import type { Slice } from './useStudio.ts';

export const compareViews = ['sideBySide', 'slider', 'flicker', 'difference', 'together', 'grid', 'scrub'] as const;
export type CompareView = (typeof compareViews)[number];

export interface CompareSlice {
  compareA: ModelRef | null;
  compareB: ModelRef | null;
  /** Beyond two. */
  compareOthers: ModelRef[];
  comparePrompts: string[];
  compareSeeds: number[];
  /** How pictures are made for a comparison, by base model: as was chosen here; what is set on Generate is no matter. */
  compareSettings: Record<string, PictureSettings>;
  /** Index into comparePrompts and compareSeeds. */
  comparePosition: { prompt: number; seed: number };
  compareView: CompareView;
  /** By cellKey. */
  compareCells: Record<string, ImageRecord>;
  /** What each reference stands for now, by modelKey; null where the engine cannot say. What lies behind one may change under the same id. */
  modelHashes: Record<string, string | null>;
  /** The run whose steps the grid shows. */
  gridRun: string | null;
  gridX: GridAxis;
  gridY: GridAxis;
  compareProblem: Problem | null;
  /** Pictures for the comparison or the grid are being made, from the click on. */
  comparing: boolean;
  setCompare(
    change: Partial<
      Pick<
        CompareSlice,
        | 'compareA'
        | 'compareB'
        | 'compareOthers'
        | 'comparePrompts'
        | 'compareSeeds'
        | 'compareView'
        | 'gridRun'
        | 'gridX'
        | 'gridY'
      >
    >,
  ): void;
  /** Makes pictures of the chosen model from now on as the Generate screen would. */
  compareAsGenerated(): void;
  /** Makes pictures of every model from now on as it is by itself. */
  compareAsModelsAre(): void;
  moveCompare(by: { prompt?: number; seed?: number }): void;
  showComparison(prompt: number, seed: number): void;
  swapCompare(): void;
  adoptCompareDefaults(): void;
  compareWithRun(run: string): void;
  /** Images of the library serve as cells, whatever they were made for. */
  indexImages(images: readonly ImageRecord[]): void;
  /** Asks for those that are not known. */
  readModelHashes(models: readonly (ModelRef | null)[]): Promise<void>;
  /** What lies behind references has changed, or may have: of those that name a run or a LoRA file, or of all. */
  forgetModelHashes(about?: string): void;
  makeComparison(): Promise<void>;
  /** What is missing of the grid. */
  makeGrid(): Promise<void>;
  /** One prompt and seed through every checkpoint of the run. */
  makeScrub(): Promise<void>;
}

export const compareSlice: Slice<CompareSlice> = (set, get) => {
  const action = actions(set, get);
  let epoch = 0;

  /** What is missing of these cells. Switching adapters is the expensive axis: a request for each model, and of it for each way of drawing. */
  async function fill(cells: readonly GridCell[]): Promise<void> {
    const requests = new Map<string, [GridCell, ...GridCell[]]>();
    for (const cell of cells) {
      const key = JSON.stringify([modelKey(cell.model), cell.settings]);
      const of = requests.get(key);
      if (of) of.push(cell);
      else requests.set(key, [cell]);
    }
    const models = [...new Set(cells.map(({ model }) => modelKey(model)))];
    const placeOf = ([{ model }]: [GridCell, ...GridCell[]]): number => models.indexOf(modelKey(model));
    for (const [first, ...rest] of [...requests.values()].sort((a, b) => placeOf(a) - placeOf(b))) {
      const { model, settings } = first;
      await get().readModelHashes([model]);
      const find = pictureIn(get());
      const items = [first, ...rest]
        .filter(({ prompt, seed }) => !find(model, prompt, seed, settings))
        .map(({ prompt, seed }) => ({ prompt, seed }));
      if (!items.length) continue;
      await get().runImages('compare', titleOf(model, modelNames(get())), {
        ...compareSettingsFor(get(), model, settings),
        items,
      });
    }
  }

  const cellsOf = (model: ModelRef, prompts: readonly string[], seeds: readonly number[]): GridCell[] =>
    prompts.flatMap((prompt) => seeds.map((seed) => ({ model, prompt, seed, settings: {} })));

  return {
    compareA: null,
    compareB: null,
    compareOthers: [],
    comparePrompts: [],
    compareSeeds: [1, 2],
    compareSettings: {},
    comparePosition: { prompt: 0, seed: 0 },
    compareView: 'sideBySide',
    compareCells: {},
    modelHashes: {},
    gridRun: null,
    gridX: { kind: 'checkpoint', text: '' },
    gridY: { kind: 'seed', text: '' },
    compareProblem: null,
    comparing: false,

    setCompare(change) {
      set({ ...change });
      const { comparePrompts, compareSeeds, comparePosition } = get();
      set({
        comparePosition: {
          prompt: Math.min(comparePosition.prompt, Math.max(0, comparePrompts.length - 1)),
          seed: Math.min(comparePosition.seed, Math.max(0, compareSeeds.length - 1)),
        },
      });
    },

    compareAsGenerated: () =>
      set(({ compareSettings, draft }) => ({
        compareSettings: draft.base ? { ...compareSettings, [draft.base]: draftSettings(draft) } : compareSettings,
      })),

    compareAsModelsAre: () => set({ compareSettings: {} }),

    moveCompare({ prompt = 0, seed = 0 }) {
      const { comparePrompts, compareSeeds, comparePosition } = get();
      const wrap = (value: number, length: number): number => (length ? (value + length) % length : 0);
      set({
        comparePosition: {
          prompt: wrap(comparePosition.prompt + prompt, comparePrompts.length),
          seed: wrap(comparePosition.seed + seed, compareSeeds.length),
        },
      });
    },

    showComparison: (prompt, seed) => set({ comparePosition: { prompt, seed } }),

    swapCompare: () => set(({ compareA, compareB }) => ({ compareA: compareB, compareB: compareA })),

    adoptCompareDefaults() {
      const base = baseModel(get());
      const latest = get().runs.find((run) => run.checkpoints.length > 0 && run.model.base === base?.base);
      if (get().compareB === null && latest) get().compareWithRun(latest.id);
      set(({ compareA, compareB }) => ({ compareA: compareA ?? base, compareB: compareB ?? base }));
      if (!get().comparePrompts.length) {
        void bundledPrompts('test').then(
          (prompts) =>
            set(({ comparePrompts }) => (comparePrompts.length ? {} : { comparePrompts: drawPrompts(prompts, 3) })),
          () => undefined,
        );
      }
    },

    compareWithRun(id) {
      const run = get().runs.find((one) => one.id === id);
      if (run?.checkpoints.length) set({ compareA: run.model, compareB: tunedModel(run), gridRun: id });
    },

    indexImages(images) {
      const cells = images
        .filter((image) => !image.init)
        .map((image) => [cellKey(image, image.modelHash, image.prompt, image.seed), image]);
      set(({ compareCells }) => ({ compareCells: { ...compareCells, ...Object.fromEntries(cells) } }));
    },

    async readModelHashes(models) {
      // A run's checkpoints are asked for together; each is asked for once.
      const missing = new Map(
        models.flatMap((model) =>
          model && !(modelKey(model) in get().modelHashes) ? [[modelKey(model), model] as const] : [],
        ),
      );
      if (get().engineState !== 'ready') return;
      const asked = epoch;
      for (const [key, model] of missing) {
        const hash = await get()
          .engine()
          .modelHash(model)
          .catch(() => null);
        // Forgotten meanwhile: what was said may be of before.
        if (asked !== epoch) return get().readModelHashes(models);
        set(({ modelHashes }) => ({ modelHashes: { ...modelHashes, [key]: hash } }));
      }
    },

    forgetModelHashes(about = '') {
      epoch += 1;
      set(({ modelHashes }) => ({
        modelHashes: Object.fromEntries(Object.entries(modelHashes).filter(([key]) => !key.includes(about))),
      }));
    },

    makeComparison: () =>
      action({ problem: 'compareProblem', busy: 'comparing' }, async () => {
        const { compareSeeds } = get();
        const prompts = get().comparePrompts.filter(Boolean);
        for (const model of comparedModels(get())) await fill(cellsOf(model, prompts, compareSeeds));
      }),

    makeGrid: () =>
      action({ problem: 'compareProblem', busy: 'comparing' }, async () => {
        // Not before it is asked for: it knows every sampler.
        const { cellAt, placesOf } = await import('./compareGrid.ts');
        const [columns, rows] = [get().gridX, get().gridY].map((axis) => placesOf(axis, get()).places);
        await fill(columns!.flatMap((x) => rows!.flatMap((y) => cellAt(x, y, get()) ?? [])));
      }),

    makeScrub: () =>
      action({ problem: 'compareProblem', busy: 'comparing' }, async () => {
        const { gridRun, runs, comparePrompts, comparePosition, compareSeeds } = get();
        const run = runs.find((one) => one.id === gridRun);
        const prompt = comparePrompts[comparePosition.prompt];
        const seed = compareSeeds[comparePosition.seed];
        if (!run || prompt === undefined || seed === undefined) return;
        await fill(gridModels(run).flatMap(({ model }) => cellsOf(model, [prompt], [seed])));
      }),
  };
};
