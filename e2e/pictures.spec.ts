/** Pictures of elsewhere are the same bytes in a worker of the browser as under Node: a run can go on in the other. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { createServer } from 'vite';

const root = join(import.meta.dirname, '..');
const folder = join(root, 'tools/reference/pictures');

interface Decoder {
  decodePicture(bytes: Uint8Array): Promise<{ width: number; height: number; data: Uint8Array }>;
}

test('decodes every picture to the bytes that Node has, or refuses it in the same words', async ({ page }) => {
  const names = readdirSync(folder).filter((name) => /\.(jpg|png|webp)$/.test(name));
  const bytesOf = (name: string): Buffer => readFileSync(join(folder, name));
  const server = await createServer({ root, logLevel: 'error', server: { host: '127.0.0.1', port: 0 } });
  try {
    await server.listen();
    const { decodePicture } = (await server.ssrLoadModule('/src/data/formats/picture.ts')) as Decoder;
    const here: Record<string, string> = {};
    for (const name of names)
      here[name] = await decodePicture(new Uint8Array(bytesOf(name))).then(
        ({ width, height, data }) => `${width}x${height} ${createHash('sha256').update(data).digest('hex')}`,
        (error: Error) => error.message,
      );
    const site = server.resolvedUrls!.local[0]!;
    await page.goto(`${site}LICENSE`);
    const there = await page.evaluate(
      async ([module, files]) => {
        const code = `
          import { decodePicture } from '${module}';
          const hex = (bytes) => [...new Uint8Array(bytes)].map((x) => x.toString(16).padStart(2, '0')).join('');
          const told = async ({ width, height, data }) =>
            \`\${width}x\${height} \${hex(await crypto.subtle.digest('SHA-256', data))}\`;
          onmessage = async ({ data: files }) => {
            const found = {};
            for (const [name, bytes] of Object.entries(files))
              found[name] = await decodePicture(Uint8Array.from(bytes)).then(told, (error) => error.message);
            postMessage(found);
          };`;
        const worker = new Worker(URL.createObjectURL(new Blob([code], { type: 'text/javascript' })), {
          type: 'module',
        });
        return new Promise<Record<string, string>>((resolve, reject) => {
          worker.addEventListener('message', ({ data }) => resolve(data as Record<string, string>));
          worker.addEventListener('error', ({ message }) => reject(new Error(message || 'the worker did not start')));
          worker.postMessage(files, []);
        });
      },
      [
        `${site}src/data/formats/picture.ts`,
        Object.fromEntries(names.map((name) => [name, [...bytesOf(name)]])),
      ] as const,
    );
    expect(there).toEqual(here);
    expect(names.length).toBeGreaterThan(40);
  } finally {
    await server.close();
  }
});
