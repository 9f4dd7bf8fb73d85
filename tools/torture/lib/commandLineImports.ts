/** `winnow download` and `winnow export`, disturbed: killed, without room on the disk, without permission to write, cut off from the hub. Then what is
 *  there under its own name must be whole; and the same command, undisturbed, must come to what it always comes to, and leave nothing beside. */
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Fault, startTestHub } from '../../testHub.ts';
import { buildWinnow, type Winnow, winnow } from './cli.ts';
import { Random } from './random.ts';
import { tinyModel } from './smallRun.ts';
import { timeLimit, type Torture } from './torture.ts';

const pause = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

const faults = ['killed', 'disk full', 'permission taken', 'connection cut'] as const;
type FaultName = (typeof faults)[number];

type Files = Map<string, string>;

function filesOf(folder: string): Files {
  const files: Files = new Map();
  if (!existsSync(folder)) return files;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) files.set(path.slice(folder.length + 1), readFileSync(path).toString('latin1'));
  }
  return files;
}

interface Operation {
  name: string;
  args(host: string): string[];
  faults: readonly FaultName[];
  /** The file whose presence says that the folder is a whole one; null where each file stands for itself. */
  seal: string | null;
}

const operations: readonly Operation[] = [
  {
    name: 'download',
    args: (host) => ['download', 'tiny/model', '--host', host, '--out', 'out'],
    faults,
    seal: null,
  },
  {
    name: 'export as diffusers',
    args: () => ['export', tinyModel, '--as', 'diffusers', '--out', 'out'],
    faults: ['killed', 'disk full', 'permission taken'],
    seal: 'model_index.json',
  },
  {
    name: 'export as one file',
    args: () => ['export', tinyModel, '--as', 'single-file', '--out', 'out/mine.safetensors'],
    faults: ['killed', 'disk full', 'permission taken'],
    seal: null,
  },
];

/** Our own record of a download says when it was. */
const isRecord = (path: string): boolean => path === 'model.json';

/** What looks whole and is not. */
function wrong(found: Files, wanted: Files, { seal }: Operation): string | null {
  for (const [path, content] of found) {
    if (path.endsWith('.part') || isRecord(path)) continue;
    if (!wanted.has(path)) return `${path} is none of its files`;
    if (content !== wanted.get(path)) return `${path} has other bytes`;
  }
  const missing = [...wanted.keys()].filter((path) => !found.has(path));
  if (missing.length === 0) return null;
  if (seal !== null && found.has(seal)) return `it looks whole and has no ${missing.join(', ')}`;
  const record = found.get('model.json');
  if (record && missing.some((path) => !isRecord(path))) {
    const { files } = JSON.parse(record) as { files: { path: string; sha256?: string }[] };
    const lies = files.filter(({ path, sha256 }) => sha256 !== undefined && missing.includes(path));
    if (lies.length > 0) return `its record says that ${lies.map(({ path }) => path).join(', ')} is there`;
  }
  return null;
}

