/** What is being taken away: one thing at a time, and it goes on while other screens are looked at. */
import type { Slice } from './useStudio.ts';

export interface TakenFile {
  name: string;
  bytes: Blob | string;
  type: string;
}

export interface TakeAwaySlice {
  /** What is being built, and how much of it is done, from 0 to 1. */
  taking: { what: string; share: number } | null;
  /** Rejects with what went wrong. @returns undefined where something is being taken already. */
  take(
    what: string,
    make: (onProgress: (share: number) => void) => TakenFile | Promise<TakenFile>,
  ): Promise<TakenFile | undefined>;
}

export const takeAwaySlice: Slice<TakeAwaySlice> = (set, get) => ({
  taking: null,

  async take(what, make) {
    if (get().taking) return undefined;
    set({ taking: { what, share: 0 } });
    let over = false;
    try {
      // A worker that ended may still have events on the way.
      return await make((share) => over || set({ taking: { what, share } }));
    } finally {
      over = true;
      set({ taking: null });
    }
  },
});
