import type { LoraPartCounts } from '../../service/types.ts';

/** Small choices of this browser, kept in localStorage: nothing here is worth more than a convenience. */
export interface Preferences {
  /** Shortcuts of one key without a modifier (WCAG 2.1.4). */
  singleKeys: boolean;
  keepMakingPairs: boolean;
  /** 0 to 0.99. */
  smoothing: number;
  /** LoRA files that were brought in, newest first. */
  loras: {
    file: string;
    name: string;
    rank: number;
    format: 'kohya' | 'peft';
    /** The model it was checked against; the embedded one where nothing is said. */
    base?: string;
    /** Layers of each net that it changes; not known of those that came in before it was kept. */
    parts?: LoraPartCounts;
  }[];
  /** The model that is worked with, by its id; null: the embedded one. */
  baseModel: string | null;
  welcomeSeen: boolean;
}

const key = 'winnow.preferences';

const defaults: Preferences = {
  singleKeys: true,
  keepMakingPairs: false,
  smoothing: 0.6,
  loras: [],
  baseModel: null,
  welcomeSeen: false,
};

export function readPreferences(): Preferences {
  try {
    return { ...defaults, ...(JSON.parse(localStorage.getItem(key) ?? '{}') as Partial<Preferences>) };
  } catch {
    // Blocked or damaged: the defaults do.
    return defaults;
  }
}

export function writePreferences(preferences: Preferences): void {
  try {
    localStorage.setItem(key, JSON.stringify(preferences));
  } catch {
    // Private browsing may refuse; the choice then lasts for this visit.
  }
}
