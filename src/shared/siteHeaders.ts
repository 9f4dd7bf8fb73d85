/** Headers that the studio's files are served with: by our own server, by hosts that read `_headers`, and by the service worker everywhere else. */

/** Gives onnxruntime its wasm threads. The studio works without, on one thread. */
export const isolationHeaders = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/** No script but the studio's own files, none made of text. A person may bring models and data from any host: what is fetched is data alone. Mantine
 *  writes its variables into a style element. */
export const contentSecurityPolicy = [
  "default-src 'self'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' blob: data:",
  "connect-src 'self' blob: data: https: http:",
  "worker-src 'self'",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

export const siteHeaders = { ...isolationHeaders, 'Content-Security-Policy': contentSecurityPolicy };
