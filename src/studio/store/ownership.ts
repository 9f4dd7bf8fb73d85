/** One tab works, others look: an exclusive Web Lock held for the whole visit. It also keeps Chrome's Energy Saver from freezing a
 *  hidden tab that trains. Taking over asks the owner to let go first: an owner that answers is given the time to save what it trains, one
 *  that does not answer for a few seconds is taken from. */
const lockName = 'winnow-owner';
const channelName = 'winnow-owner';
const patienceMs = 6000;

/** A save takes a step and the writing of its state: seconds, for a large model on a slow disk up to this. */
export const saveMs = 60_000;

export interface Ownership {
  /** Called when another tab asks, with what lets it go on: nothing may be at work then. null: it has taken over already. */
  onLost(letGo: (() => void) | null): void;
}

/** Resolves to true with the lock held until it is taken, to false if another tab has it. */
export function claimOwnership(ownership: Ownership): Promise<boolean> {
  // Without Web Locks (very old browsers, or blocked for this site) there is no way to know of other tabs.
  if (!navigator.locks) return Promise.resolve(true);
  return new Promise((resolve) => hold({ ifAvailable: true }, ownership, resolve, () => resolve(true)));
}

/** Whether any tab has the lock: the one that had it may have been closed. */
export async function isOwned(): Promise<boolean> {
  const { held = [] } = await navigator.locks.query();
  return held.some(({ name }) => name === lockName);
}

export async function takeOver(ownership: Ownership): Promise<void> {
  if (!navigator.locks) return;
  const channel = new BroadcastChannel(channelName);
  const polite = new AbortController();
  let timer = setTimeout(() => polite.abort(), patienceMs);
  channel.addEventListener('message', ({ data }) => {
    if (data !== 'letting go') return;
    clearTimeout(timer);
    timer = setTimeout(() => polite.abort(), saveMs + patienceMs);
  });
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a BroadcastChannel takes none
  channel.postMessage('let go');
  const held = await new Promise<boolean>((resolve) =>
    hold({ signal: polite.signal }, ownership, resolve, () => resolve(false)),
  );
  clearTimeout(timer);
  channel.close();
  if (!held) await new Promise<boolean>((resolve) => hold({ steal: true }, ownership, resolve, () => resolve(true)));
}

/** @param refused there is no lock to be had: given up, or the browser gives none. */
function hold(options: LockOptions, ownership: Ownership, settled: (held: boolean) => void, refused: () => void): void {
  let channel: BroadcastChannel | undefined;
  navigator.locks
    .request(lockName, options, (lock) => {
      if (!lock) return settled(false);
      settled(true);
      return new Promise<void>((letGo) => {
        const own = (channel = new BroadcastChannel(channelName));
        const asked = ({ data }: MessageEvent): void => {
          if (data !== 'let go') return;
          own.removeEventListener('message', asked);
          // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a BroadcastChannel takes none
          own.postMessage('letting go');
          ownership.onLost(letGo);
        };
        own.addEventListener('message', asked);
      });
    })
    .catch(() => {
      // Stolen, where it was ours.
      if (channel) ownership.onLost(null);
      else refused();
    })
    .finally(() => channel?.close());
}
