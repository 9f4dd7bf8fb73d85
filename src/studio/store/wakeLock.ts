/** Keeps the screen awake while training. The browser drops the lock when the page is hidden; it is asked for again when it shows. */
let wanted = false;
let sentinel: WakeLockSentinel | null = null;

export async function keepAwake(on: boolean): Promise<boolean> {
  wanted = on;
  if (!on) {
    await sentinel?.release().catch(() => undefined);
    sentinel = null;
    return false;
  }
  return request();
}

async function request(): Promise<boolean> {
  if (!navigator.wakeLock || document.visibilityState !== 'visible') return false;
  try {
    sentinel = await navigator.wakeLock.request('screen');
    return true;
  } catch {
    // Low battery or a policy forbids it: training goes on all the same.
    return false;
  }
}

if (typeof document !== 'undefined') {
  document.addEventListener('visibilitychange', () => {
    if (wanted && document.visibilityState === 'visible') void request();
  });
}
