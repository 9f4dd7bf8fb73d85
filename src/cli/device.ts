/** Opens a WebGPU device under Node with the npm package `webgpu` (Dawn).
 *
 *  Order: the system's own GPU; else SwiftShader out of an installed Chromium (it lies there together with its Vulkan loader); else
 *  Mesa's lavapipe. Dawn looks Vulkan up by the bare name `libvulkan.so.1`. Where the system has no loader, Chromium's is loaded here
 *  first, by its path and never to be unloaded: the dynamic linker then finds it under that name. So no environment variable has to
 *  be set before the process starts. */
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { WinnowError } from '../shared/errors.ts';
import { type DeviceChoices, type EngineDevice, openDevice, reportAdapter } from '../webgpu/device.ts';
import { waitPatiently } from './patience.ts';

export interface NodeDevice extends EngineDevice {
  /** What was taken and where from, for people: `SwiftShader driver 5.0.0 (Chromium's, /usr/lib/chromium)`. */
  readonly driver: string;
  readonly gpu: GPU;
}

const LOADER = 'libvulkan.so.1';
/** Workgroup memory is zeroed by a loop instead of by its declaration: the same zeros, but SwiftShader unrolls the latter into a store for
 *  every element, and a kernel with 8 KiB of it takes 680 instead of 60 ms to compile. A page cannot choose. */
const DAWN_OPTIONS = ['disable-dawn-features=use_vulkan_zero_initialize_workgroup_memory_extension'];
/** Dawn offers its experiments then. */
const UNSAFE = 'enable-dawn-features=allow_unsafe_apis';
const RTLD_NOW = 2;
const RTLD_NODELETE = 0x1000;

/** Finds and opens an adapter; throws NoWebGPU, naming the fix, where there is none. */
export async function openNodeDevice(choices: DeviceChoices = {}): Promise<NodeDevice> {
  const { gpu, source } = await openNodeGpu('any', choices);
  const opened = await openDevice(gpu, choices);
  return Object.assign(opened, { driver: `${opened.adapter.description || opened.adapterName} (${source})` });
}

/** Dawn's devices do not keep their instance alive; collected too early, the process crashes. */
const held: GPU[] = [];

/** The `navigator.gpu` of this process, and where its driver comes from. With a name: of the first adapter whose description or driver holds
 *  it; `any` is the best one, as without. */
export async function openNodeGpu(
  name = 'any',
  { matrices = false }: DeviceChoices = {},
): Promise<{ gpu: GPU; source: string }> {
  const silent: Candidate[] = [];
  const seen: string[] = [];
  for await (const { gpu, source, description, software } of adapters(
    silent,
    matrices ? [...DAWN_OPTIONS, UNSAFE] : DAWN_OPTIONS,
  )) {
    if (name === 'any' || `${description} ${source}`.toLowerCase().includes(name.toLowerCase())) {
      if (software) waitPatiently();
      return { gpu, source };
    }
    seen.push(`${description} (${source})`);
  }
  const old = silent
    .flatMap(({ files }) => files)
    .map(oldMesa)
    .find((version) => version !== undefined);
  if (seen.length > 0) {
    throw new WinnowError(
      'NoWebGPU',
      `No WebGPU adapter is named ${name}.`,
      `There is ${seen.join('; ')}.${old ? ` Mesa ${old} is too old for it to have one: install ${NEWER_MESA}.` : ''}`,
    );
  }
  const tried = silent.map(({ source }) => source).join(', ');
  throw new WinnowError(
    'NoWebGPU',
    `No WebGPU adapter was found (${silent.length > 0 ? `tried ${tried}` : 'no Vulkan driver on this machine'}${old ? `; Mesa ${old} is too old to have one` : ''}).`,
    `Install ${old ? NEWER_MESA : 'a GPU driver with Vulkan'}, or Chromium (as root: apt-get install chromium; else: npx playwright install chromium), whose software renderer is then used.`,
  );
}

/** The first that is known to work. */
const OLDEST_MESA = 25;
const NEWER_MESA = `Mesa ${OLDEST_MESA} or newer (Debian 12: apt-get install -t bookworm-backports mesa-vulkan-drivers)`;

/** The version of Mesa that a driver's manifest leads to, where it is older than what is known to work. */
function oldMesa(manifest: string): string | undefined {
  const [, library = ''] =
    /"library_path"\s*:\s*"([^"]+)"/.exec(existsSync(manifest) ? readFileSync(manifest, 'utf8') : '') ?? [];
  if (!path.isAbsolute(library) || !existsSync(library)) return undefined;
  const version = /Mesa (\d+\.\d+\.\d+)/.exec(readFileSync(library, 'latin1'))?.[1];
  return version && Number.parseInt(version) < OLDEST_MESA ? version : undefined;
}

/** Every adapter that a driver here offers as its best, best driver first. */
export async function listAdapters(): Promise<{ name: string; source: string }[]> {
  const found: { name: string; source: string }[] = [];
  for await (const { description, source } of adapters([], DAWN_OPTIONS)) found.push({ name: description, source });
  return found;
}

/** Adds every driver that gives none to `silent`. */
async function* adapters(
  silent: Candidate[],
  options: string[],
): AsyncGenerator<{ gpu: GPU; source: string; description: string; software: boolean }> {
  const { create, globals } = await importDawn();
  Object.assign(globalThis, globals);
  for (const candidate of candidates()) {
    if (!candidate.prepare()) continue;
    const gpu = create(options);
    held.push(gpu);
    const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
    if (!adapter) {
      silent.push(candidate);
      continue;
    }
    const { vendor, architecture, device, description, software } = reportAdapter(adapter);
    yield {
      gpu,
      source: candidate.source,
      description: [vendor, architecture, device, description].filter(Boolean).join(' / '),
      software,
    };
  }
}

