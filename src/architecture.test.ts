/** The import table (docs/architecture.md), checked: which root may import which. Tests may import anything. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
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
  'judges',
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
  judges: ['graph', 'models', 'data/formats', 'data/judgeNames'],
  diffusion: [],
  training: ['graph', 'autodiff', 'models', 'diffusion', 'losses'],
  evaluation: ['records', 'data', 'losses'],
  records: ['losses', 'training/config'],
  data: ['records', 'losses', 'diffusion/samplers/table', 'diffusion/samplers/options', 'training/config'],
  service: engine,
  workers: ['service', 'data', ...engine],
  cli: [
    'service',
    'judges',
    'evaluation',
    'records',
    'data',
    'losses',
    'diffusion/samplers/table',
    'diffusion/samplers/options',
    'webgpu/device',
    'training/presets',
    'training/config',
  ],
  studio: [
    'judges/judge',
    'service/types',
    'service/export/kinds',
    'evaluation',
    'records',
    'data',
    'losses',
    'diffusion/samplers/table',
    'diffusion/samplers/options',
    'training/presets',
    'training/config',
    'package.json',
    'docs/model-card',
    'docs/model-card.md',
  ],
  e2e: ['records', 'data', 'tools/browser.mjs', 'tools/testHub'],
  tools: [...engine, 'service', 'cli', 'studio'],
  bench: [...engine, 'service', 'cli'],
};

/** Rooms of `service`, beyond themselves and what all share of it. Its own files put the rooms together. */
const rooms: Record<string, string[]> = {
  device: [],
  model: [],
  sampling: ['device', 'model'],
  planning: ['model', 'sampling'],
  training: ['device', 'model', 'sampling', 'planning'],
  export: ['model', 'sampling'],
  handoff: ['model', 'sampling', 'planning', 'training', 'export'],
  verify: ['model', 'sampling', 'training'],
};
const sharedByRooms = ['types', 'environment', 'jobs'];

/** Worlds that several tests set up. */
const testHelpers = ['testTraining'];

const top = join(import.meta.dirname, '..');

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : sources(path);
    return /\.(ts|tsx)$/.test(entry.name) && !/\.test\.tsx?$/.test(entry.name) ? [path] : [];
  });
}

/** Names of the folders in a folder, sorted. */
const folders = (path: string): string[] =>
  readdirSync(join(top, path), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .toSorted();

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

it('follows the import table between the rooms of service', () => {
  const room = (path: string): string | undefined => /^service\/([^/]+)\//.exec(path)?.[1];
  const broken = imports.filter(({ from, to }) => {
    const own = room(from);
    if (own === undefined || !to.startsWith('service/') || testHelpers.includes(from.split('/').at(-1)!)) return false;
    const target = room(to);
    if (target === undefined) return !sharedByRooms.includes(to.slice('service/'.length));
    return target !== own && !rooms[own]?.includes(target);
  });
  expect(broken).toEqual([]);
  expect(folders('src/service')).toEqual(Object.keys(rooms).toSorted());
});

const page = readFileSync(join(top, 'docs/architecture.md'), 'utf8');
const table = (heading: string): string[][] =>
  page
    .slice(page.indexOf(`## ${heading}`))
    .split(/\n## /, 2)[0]!
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| ---'))
    .slice(1)
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
const quoted = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1]!);

it('names every root and every room on the architecture page', () => {
  const rows = table('Who may import whom');
  expect(rows.flatMap(([root]) => quoted(root!)).toSorted()).toEqual([...folders('src'), 'workers'].toSorted());
  const service = rows.find(([root]) => quoted(root!).includes('service'))![1]!;
  expect(
    quoted(service)
      .map((name) => name.replace(/\/$/, ''))
      .toSorted(),
  ).toEqual(Object.keys(rooms).toSorted());
});

it('sends a new thing on the architecture page only to places that are there', () => {
  const places = table('Where a new thing goes').flatMap(([, cell]) => quoted(cell!));
  const named = [
    ...places,
    ...table('Six tables').flatMap(([, , cell]) => quoted(cell!)),
    ...[...page.matchAll(/`((?:[a-z][\w]*\/)+[\w.]+\.\w+)`/g)].map((match) => match[1]!),
  ];
  const missing = named.filter((place) => {
    // A name in angle brackets is the new thing's own: the folder before it must be there.
    const known = place.replace(/^src\//, '').replace(/<.*$/, '');
    return /[/.]/.test(known) && !['.', 'src'].some((root) => existsSync(join(top, root, known)));
  });
  expect(missing).toEqual([]);
  expect(places.length).toBeGreaterThan(10);
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
