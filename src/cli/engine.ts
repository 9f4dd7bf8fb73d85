/** The engine as the command line opens it: Node's files, and Dawn where a verb needs a GPU. */
import { createHash, randomUUID } from 'node:crypto';
import { totalmem } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { embeddedModels } from '../data/embeddedModels.ts';
import { Engine } from '../service/engineService.ts';
import type { Environment, FolderReader } from '../service/environment.ts';
import { MATRIX_FEATURE } from '../shared/subgroupMatrices.ts';
import { openNodeGpu } from './device.ts';
import { cachedHash } from './fileHashes.ts';
import { folderReader, NodeFileStore } from './files.ts';
import { isCheckpointPath } from './modelRef.ts';
import type { Terminal } from './terminal.ts';

/** The product's own folder; src/cli and the bundle's .cache/cli lie equally deep in it. */
export const productRoot = join(import.meta.dirname, '..', '..');

const settings = join(productRoot, '.cache', 'settings');

const diskReader = (folder: string): FolderReader =>
  folderReader(folder, undefined, (path) => cachedHash(path, join(settings, 'hashes.json')));

/** @param id an embedded model's name, a folder's path, or a checkpoint's. */
export function openModel(id: string): FolderReader {
  if (embeddedModels.includes(id))
    return folderReader(join(productRoot, 'public', 'models', id), { source: 'embedded' });
  return isCheckpointPath(id) ? { ...diskReader(dirname(id)), list: async () => [basename(id)] } : diskReader(id);
}

export interface EngineOptions {
  /** Base of the models at work; scorers are the first one's. */
  base: string;
  /** Bases of further models at work. */
  others?: readonly string[];
  /** Where images, pairs and what is exported go. */
  root: string;
  /** False for what needs no GPU. */
  gpu?: boolean;
  /** Asks the GPU for subgroup matrices, too. */
  matrices?: boolean;
}

export async function openEnvironment({
  base,
  others = [],
  root,
  gpu = true,
  matrices,
}: EngineOptions): Promise<Environment> {
  return {
    gpu: gpu ? (await openNodeGpu('any', { matrices })).gpu : undefined,
    hasOnnxWebgpu: false,
    memoryBytes: totalmem(),
    files: new NodeFileStore(root, settings),
    embeddedModels: [...new Set([base, ...others])],
    openModel,
    sha256: async (bytes) => createHash('sha256').update(bytes).digest('hex'),
    now: () => new Date(),
    newId: randomUUID,
  };
}

/** Says where what was asked for is not there. */
export function sayMatrices(terminal: Terminal, { features }: { features: readonly string[] }): void {
  if (!features.includes(MATRIX_FEATURE))
    terminal.note(
      'This GPU or its driver has no subgroup matrices that Winnow has kernels for: --matrices changes nothing.',
    );
}

/** Runs `work` with an engine and closes it. */
export async function withEngine<T>(
  terminal: Terminal,
  options: EngineOptions,
  work: (engine: Engine) => Promise<T>,
): Promise<T> {
  const engine = new Engine(await openEnvironment(options));
  try {
    if (options.gpu ?? true) {
      const report = await engine.start(({ what, done, total }) => terminal.status(`${what} (${done}/${total})`), {
        matrices: options.matrices,
      });
      if (options.matrices) sayMatrices(terminal, report);
    }
    return await work(engine);
  } finally {
    await engine.dispose();
  }
}
