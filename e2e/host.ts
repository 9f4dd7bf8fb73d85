/** The built files on a static host as the plainest ones are (below a sub-path, without a header beyond the type), and what a page does there. */
import '../src/shared/disposable.ts';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { type BrowserContext, expect, type Page } from '@playwright/test';

const types: Record<string, string> = {
  '.css': 'text/css',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.json': 'application/json',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
};

export interface Host extends AsyncDisposable {
  address: string;
  /** After the end of a file, by its path: as a newer version of it. */
  added: Map<string, string>;
}

export const dist = join(import.meta.dirname, '../dist');

export async function staticHost(folder = dist, base = '/some/where/'): Promise<Host> {
  const added = new Map<string, string>();
  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url!, 'http://localhost');
    const path = pathname.startsWith(base) ? pathname.slice(base.length) || 'index.html' : '..';
    const file = join(folder, normalize(decodeURIComponent(path)));
    const found = file.startsWith(folder) ? await stat(file).catch(() => null) : null;
    if (!found?.isFile()) return void response.writeHead(404).end();
    response.writeHead(200, { 'Content-Type': types[extname(file)] ?? 'application/octet-stream' });
    const stream = createReadStream(file);
    stream.on('end', () => response.end(added.get(path)));
    stream.pipe(response, { end: false });
  }
  const server = createServer((request, response) => void serve(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `http://localhost:${(server.address() as AddressInfo).port}${base}`,
    added,
    async [Symbol.asyncDispose]() {
      if (!server.listening) return;
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** What leaves the origin, what the content security policy forbids, and every other complaint. */
export async function watch(context: BrowserContext, address: string): Promise<string[]> {
  const complaints: string[] = [];
  context.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith('http') && url.origin !== new URL(address).origin) complaints.push(`asked ${url.href}`);
  });
  context.on('weberror', (error) => complaints.push(error.error().message));
  context.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  await context.addInitScript(() =>
    addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
      // oxlint-disable-next-line no-console -- the test listens
      console.error(`${violatedDirective} forbids ${blockedURI}`),
    ),
  );
  return complaints;
}

export const pair = (page: Page): Promise<void> =>
  expect(page.getByRole('button', { name: 'Left image is better' }).locator('img')).toBeVisible();
export const kept = (page: Page): Promise<void> =>
  expect(page.getByText('this page opens without a network')).toBeVisible({ timeout: 300_000 });
