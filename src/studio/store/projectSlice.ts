/** The project file: everything that was made here, taken away and brought back. */
import { t } from '@lingui/core/macro';
import type { CheckedProject } from '../../data/project/restore.ts';
import { storeBundledFiles } from '../../data/pairs.ts';
import type { ProjectManifest } from '../../data/project/manifest.ts';
import { checkOwner } from './action.ts';
import { restoreDrafts } from './drafts.ts';
import { heldTexts, holdTexts, preferences, type Preferences, readDocument, writeDocument } from './persisted.ts';
import { isCancelled, type Problem, problemOf } from './problem.ts';
import { db, files, siteBase, TAKEN, takenPath } from './services.ts';
import type { TakenFile } from './takeAwaySlice.ts';
import type { Slice, Studio } from './useStudio.ts';

export interface ProjectSlice {
  /** A project file that was looked through and is whole, and what it would bring. */
  project: CheckedProject | null;
  projectWork: { what: 'Looking through it' | 'Bringing it back'; share: number } | null;
  projectProblem: Problem | null;
  /** What the last one brought. */
  restored: { name: string; counts: ProjectManifest['counts']; conflicts: number } | null;
  /** What can be saved: bytes without models, and the models that can come along. */
  projectSize: { files: number; models: { id: string; title: string; bytes: number }[] } | null;
  readProjectSize(): Promise<void>;
  /** Rejects with what went wrong.
   *  @param models ids of stored models whose files come along. */
  saveProject(models: readonly string[], onProgress: (share: number) => void): Promise<TakenFile>;
  /** Looks through a project file. Nothing is written. */
  openProject(file: File): Promise<void>;
  restoreProject(): Promise<void>;
  /** Stops what is under way, and forgets the file. */
  forgetProject(): void;
  /** What a restore that was cut off had written goes again, and what was put together to be taken away. Before anything is read. */
  clearLeftovers(): Promise<void>;
}

/** Loaded when it is first needed: readers and writers of zips. */
const saving = () => import('../../data/project/save.ts');
const restoring = () => import('../../data/project/restore.ts');

/** Where nothing was made yet the studio becomes the one that was saved; else only people and LoRAs are added. */
function applySettings(
  saved: unknown,
  { isNew, set, get }: { isNew: boolean; set: (part: Partial<Studio>) => void; get: () => Studio },
): void {
  const here = get().preferences;
  holdTexts(saved, isNew ? undefined : [preferences.key]);
  // Read as whatever is kept: checked, value by value.
  const theirs = readDocument(preferences) as Preferences;
  const added = <T>(own: readonly T[], others: readonly T[], keyOf: (one: T) => string): T[] => [
    ...own,
    ...others.filter((one) => !own.some((mine) => keyOf(mine) === keyOf(one))),
  ];
  const merged: Preferences = {
    ...(isNew ? theirs : here),
    raters: added(here.raters, theirs.raters, ({ name }) => name.toLowerCase()),
    loras: added(here.loras, theirs.loras, ({ file }) => file),
  };
  writeDocument(preferences, merged);
  set({ preferences: merged });
  if (isNew) restoreDrafts();
}

export const projectSlice: Slice<ProjectSlice> = (set, get) => {
  let stop = new AbortController();

  /** One at a time; what fails is said on the screen. */
  async function work(
    what: NonNullable<ProjectSlice['projectWork']>['what'],
    run: (signal: AbortSignal, onProgress: (done: { doneBytes: number; totalBytes: number }) => void) => Promise<void>,
  ): Promise<void> {
    if (get().projectWork) return;
    stop = new AbortController();
    const { signal } = stop;
    set({ projectWork: { what, share: 0 }, projectProblem: null });
    try {
      checkOwner(get(), t`Bring it back there, or take over here.`);
      await run(signal, ({ doneBytes, totalBytes }) => {
        const share = totalBytes ? doneBytes / totalBytes : 1;
        // Not at every piece of a file.
        if (share - (get().projectWork?.share ?? 0) >= 0.005) set({ projectWork: { what, share } });
      });
    } catch (error) {
      if (!isCancelled(error)) set({ projectProblem: problemOf(error) });
    } finally {
      set({ projectWork: null });
    }
  }

  return {
    project: null,
    projectWork: null,
    projectProblem: null,
    restored: null,
    projectSize: null,

    async readProjectSize() {
      try {
        const [{ projectSize }, store] = await Promise.all([saving(), files()]);
        set({ projectSize: await projectSize(store) });
      } catch {
        // A browser without files has nothing to save; above every screen it is said.
        set({ projectSize: null });
      }
    },

    async saveProject(models, onProgress) {
      const { activeRun, pairs, runs } = get();
      const [{ saveProject }, database, store] = await Promise.all([saving(), db(), files()]);
      // As the page opens they are still being put into their place. Where their host is gone, the other studio has its own.
      await storeBundledFiles(siteBase, store, pairs).catch(() => undefined);
      const run = runs.find(({ id }) => id === activeRun);
      const atWork = run && run.status !== 'paused' ? run.name || run.id : undefined;
      const path = takenPath('project.zip');
      await saveProject({ files: store, db: database, settings: heldTexts(), models, atWork }, path, {
        onProgress: ({ doneBytes, totalBytes }) => onProgress(totalBytes ? doneBytes / totalBytes : 1),
      });
      const bytes = (await store.open(path)).blob ?? new Blob([await store.read(path)]);
      return { name: `winnow-${new Date().toISOString().slice(0, 10)}.zip`, bytes, type: 'application/zip' };
    },

    openProject: (file) =>
      work('Looking through it', async (signal, onProgress) => {
        set({ project: null, restored: null });
        // What comes with the studio is being put into its place as the page opens.
        await get().readStored();
        const [{ checkProject }, database, store] = await Promise.all([restoring(), db(), files()]);
        set({ project: await checkProject(file, file.name, { files: store, db: database }, { signal, onProgress }) });
      }),

    restoreProject: () =>
      work('Bringing it back', async (signal, onProgress) => {
        const { project } = get();
        if (!project) return;
        const isNew = get().labelEvents.length === 0 && get().images.length === 0 && get().runs.length === 0;
        const [{ restoreProject }, database, store] = await Promise.all([restoring(), db(), files()]);
        await restoreProject(project, { files: store, db: database }, { signal, onProgress });
        applySettings(project.settings, { isNew, set, get });
        const { name, manifest, conflicts } = project;
        set({ project: null, restored: { name, counts: manifest.counts, conflicts: conflicts.length } });
        await get().readStored();
        // A model that came along is opened as at the start of the studio.
        if (manifest.models.some(({ included }) => included)) await get().restartEngine();
        else await get().readRuns();
        void get().readStorage();
      }),

    forgetProject() {
      stop.abort();
      set({ project: null, projectProblem: null });
    },

    async clearLeftovers() {
      try {
        const store = await files();
        await store.remove(TAKEN);
        // Most often there is none, and nothing more to load.
        if (!(await store.exists('restoring.json'))) return;
        const { undoCutRestore } = await restoring();
        await undoCutRestore(store, await db());
      } catch {
        // A browser without files or records has nothing to undo.
      }
    },
  };
};
