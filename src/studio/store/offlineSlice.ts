/** Whether the studio opens without a network, whether a newer version of it waits, and whether it can be installed. */
import { canKeep, keepSite } from '../app/serviceWorker.ts';
import { atWorkInWords } from './ends.ts';
import type { Slice, Studio } from './useStudio.ts';

/** Chromium's: other browsers install from their own menus. */
interface InstallEvent extends Event {
  prompt(): Promise<unknown>;
}

export interface OfflineSlice {
  /** null: this browser, or a development server, keeps no sites. */
  keptOffline: 'coming' | 'kept' | { failed: string } | null;
  /** Shows the newer version that waits, in every tab; null while there is none. */
  changeVersion: (() => void) | null;
  /** Put off for this visit. */
  versionLater: boolean;
  /** The browser's own question; null where it has none, or it was answered. */
  install: (() => Promise<void>) | null;
  /** Keeps the site once the engine has what it needs for itself. Called once. */
  keepOffline(): void;
  leaveVersion(): void;
}

/** What a page that is loaded again would cut off. */
export const isAtWork = (studio: Studio): boolean =>
  atWorkInWords(studio) !== null ||
  studio.blind !== null ||
  studio.modelWork !== null ||
  studio.importWork !== null ||
  studio.projectWork !== null ||
  studio.saving ||
  studio.training ||
  studio.comparing ||
  studio.startingRound ||
  studio.judgeAtWork ||
  studio.judgingComparison ||
  studio.readingMargins;

export const offlineSlice: Slice<OfflineSlice> = (set, _, store) => ({
  keptOffline: null,
  changeVersion: null,
  versionLater: false,
  install: null,

  keepOffline() {
    addEventListener('beforeinstallprompt', (event) => {
      event.preventDefault();
      set({
        install: async () => {
          // It can be asked once.
          set({ install: null });
          await (event as InstallEvent).prompt();
        },
      });
    });
    addEventListener('appinstalled', () => set({ install: null }));
    if (!canKeep()) return;
    set({ keptOffline: 'coming' });
    const keep = (): void =>
      void keepSite({
        onKept: () => set({ keptOffline: 'kept' }),
        onNewer: (changeVersion) => set({ changeVersion, versionLater: false }),
        onFailed: (failed) => set({ keptOffline: { failed } }),
      });
    const stop = store.subscribe(({ engineState }) => {
      if (engineState === 'starting') return;
      stop();
      keep();
    });
  },

  leaveVersion: () => set({ versionLater: true }),
});