export const commandLineImports: Torture = async ({ count, seed, minutes, log }) => {
  const over = timeLimit(minutes);
  const random = new Random(seed);
  await buildWinnow();
  const place = mkdtempSync(join(tmpdir(), 'winnow-torture-imports-'));
  const root = process.platform === 'linux' && process.getuid?.() === 0;
  // Root may write everywhere: as nobody permission can be taken away.
  const nobody = root ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : [];
  const failed: string[] = [];
  const counts = new Map<string, number>();
  const endings = new Map<string, number>();
  let done = 0;
  // A model is known by where it is from: the hub has one address for all rounds.
  let port = 0;

  interface Wanted {
    files: Files;
    ms: number;
  }
  const wanted = new Map<string, Wanted>();

  async function run(
    operation: Operation,
    folder: string,
    hubFaults: Record<string, Fault[]>,
    through: readonly string[],
    disturb: (child: Winnow) => Promise<void>,
  ): Promise<{ code: number | null; err: string }> {
    const hub = await startTestHub({ folder: tinyModel, faults: hubFaults }, port);
    port = Number(new URL(hub.host).port);
    try {
      const child = winnow(operation.args(hub.host), folder, [...nobody, ...through]);
      await Promise.all([disturb(child), child.ended]);
      return await child.ended;
    } finally {
      await hub.close();
    }
  }

  function newFolder(): string {
    const folder = mkdtempSync(join(place, 'round-'));
    mkdirSync(join(folder, 'out'));
    if (root) for (const path of [folder, join(folder, 'out')]) chownSync(path, 65534, 65534);
    return folder;
  }

  function allow(folder: string, mode: number): void {
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true }))
      if (entry.isDirectory()) chmodSync(join(entry.parentPath, entry.name), mode);
  }

  async function round(operation: Operation, fault: FaultName): Promise<void> {
    const folder = newFolder();
    const out = join(folder, 'out');
    const known = wanted.get(operation.name)!;
    const at = random.next() * known.ms;
    const hubFaults: Record<string, Fault[]> = {};
    let through: string[] = [];
    let disturb: (child: Winnow) => Promise<void> = async () => {};
    if (fault === 'killed')
      disturb = async (child) => {
        await Promise.race([pause(at), child.ended]);
        await child.process.kill();
      };
    // A limit of every file's size, which is met as a full disk is: in the middle of a write.
    if (fault === 'disk full')
      through = ['bash', '-c', `trap '' XFSZ; ulimit -f ${random.of([0, 1, 2, 8, 16, 32, 64])}; exec "$@"`, '--'];
    if (fault === 'permission taken')
      disturb = async (child) => {
        await Promise.race([pause(at), child.ended]);
        allow(folder, 0o555);
      };
    if (fault === 'connection cut') {
      const paths = [...known.files.keys()].filter((path) => !isRecord(path));
      for (let i = random.integer(1, 3); i > 0; i--) {
        const path = random.of(paths);
        const after = random.integer(0, known.files.get(path)!.length);
        hubFaults[path] = Array.from({ length: random.of([1, 2, 6]) }, () => ({ kind: 'drop', after }) as Fault);
      }
    }
    const { code, err } = await run(operation, folder, hubFaults, through, disturb);
    allow(folder, 0o755);
    const what = `${operation.name}, ${fault} (round ${done}, seed ${seed})`;
    const ending = code === null ? 'killed' : code === 0 ? 'went through' : (/^(\w+): /m.exec(err)?.[1] ?? 'unnamed');
    endings.set(ending, (endings.get(ending) ?? 0) + 1);
    if (ending === 'unnamed' || /\n\s+at /.test(err)) failed.push(`${what}: not refused by name: ${err.slice(0, 300)}`);
    const problem = wrong(filesOf(out), known.files, operation);
    if (problem) failed.push(`${what}: ${problem}`);
    if (code === 0 && filesOf(out).size !== known.files.size) failed.push(`${what}: went through and is not whole`);
    const again = await run(operation, folder, {}, [], async () => {});
    if (again.code !== 0) failed.push(`${what}: does not go on: ${again.err.trim().slice(-300)}`);
    const [found, all] = [[...filesOf(out).keys()].toSorted(), [...known.files.keys()].toSorted()];
    if (again.code === 0 && (found.join() !== all.join() || wrong(filesOf(out), known.files, operation)))
      failed.push(`${what}: gone on with, it is ${found.join(', ')}`);
    rmSync(folder, { recursive: true, force: true });
    counts.set(fault, (counts.get(fault) ?? 0) + 1);
    done += 1;
  }

  try {
    // Others read what is in it.
    chmodSync(place, 0o755);
    for (let last = 0; done < count && !over();) {
      const operation = operations[done % operations.length]!;
      if (!wanted.has(operation.name)) {
        const folder = newFolder();
        const start = performance.now();
        const { code, err } = await run(operation, folder, {}, [], async () => {});
        if (code !== 0) throw new Error(`${operation.name} does not work undisturbed: ${err}`);
        wanted.set(operation.name, { files: filesOf(join(folder, 'out')), ms: performance.now() - start });
      }
      await round(operation, operation.faults[Math.floor(done / operations.length) % operation.faults.length]!);
      if (performance.now() - last > 15_000) {
        log(`${done} disturbed on the command line, ${failed.length} failures`);
        last = performance.now();
      }
    }
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
  return {
    done,
    failed,
    figures: {
      ...Object.fromEntries([...counts].map(([name, n]) => [`command line, ${name}`, n])),
      'ended as': [...endings].map(([name, n]) => `${name} ${n}`).join(', '),
    },
  };
};
