/** Requests to a hub with named errors and patience: a connection that drops, an answer that stalls, a busy server are tried again. */
import { WinnowError } from '../../shared/errors.ts';

export interface HubAccess {
  fetch: typeof fetch;
  /** Resolves after that many milliseconds, or as soon as `aborted` aborts. */
  sleep(ms: number, aborted?: AbortSignal): Promise<void>;
  /** Without a byte for so long, a connection counts as lost. */
  stallMs: number;
}

export const hubAccess: HubAccess = {
  // A worker's own fetch refuses to be called as a method of another object.
  fetch: (...args) => fetch(...args),
  sleep: (ms, aborted) =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      aborted?.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
    }),
  stallMs: 30_000,
};

/** A server that asks for a longer wait is not waited for. */
const LONGEST_WAIT_MS = 120_000;
/** Attempts that bring nothing, one after another. */
const ATTEMPTS = 5;

/** Something that may go better the next time. */
export class Transient extends Error {
  readonly error: WinnowError;
  /** What the server asks for. */
  readonly waitMs: number | undefined;

  constructor(error: WinnowError, waitMs?: number) {
    super(error.what);
    this.error = error;
    this.waitMs = waitMs;
  }
}

/** Before the attempt after number `attempt`. */
const backoffMs = (attempt: number): number => 1000 * 2 ** (attempt - 1);

export interface Job {
  check(): void;
  readonly aborted: AbortSignal;
}

/** Tries `work` until it succeeds or fails for good. `progress` says how far it has come, in bytes: an attempt that brought much is not counted. */
export async function patiently<T>(
  access: HubAccess,
  job: Job,
  work: () => Promise<T>,
  {
    attempts = ATTEMPTS,
    progress = async () => 0,
    onRetry = () => {},
  }: { attempts?: number; progress?: () => Promise<number>; onRetry?: (reason: string, attempt: number) => void } = {},
): Promise<T> {
  let most = await progress();
  for (let attempt = 1; ; attempt++) {
    job.check();
    try {
      return await work();
    } catch (error) {
      job.check();
      if (!(error instanceof Transient)) throw error;
      // Further than ever: a server that always starts again from the first byte gets no more attempts for it.
      const now = await progress();
      if (now - most >= 2 ** 20) attempt = 1;
      most = Math.max(most, now);
      if (attempt >= attempts || (error.waitMs ?? 0) > LONGEST_WAIT_MS) throw error.error;
      onRetry(error.error.what, attempt);
      await access.sleep(error.waitMs ?? backoffMs(attempt), job.aborted);
    }
  }
}

export const lostConnection = (host: string, why: string): Transient =>
  new Transient(
    new WinnowError(
      'NoNetwork',
      `The connection to ${host} failed (${why}).`,
      'Check the network, and the host, then go on; what has arrived is kept.',
    ),
  );

/** One GET. Resolves with an answer of 200 or 206 (or 416 where a range was asked for); rejects with Transient, or an error that a person can act on.
 *  @param what it is that is asked for, in errors: `owner/name`. */
export async function get(
  access: HubAccess,
  url: string,
  { what, range, signal }: { what: string; range?: string | undefined; signal: AbortSignal },
): Promise<Response> {
  const { host } = new URL(url);
  let response: Response;
  try {
    // What goes to storage is not to lie in the browser's cache as well.
    response = await access.fetch(url, {
      headers: range ? { Range: range } : {},
      signal,
      credentials: 'omit',
      cache: 'no-store',
    });
  } catch (error) {
    throw lostConnection(host, reasonOf(error));
  }
  if (response.status === 200 || response.status === 206 || (range && response.status === 416)) return response;
  await response.body?.cancel();
  throw refusal(response, host, what);
}

/** `terminated` alone says little; Node has the reason in the cause. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  return cause instanceof Error && cause.message ? cause.message : error.message;
}

/** https://huggingface.co names what is wrong in X-Error-Code, and answers 401 for what does not exist, too. */
function refusal(response: Response, host: string, what: string): Error {
  const { status } = response;
  const code = response.headers.get('X-Error-Code');
  if (status === 401 || status === 403) {
    return code === 'GatedRepo'
      ? new WinnowError(
          'AccessDenied',
          `${host} gives ${what} only to people who have accepted its terms.`,
          'Accept them on its page, download the folder there, and import it from disk.',
        )
      : new WinnowError(
          'AccessDenied',
          `${host} does not give ${what} to everybody: it is private, gated, or does not exist.`,
          'Check the spelling; or download it there with an account, and import the folder from disk.',
        );
  }
  if (status === 404 || status === 410) {
    const missing =
      code === 'RevisionNotFound'
        ? `${what} has no such revision`
        : code === 'EntryNotFound'
          ? `${what} no longer has a file that it listed`
          : `there is no ${what}`;
    return new WinnowError(
      'NotFound',
      `On ${host}, ${missing}.`,
      'Check the spelling: owner/name, and a branch, tag or commit of it.',
    );
  }
  if (status === 429) {
    const waitMs = retryAfterMs(response.headers.get('Retry-After'));
    const when = waitMs === undefined ? 'a few minutes' : `${Math.ceil(waitMs / 1000)} seconds`;
    return new Transient(
      new WinnowError(
        'RateLimited',
        `${host} has had too many requests from here.`,
        `Go on in ${when}; what has arrived is kept.`,
      ),
      waitMs,
    );
  }
  if (status >= 500 || status === 408)
    return new Transient(
      new WinnowError(
        'DownloadFailed',
        `${host} answers with an error (${status}).`,
        'Try again later; what has arrived is kept.',
      ),
    );
  return new WinnowError('DownloadFailed', `${host} refuses ${what} (${status}).`, 'Check the host.');
}

/** Seconds, or a date. */
function retryAfterMs(value: string | null): number | undefined {
  if (value === null) return undefined;
  const seconds = Number(value);
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}

/** The pieces of an answer's body as they come. Rejects with Transient where it stalls or breaks off. */
export async function* pieces(response: Response, stalled: { restart(): void }): AsyncGenerator<Uint8Array> {
  const host = new URL(response.url || 'http://hub').host;
  const reader = response.body!.getReader();
  try {
    for (;;) {
      stalled.restart();
      const { done, value } = await reader.read().catch((error: unknown) => {
        throw lostConnection(host, reasonOf(error));
      });
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** Aborts with the job, by itself where `restart` was not called for too long, and with its end: an answer that is not wanted any more holds no
 *  connection. */
export function stallGuard(job: Job, ms: number): { signal: AbortSignal; restart(): void; end(): void } {
  const controller = new AbortController();
  let timer: ReturnType<typeof setTimeout>;
  const restart = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => controller.abort(new Error(`nothing came for ${ms / 1000} seconds`)), ms);
  };
  const follow = (): void => controller.abort(new Error('cancelled'));
  job.aborted.addEventListener('abort', follow, { once: true });
  restart();
  return {
    signal: controller.signal,
    restart,
    end: () => {
      clearTimeout(timer);
      job.aborted.removeEventListener('abort', follow);
      controller.abort(new Error('over'));
    },
  };
}
