/** Vite plugin: takes onnxruntime-web's entries that load their WebAssembly from a file of its own, not the ones that carry the loader
 *  inside. The loader then starts its threads from that small file instead of from our bundle. The files themselves are named by
 *  src/onnx/files/ with `?url`, so Vite serves them in development and copies them to the output in a build. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { defaultClientConditions, type Plugin, type ResolvedConfig } from 'vite';
import { emvalCaller } from './emvalCaller.ts';

/** Where emscripten makes a function of text, which the content security policy forbids. */
const compiled = /\(new Function\(Object\.keys\((\w+)\),(\w+)\)\)\(\.\.\.Object\.values\(\1\)\)/g;

/** The loader without text that becomes code. Throws where it makes some in another way. */
export function withoutEval(loader: string): string {
  const patched = loader.replace(compiled, '$emvalCaller($1,$2)');
  if (/\bnew Function\b|\beval\(/.test(patched))
    throw new Error('onnxruntime makes code of text in a way that tools/vite-ort-assets.ts does not know.');
  return patched === loader ? loader : `${patched}\nconst $emvalCaller=${emvalCaller};\n`;
}

export function ortAssets(): Plugin {
  let config: ResolvedConfig;
  return {
    name: 'winnow:ort-assets',
    config: () => ({ resolve: { conditions: ['onnxruntime-web-use-extern-wasm', ...defaultClientConditions] } }),
    configResolved: (resolved) => void (config = resolved),
    // The worker's build, which emits them, runs no plugins of the page's.
    writeBundle() {
      if (config.command !== 'build' || config.isWorker) return;
      const assets = resolve(config.root, config.build.outDir, config.build.assetsDir);
      for (const name of readdirSync(assets).filter((one) => /^ort-wasm.*\.mjs$/.test(one))) {
        const file = join(assets, name);
        writeFileSync(file, withoutEval(readFileSync(file, 'utf8')));
      }
    },
  };
}
