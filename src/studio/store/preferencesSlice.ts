/** Choices of this browser and what it says about storage. */
import { WinnowError } from '../../shared/errors.ts';
import { preferences, type Preferences, readDocument, writeDocument } from './persisted.ts';
import { db, files } from './services.ts';
import type { Slice } from './useStudio.ts';

export interface PreferencesSlice {
  preferences: Preferences;
  storage: { usageBytes: number; quotaBytes: number; persisted: boolean } | null;
  /** What this browser does not keep for the page, or refuses to: without records nothing can be judged or made, without files only what came
   *  with the studio can be judged. */
  lacks: { what: 'records' | 'files'; error: WinnowError } | null;
  checkStorage(): Promise<void>;
  setPreference<Key extends keyof Preferences>(key: Key, value: Preferences[Key]): void;
  readStorage(): Promise<void>;
  /** Asks the browser not to clear this site's data by itself. */
  askToPersist(): Promise<boolean>;
}

export const preferencesSlice: Slice<PreferencesSlice> = (set, get) => ({
  // Each has a default.
  preferences: readDocument(preferences) as Preferences,
  storage: null,
  lacks: null,

  async checkStorage() {
    const missing = async (open: () => Promise<unknown>): Promise<WinnowError | null> => {
      try {
        await open();
        return null;
      } catch (error) {
        return error instanceof WinnowError ? error : null;
      }
    };
    const [records, kept] = await Promise.all([missing(db), missing(files)]);
    set({
      lacks: records ? { what: 'records', error: records } : kept ? { what: 'files', error: kept } : null,
    });
  },

  setPreference(key, value) {
    const changed = { ...get().preferences, [key]: value };
    writeDocument(preferences, changed);
    set({ preferences: changed });
  },

  async readStorage() {
    if (!navigator.storage?.estimate) return;
    try {
      const [{ usage = 0, quota = 0 }, persisted] = await Promise.all([
        navigator.storage.estimate(),
        navigator.storage.persisted?.() ?? false,
      ]);
      set({ storage: { usageBytes: usage, quotaBytes: quota, persisted } });
    } catch {
      // A browser that refuses storage refuses to speak of it.
      set({ storage: null });
    }
  },

  async askToPersist() {
    const persisted = (await navigator.storage?.persist?.().catch(() => false)) ?? false;
    await get().readStorage();
    return persisted;
  },
});
