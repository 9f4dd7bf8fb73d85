/** One tab works, others look: an exclusive Web Lock held for the whole visit. It also keeps Chrome's Energy Saver from freezing a
 *  hidden tab that trains. Taking over asks the owner to let go first, so that it can save; after a few seconds it takes. */
const lockName = 'winnow-owner';
const channelName = 'winnow-owner';
const patienceMs = 6000;

export interface Ownership {
  /** Called when another tab took over; `letGo` must have finished before the other may go on. */
  onLost(letGo: () => void): void;
}

/** Resolves to true with the lock held until it is taken, to false if another tab has it. */
export function claimOwnership(ownership: Ownership): Promise<boolean> {
  // Without Web Locks (very old browsers) there is no way to know of other tabs.
  if (!navigator.locks) return Promise.resolve(true);
  return new Promise((resolve) => hold({ ifAvailable: true }, ownership, resolve));
}

export async function takeOver(ownership: Ownership): Promise<void> {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a BroadcastChannel takes none
  new BroadcastChannel(channelName).postMessage('let go');
  const polite = new AbortController();
  const timer = setTimeout(() => polite.abort(), patienceMs);
  const held = await new Promise<boolean>((resolve) => hold({ signal: polite.signal }, ownership, resolve));
  clearTimeout(timer);
  if (!held) await new Promise<boolean>((resolve) => hold({ steal: true }, ownership, resolve));
}

function hold(options: LockOptions, ownership: Ownership, settled: (held: boolean) => void): void {
  let channel: BroadcastChannel | undefined;
  const release = (letGo: () => void): void => {
    channel?.close();
    ownership.onLost(letGo);
  };
  navigator.locks
    .request(lockName, options, (lock) => {
      if (!lock) return settled(false);
      settled(true);
      return new Promise<void>((letGo) => {
        channel = new BroadcastChannel(channelName);
        channel.addEventListener('message', () => release(letGo), { once: true });
      });
    })
    // Stolen, or the polite wait was given up before it was ours.
    .catch(() => (channel ? release(() => undefined) : settled(false)));
}
