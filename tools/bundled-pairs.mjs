/** Makes the pairs that are there at the first visit, with the embedded model and the command line:
 *  `PYTHON=.venv/bin/python node tools/bundled-pairs.mjs` (tools/base-model/requirements.txt). Several pairs are made of each of some prompts
 *  of the train list, with seeds from 0 on; of their pictures the pairs that teach most are put together, those that teach most first
 *  (tools/base-model/choose_pairs.py). */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

const count = 24;
const perCategory = 10;
const pairsOfAPrompt = 4;
const { train } = JSON.parse(readFileSync('public/prompts/categories.json', 'utf8'));
// Evenly spaced through each category's list.
const prompts = Object.values(train).flatMap((list) =>
  Array.from({ length: perCategory }, (_, i) => list[Math.floor((list.length * (i + 0.5)) / perCategory)]),
);
const candidates = prompts.flatMap((prompt) => Array(pairsOfAPrompt).fill(prompt));
const model = process.argv[2] ?? 'postcard';

function run(command, ...args) {
  const { status, stdout } = spawnSync(command, args, { stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' });
  if (status !== 0) process.exit(1);
  return stdout;
}

const work = mkdtempSync(join(tmpdir(), 'pairs-'));
try {
  writeFileSync(join(work, 'prompts.txt'), `${candidates.join('\n')}\n`);
  const options = {
    prompts: join(work, 'prompts.txt'),
    count: candidates.length,
    seed: 0,
    backend: 'onnx',
    out: join(work, 'out'),
  };
  const given = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  run(process.execPath, 'tools/cli/winnow.mjs', 'pairs', model, ...given);
  const folder = join('public/models', model);
  const python = process.env.PYTHON ?? 'python';
  const chosen = run(python, 'tools/base-model/choose_pairs.py', folder, join(work, 'out'), '--count', String(count));
  const pairs = readFileSync(join(work, 'out', 'pairs.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const kept = JSON.parse(chosen).map((sides) => ({
    ...pairs[sides[0][0]],
    images: sides.map(([pair, side]) => pairs[pair].images[side]),
  }));
  rmSync('public/pairs', { recursive: true, force: true });
  mkdirSync('public/pairs', { recursive: true });
  const bundled = kept.map((pair, n) => ({
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
