/** Keeps the whole site in the browser, so that it opens without a network, and serves it with the headers that its host may not send. A new
 *  version is fetched beside the old one and waits until a person changes to it, or until no page is open. */
import { copyResponse, type PrecacheEntry, Serwist, type SerwistPlugin } from 'serwist';
import { siteHeaders } from '../src/shared/siteHeaders.ts';

declare const registration: ServiceWorkerRegistration;
/** Every file of the build, by tools/vite-service-worker.ts. */
declare const SITE_FILES: PrecacheEntry[];

/** The build of onnxruntime with WebGPU that this browser does not run (src/onnx/runtime.ts). */
const foreign = `ort-wasm-simd-threaded.${'Suspending' in WebAssembly ? 'asyncify' : 'jspi'}`;

const asKept: SerwistPlugin = {
  // Past the browser's cache: where the page asks for a file at the same moment, Chromium fails one of the two (ERR_CACHE_WRITE_FAILURE).
  requestWillFetch: async ({ request }) => new Request(request, { cache: 'no-store' }),
  cacheWillUpdate: async ({ response }) =>
    response.ok
      ? copyResponse(response, (init) => {
          const headers = new Headers(init.headers);
          // Of the bytes on the way.
          for (const name of ['content-encoding', 'content-length']) headers.delete(name);
          for (const [name, value] of Object.entries(siteHeaders)) headers.set(name, value);
          return { ...init, headers };
        })
      : null,
};

new Serwist({
  precacheEntries: SITE_FILES.filter(({ url }) => !url.includes(foreign)),
  precacheOptions: { plugins: [asKept], cleanupOutdatedCaches: true, fallbackToNetwork: true },
  clientsClaim: true,
  runtimeCaching: [
    {
      // All files of this version are kept. What is asked for beside them, such as a file that a model may have, is not there when its host is not.
      matcher: ({ sameOrigin, url }) => sameOrigin && url.href.startsWith(registration.scope),
      handler: ({ request }) => fetch(request).catch(() => new Response(null, { status: 404 })),
    },
  ],
}).addEventListeners();
