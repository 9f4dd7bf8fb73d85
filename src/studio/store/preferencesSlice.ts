/** Choices of this browser and what it says about storage. */
import { type Preferences, readPreferences, writePreferences } from './preferences.ts';
import type { Slice } from './useStudio.ts';

export interface PreferencesSlice {
  preferences: Preferences;
  storage: { usageBytes: number; quotaBytes: number; persisted: boolean } | null;
  setPreference<Key extends keyof Preferences>(key: Key, value: Preferences[Key]): void;
  readStorage(): Promise<void>;
  /** Asks the browser not to clear this site's data by itself. */
  askToPersist(): Promise<boolean>;
}

export const preferencesSlice: Slice<PreferencesSlice> = (set, get) => ({
  preferences: readPreferences(),
  storage: null,

  setPreference(key, value) {
    const preferences = { ...get().preferences, [key]: value };
    writePreferences(preferences);
    set({ preferences });
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
