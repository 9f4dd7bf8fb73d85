/** The import table (docs/architecture.md), checked: which root may import which. Tests may import anything. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { expect, it } from 'vitest';

const engine = [
  'losses',
  'graph',
  'autodiff',
  'oracle',
  'webgpu',
  'onnx',
  'models',
  'diffusion',
  'training',
  'evaluation',
  'records',
  'data',
];

/** Beyond itself and `shared`. A name with a slash is one file or folder of a root. */
const mayImport: Record<string, string[]> = {
  shared: [],
  losses: [],
  graph: ['losses'],
  autodiff: ['graph'],
  oracle: ['graph', 'losses'],
  webgpu: ['graph', 'losses'],
  onnx: ['graph'],
  models: ['graph'],
  diffusion: [],
  training: ['graph', 'autodiff', 'models', 'diffusion', 'losses'],
  evaluation: ['records', 'data'],
  records: [],
  data: ['records', 'service/types', 'losses', 'diffusion/samplers/records'],
  service: engine,
  workers: ['service', 'data', ...engine],
  cli: [
    'service',
    'evaluation',
    'records',
    'data',
    'losses',
    'diffusion/samplers/records',
    'webgpu/device',
    'training/presets',
    'training/config',
  ],
  studio: [
    'service/types',
    'evaluation',
    'records',
    'data',
    'losses',
    'diffusion/samplers/records',
    'training/presets',
    'training/config',
  ],
  e2e: ['records', 'data', 'tools/browser.mjs', 'tools/testHub'],
  tools: ['service', 'records', 'data', 'evaluation', 'cli', 'studio', 'training/presets'],
  bench: [...engine, 'service', 'cli'],
};

const top = join(import.meta.dirname, '..');

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : sources(path);
    return /\.(ts|tsx)$/.test(entry.name) && !/\.test\.tsx?$/.test(entry.name) ? [path] : [];
  });
}

/** `src/graph/ops.ts` → `graph/ops`. */
const address = (file: string): string =>
  relative(top, file)
    .split(sep)
    .join('/')
    .replace(/^src\//, '')
    .replace(/\.tsx?$/, '');

const files = ['src', 'workers', 'e2e', 'tools', 'bench'].flatMap((folder) => sources(join(top, folder)));

const imports = files.flatMap((file) =>
  [...readFileSync(file, 'utf8').matchAll(/(?:from|import|URL\()\s*\(?['"](\.{1,2}\/[^'"?]+)/g)].map((match) => ({
    from: address(file),
    to: address(join(dirname(file), match[1]!)),
  })),
);

it('follows the import table', () => {
  const broken = imports.filter(({ from, to }) => {
    const root = from.split('/')[0]!;
    const target = to.split('/')[0]!;
    if (target === root || target === 'shared') return false;
    if (from === 'studio/app/workers' && target === 'workers') return false;
    return !(mayImport[root] ?? []).some((allowed) => to === allowed || to.startsWith(`${allowed}/`));
  });
  expect(broken).toEqual([]);
  expect(imports.length).toBeGreaterThan(5);
});

it('brings the names of disposal wherever something is made with them', () => {
  const uses = /\busing [\w$]+ =|\[Symbol\.(async)?[dD]ispose\]|\bnew (Async)?DisposableStack\b/;
  const without = files
    .filter((file) => uses.test(readFileSync(file, 'utf8')))
    .map(address)
    .filter(
      (from) =>
        from !== 'shared/disposable' && !imports.some((one) => one.from === from && one.to === 'shared/disposable'),
    );
  expect(without).toEqual([]);
});

it('keeps the screens apart', () => {
  const feature = (path: string): string | undefined => /^studio\/features\/([^/]+)\//.exec(path)?.[1];
  expect(imports.filter(({ from, to }) => feature(from) && feature(to) && feature(from) !== feature(to))).toEqual([]);
});

it('names workers only in studio/app/workers.ts', () => {
  expect(
    imports.filter(
      ({ from, to }) => to.startsWith('workers/') && !from.startsWith('workers/') && from !== 'studio/app/workers',
    ),
  ).toEqual([]);
});
