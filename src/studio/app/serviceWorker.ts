/** The only file that names the service worker (workers/service.worker.ts). In development there is none. */
import { t } from '@lingui/core/macro';

export interface WorkerNews {
  /** The site is kept: it opens without a network. */
  onKept(): void;
  /** A newer version is kept beside this one. `change` makes every open page show that. */
  onNewer(change: () => void): void;
  /** It could not be kept: no room, a server that sends it wrongly, or a browser that does not want to. */
  onFailed(why: string): void;
}

/** A browser's cache may give up a file that the page asks for at the same time. What has come is not fetched again. */
const tries = 3;
const tryAgainMs = 5000;

/** A tab that stays open asks for a newer version by itself. */
const askAgainMs = 60 * 60_000;

export const canKeep = (): boolean => import.meta.env.PROD && 'serviceWorker' in navigator;

/** Has the site kept in the browser, and newer versions of it told of. Every page is loaded again when another version takes over: see `change`. */
export async function keepSite({ onKept, onNewer, onFailed }: WorkerNews): Promise<void> {
  const { serviceWorker } = navigator;
  let controlled = serviceWorker.controller !== null;
  serviceWorker.addEventListener('controllerchange', () => {
    // The first one takes the page over as it is.
    if (controlled) location.reload();
    controlled = true;
  });
  const followed = new Set<ServiceWorker>();
  async function keep(left: number): Promise<void> {
    try {
      const registration = await serviceWorker.register(new URL('service-worker.js', document.baseURI));
      const follow = (worker: ServiceWorker): void => {
        if (followed.has(worker)) return;
        followed.add(worker);
        const seen = (): void => {
          if (worker.state === 'installed' && registration.active && registration.active !== worker)
            // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker has no origin to name
            onNewer(() => worker.postMessage({ type: 'SKIP_WAITING' }));
          else if (worker.state === 'activated') onKept();
          else if (worker.state === 'redundant' && !registration.active) {
            if (left > 1) setTimeout(() => void keep(left - 1), tryAgainMs);
            else onFailed(t`not every file came, or there is no room`);
          }
        };
        worker.addEventListener('statechange', seen);
        seen();
      };
      registration.addEventListener('updatefound', () => registration.installing && follow(registration.installing));
      for (const worker of [registration.active, registration.waiting, registration.installing])
        if (worker) follow(worker);
    } catch (error) {
      onFailed(error instanceof Error ? error.message : String(error));
    }
  }
  await keep(tries);
  const askAgain = async (): Promise<unknown> => (await serviceWorker.getRegistration())?.update();
  setInterval(() => void askAgain().catch(() => undefined), askAgainMs);
}
