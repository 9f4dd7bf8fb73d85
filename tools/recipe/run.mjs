/** `npm run reproduce -- NAME... [--engine winnow [--count N]] [--python PATH] [options of reproduce.py]`: the paper's experiments. PyTorch runs every
 *  arm over three training seeds (reproduce.py, which goes on where it was killed); `--engine winnow` runs the row's chosen settings by our own
 *  kernels, with N comparisons of prompt and seed (500). */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { confirm, plans, writeConfirmed } from './engine.mjs';

const here = import.meta.dirname;
const root = join(here, '..', '..');
const args = process.argv.slice(2);
const names = [...readFileSync(join(here, 'rows', '__init__.py'), 'utf8').matchAll(/^ {4}("[^\n]+),$/gm)].flatMap(
  ([, line]) => line.match(/[a-z-]+/g),
);

function refuse(what) {
  console.error(
    `${what}\nusage: npm run reproduce -- NAME... [--engine winnow [--count N]] [--python PATH] [--seeds 0 1 2] [--tiny]\nNAME: ${names.join(', ')}, all`,
  );
  process.exit(2);
}

function taken(option) {
  const at = args.indexOf(option);
  if (at < 0) return undefined;
  const [, value] = args.splice(at, 2);
  return value ?? refuse(`${option} has no value.`);
}

const engine = taken('--engine') ?? 'torch';
const given = taken('--python');
if (!['torch', 'winnow'].includes(engine)) refuse(`There is no engine ${engine}: torch or winnow.`);
const rows = args.slice(
  0,
  args.findIndex((arg) => arg.startsWith('--')) < 0 ? undefined : args.findIndex((arg) => arg.startsWith('--')),
);
if (rows.length === 0) refuse('NAME is missing.');
for (const row of rows) if (![...names, 'all', 'foreign-pairs'].includes(row)) refuse(`There is no row ${row}.`);

/** With what the rows need. */
function python() {
  const tried = given
    ? [given]
    : [process.env.PYTHON, join(root, '.venv/bin/python'), 'python3', 'python'].filter(Boolean);
  const found = tried.find(
    (path) => spawnSync(path, ['-c', 'import torch, diffusers, peft, transformers, PIL']).status === 0,
  );
  if (found) return found;
  console.error(
    `No Python with torch, diffusers and peft was found (tried ${tried.join(', ')}).\npython3 -m venv .venv && .venv/bin/pip install -r tools/recipe/requirements.txt, or --python PATH.`,
  );
  return process.exit(1);
}

/** Its progress goes to stderr as it comes; the JSON document is kept. */
const winnow = (...words) =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, [join(root, 'tools/cli/winnow.mjs'), ...words], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk) => (out += chunk));
    child.stderr.on('data', (chunk) => {
      err = (err + chunk).slice(-4000);
      process.stderr.write(chunk);
    });
    child.on('close', (code) => resolve({ code: code ?? 1, out, err }));
  });

if (engine === 'torch') {
  process.exitCode =
    spawnSync(python(), [join(here, 'reproduce.py'), ...args], { stdio: 'inherit', cwd: root }).status ?? 1;
} else {
  const model = taken('--model') ?? join(root, 'public/models/postcard');
  const prompts = taken('--prompts') ?? join(root, 'public/prompts');
  const count = Number(taken('--count') ?? 500);
  if (!Number.isInteger(count) || count < 4) refuse('--count takes a whole number from 4 on.');
  const results = taken('--out') ?? join(root, 'bench/results/paper');
  for (const row of rows.includes('all') ? Object.keys(plans) : rows) {
    const record = await confirm(row, { winnow, model, prompts, count, work: join(root, '.cache/paper/engine') });
    writeConfirmed(record, results);
    console.log(JSON.stringify(record));
  }
  if (existsSync(join(results, `${rows[0]}.json`)))
    spawnSync(python(), [join(here, 'write_paper.py')], { stdio: 'inherit', cwd: root });
}
