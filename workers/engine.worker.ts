/** The one GPU worker: makes the engine of this page and exposes its verbs. The page learns of its end, however it comes, by a lock. */
import '../src/shared/noEval.ts';
import * as Comlink from 'comlink';
import { embeddedModels } from '../src/data/embeddedModels.ts';
import { ModelStore } from '../src/data/modelStore.ts';
import { openOpfsStore } from '../src/data/opfs.ts';
import { afterEvents } from '../src/service/afterEvents.ts';
import { Engine } from '../src/service/engineService.ts';
import { type FolderReader, wholeFiles } from '../src/service/environment.ts';
import type { EngineService } from '../src/service/types.ts';
import { WinnowError } from '../src/shared/errors.ts';

// Relative to the page, which the worker's own address lies below.
const siteRoot = new URL(import.meta.env.BASE_URL === './' ? '../' : import.meta.env.BASE_URL, import.meta.url);

async function bytesAt(url: URL, cache?: RequestCache): Promise<Uint8Array<ArrayBuffer> | null> {
  const response = await fetch(url, cache && { cache });
  // A development server answers unknown paths with the page itself.
  if (!response.ok || response.headers.get('content-type')?.startsWith('text/html')) return null;
  return new Uint8Array(await response.arrayBuffer());
}

function embeddedFolder(id: string): FolderReader {
  return wholeFiles(
    async (path) => {
      const url = new URL(`models/${id}/${path}`, siteRoot);
      // Chromium's cache fails whoever reads an entry that was being written for a page that is gone: asked once more, past it.
      const bytes = await bytesAt(url).catch(() => bytesAt(url, 'no-store'));
      if (!bytes) throw new WinnowError('NotFound', `The model ${id} has no file ${path}.`, 'Reload the page.');
      return bytes;
    },
    { source: 'embedded' },
  );
}

async function sha256(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>);
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Some browsers tell, in steps. */
const { deviceMemory: gibOfMemory } = navigator as { deviceMemory?: number };

// The files open asynchronously; verbs that come before wait for them.
const engine = openOpfsStore().then(async (files) => {
  // What was exported before this page was opened has been saved by now.
  await files.remove('exports');
  return new Engine({
    gpu: navigator.gpu,
    hasOnnxWebgpu: true,
    memoryBytes: gibOfMemory && gibOfMemory * 2 ** 30,
    files,
    embeddedModels,
    openModel: (id) => (embeddedModels.includes(id) ? embeddedFolder(id) : new ModelStore(files).reader(id)),
    sha256,
    now: () => new Date(),
    newId: () => crypto.randomUUID(),
  });
});

type Verb = (...args: unknown[]) => unknown;

const verbs = new Proxy({} as EngineService, {
  get:
    (_, name) =>
    async (...args: unknown[]) => {
      const opened = await engine;
      return afterEvents((opened[name as keyof EngineService] as Verb).bind(opened))(...args);
    },
});

Comlink.expose(verbs);

const heldLock = `winnow-engine-${crypto.randomUUID()}`;
// Very old browsers have no locks; an end that raises no event is then not noticed.
void navigator.locks?.request(heldLock, () => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker's page is its only listener
  postMessage({ heldLock });
  return new Promise(() => {});
});

// A request that cannot be read would never be answered.
addEventListener('messageerror', () => {
  throw new Error('a request could not be read');
});
