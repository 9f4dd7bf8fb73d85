/** `npm run demo` builds a page of its own, outside the studio's output: with the same onnxruntime, which makes no code of text. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'vite';
import { expect, it } from 'vitest';

it('builds into a folder that is named by its whole path', async () => {
  const outDir = mkdtempSync(join(tmpdir(), 'winnow-demo-'));
  try {
    await build({ configFile: join(import.meta.dirname, 'vite.config.ts'), logLevel: 'error', build: { outDir } });
    const loaders = readdirSync(join(outDir, 'assets')).filter((name) => /^ort-wasm.*\.mjs$/.test(name));
    expect(loaders.length).toBeGreaterThan(0);
    for (const name of loaders)
      expect(readFileSync(join(outDir, 'assets', name), 'utf8')).not.toContain('new Function');
  } finally {
    rmSync(outDir, { recursive: true });
  }
}, 120_000);