/** Before a driver was chosen here (useDrivers). */
const chosenByUser = process.env['VK_DRIVER_FILES'] || process.env['VK_ICD_FILENAMES'];

interface Candidate {
  source: string;
  /** Manifests of its drivers. */
  files: readonly string[];
  /** Makes the driver findable; false where it is not there. */
  prepare(): boolean;
}

/** Dawn installs its classes on the global object: `GPUBufferUsage` and the like. */
async function importDawn(): Promise<typeof import('webgpu')> {
  try {
    return await import('webgpu');
  } catch (error) {
    throw new WinnowError(
      'NoWebGPU',
      `The npm package webgpu did not load on ${process.platform} ${process.arch} (${error instanceof Error ? error.message : String(error)}).`,
      'Run `npm ci` again; it has builds for Linux, macOS and Windows on x64 and arm64.',
    );
  }
}

function* candidates(): Generator<Candidate> {
  if (process.platform !== 'linux') {
    yield { source: `the system's driver`, files: [], prepare: () => true };
    return;
  }
  const chromium = chromiumFolders();
  const anyLoader = (): boolean => preload(LOADER) || chromium.some((folder) => preload(path.join(folder, LOADER)));
  if (chosenByUser) {
    const files = chosenByUser.split(':');
    yield { source: process.env['WINNOW_VULKAN'] ?? chosenByUser, files, prepare: anyLoader };
    return;
  }
  const drivers = systemDrivers();
  const ofSystem = (source: string, files: readonly string[]): Candidate => ({
    source,
    files,
    prepare: () => anyLoader() && useDrivers(files),
  });
  const hardware = drivers.filter((file) => !/lvp|swiftshader/i.test(path.basename(file)));
  // Mesa's package brings drivers for every GPU: asked where there is none, the loader complains on stderr.
  if (hardware.length > 0 && hasGpu()) yield ofSystem(`the system's driver`, hardware);
  for (const folder of chromium) {
    const icd = path.join(folder, 'vk_swiftshader_icd.json');
    yield {
      source: `SwiftShader of ${folder}`,
      files: [icd],
      prepare: () => (preload(LOADER) || preload(path.join(folder, LOADER))) && useDrivers([icd]),
    };
  }
  const lavapipe = drivers.filter((file) => /lvp/i.test(path.basename(file)));
  if (lavapipe.length > 0) yield ofSystem(`Mesa's lavapipe`, lavapipe);
}

/** Whether the kernel has a node for a GPU that runs shaders: a screen alone has no `renderD`. */
export function hasGpu(devices = '/dev'): boolean {
  const nodes = [...list(devices), ...list(path.join(devices, 'dri'))].map((node) => path.basename(node));
  return nodes.some((name) => /^(renderD|nvidia\d|nvhost|nvmap|dxg|kgsl|mali|pvr)/.test(name));
}

/** The Vulkan loader reads these when an instance is made, new ones the first, old ones the second; Node's setter reaches the real environment of the
 *  process. */
function useDrivers(files: readonly string[]): true {
  for (const name of ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES']) process.env[name] = files.join(':');
  return true;
}

/** Loads a shared library into the process for good. Node refuses it as an addon, but by then it is loaded, and stays. */
function preload(library: string): boolean {
  try {
    process.dlopen({ exports: {} }, library, RTLD_NOW | RTLD_NODELETE);
    return true;
  } catch (error) {
    return error instanceof Error && error.message.startsWith('Module did not self-register');
  }
}

/** Vulkan driver manifests installed on the system. */
function systemDrivers(): string[] {
  const roots = [
    '/etc',
    '/usr/local/etc',
    '/usr/local/share',
    '/usr/share',
    process.env['XDG_DATA_HOME'] ?? path.join(homedir(), '.local/share'),
  ];
  return roots.flatMap((root) => list(path.join(root, 'vulkan/icd.d')).filter((file) => file.endsWith('.json')));
}

/** Folders of installed Chromiums that carry SwiftShader and a Vulkan loader. */
function chromiumFolders(): string[] {
  const named = [
    process.env['CHROME_PATH'] && path.dirname(realpath(process.env['CHROME_PATH'])),
    '/usr/lib/chromium',
    '/usr/lib/chromium-browser',
    '/usr/lib64/chromium-browser',
    '/usr/lib64/chromium',
    '/opt/google/chrome',
    '/opt/google/chrome-beta',
    '/opt/google/chrome-unstable',
    '/opt/microsoft/msedge',
    '/opt/chromium',
    '/snap/chromium/current/usr/lib/chromium-browser',
  ];
  const playwright = [process.env['PLAYWRIGHT_BROWSERS_PATH'], path.join(homedir(), '.cache/ms-playwright')]
    .flatMap((root) => (root ? list(root) : []))
    .filter((folder) => /chromium/.test(path.basename(folder)))
    .flatMap((folder) => list(folder));
  return [...named, ...playwright].filter((folder): folder is string => Boolean(folder) && hasSwiftShader(folder!));
}

function hasSwiftShader(folder: string): boolean {
  return existsSync(path.join(folder, 'vk_swiftshader_icd.json')) && existsSync(path.join(folder, LOADER));
}

function list(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).map((name) => path.join(folder, name)) : [];
}

function realpath(file: string): string {
  return existsSync(file) ? realpathSync(file) : file;
}
