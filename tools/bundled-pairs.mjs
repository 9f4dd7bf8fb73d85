/** Makes the pairs that are there at the first visit, with the embedded model and the command line: `node tools/bundled-pairs.mjs`.
 *  Prompts are spread over the train list's categories; seeds are drawn from 0 and stand in pairs.json. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

const count = 12;
const { train } = JSON.parse(readFileSync('public/prompts/categories.json', 'utf8'));
const lists = Object.values(train);
// Evenly spaced through each category's list, one category after the other.
const prompts = Array.from({ length: count }, (_, i) => {
  const list = lists[i % lists.length];
  return list[Math.floor((list.length * (Math.floor(i / lists.length) + 0.5)) / Math.ceil(count / lists.length))];
});
const model = process.argv[2] ?? 'postcard';
const work = mkdtempSync(join(tmpdir(), 'pairs-'));
try {
  writeFileSync(join(work, 'prompts.txt'), `${prompts.join('\n')}\n`);
  const args = [
    'tools/cli/winnow.mjs',
    'pairs',
    model,
    '--prompts',
    join(work, 'prompts.txt'),
    '--count',
    String(count),
    '--seed',
    '0',
    '--backend',
    'onnx',
    '--out',
    join(work, 'out'),
  ];
  if (spawnSync(process.execPath, args, { stdio: 'inherit' }).status !== 0) process.exit(1);
  const pairs = readFileSync(join(work, 'out', 'pairs.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  rmSync('public/pairs', { recursive: true, force: true });
  mkdirSync('public/pairs', { recursive: true });
  const bundled = pairs.map((pair, n) => ({
    ...pair,
    // Another model's pairs are other pairs: a browser may still hold the old ones.
    id: `bundled-${pair.images[0].modelHash.slice(0, 8)}-${n}`,
    origin: 'bundled',
    images: pair.images.map((image, i) => {
      const name = `${String(n).padStart(2, '0')}-${'ab'[i]}`;
      for (const [file, ending] of [
        [image.file, 'png'],
        [image.latentsFile, 'safetensors'],
      ])
        copyFileSync(join(work, 'out', 'images', basename(file)), join('public/pairs', `${name}.${ending}`));
      return {
        ...image,
        id: `bundled-${image.modelHash.slice(0, 8)}-${name}`,
        model: { base: model, adapters: [] },
        file: `pairs/${name}.png`,
        latentsFile: `pairs/${name}.safetensors`,
      };
    }),
  }));
  writeFileSync('public/pairs/pairs.json', `${JSON.stringify(bundled, null, 2)}\n`);
} finally {
  rmSync(work, { recursive: true, force: true });
}
