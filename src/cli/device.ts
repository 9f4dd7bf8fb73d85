/** Opens a WebGPU device under Node with the npm package `webgpu` (Dawn).
 *
 *  Order: the system's own GPU; else SwiftShader out of an installed Chromium (it lies there together with its Vulkan loader); else
 *  Mesa's lavapipe. Dawn looks Vulkan up by the bare name `libvulkan.so.1`. Where the system has no loader, Chromium's is loaded here
 *  first, by its path and never to be unloaded: the dynamic linker then finds it under that name. So no environment variable has to
 *  be set before the process starts. */
import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { WinnowError } from '../shared/errors.ts';
import { type EngineDevice, openDevice } from '../webgpu/device.ts';

export interface NodeDevice extends EngineDevice {
  /** What was taken and where from, for people: `SwiftShader driver 5.0.0 (Chromium's, /usr/lib/chromium)`. */
  readonly driver: string;
  readonly gpu: GPU;
}

const LOADER = 'libvulkan.so.1';
/** Workgroup memory is zeroed by a loop instead of by its declaration: the same zeros, but SwiftShader unrolls the latter into a store for
 *  every element, and a kernel with 8 KiB of it takes 680 instead of 60 ms to compile. A page cannot choose. */
const DAWN_OPTIONS = ['disable-dawn-features=use_vulkan_zero_initialize_workgroup_memory_extension'];
const RTLD_NOW = 2;
const RTLD_NODELETE = 0x1000;

/** Finds and opens an adapter; throws NoWebGPU, naming the fix, where there is none. */
export async function openNodeDevice(): Promise<NodeDevice> {
  const { gpu, source } = await openNodeGpu();
  const opened = await openDevice(gpu);
  return Object.assign(opened, { driver: `${opened.adapter.description || opened.adapterName} (${source})` });
}

/** Dawn's devices do not keep their instance alive; collected too early, the process crashes. */
const held: GPU[] = [];

/** The `navigator.gpu` of this process, and where its driver comes from. With a name: of the first adapter whose description or driver holds
 *  it; `any` is the best one, as without. */
export async function openNodeGpu(name = 'any'): Promise<{ gpu: GPU; source: string }> {
  const tried: string[] = [];
  const seen: string[] = [];
  for await (const { gpu, source, description } of adapters(tried)) {
    if (name === 'any' || `${description} ${source}`.toLowerCase().includes(name.toLowerCase())) return { gpu, source };
    seen.push(`${description} (${source})`);
  }
  if (seen.length > 0)
    throw new WinnowError('NoWebGPU', `No WebGPU adapter is named ${name}.`, `There is ${seen.join('; ')}.`);
  throw new WinnowError(
    'NoWebGPU',
    `No WebGPU adapter was found (${tried.length > 0 ? `tried ${tried.join(', ')}` : 'no Vulkan driver on this machine'}).`,
    'Install a GPU driver with Vulkan, or Chromium (as root: apt-get install chromium; else: npx playwright install chromium), whose software renderer is then used.',
  );
}

/** Every adapter that a driver here offers as its best, best driver first. */
export async function listAdapters(): Promise<{ name: string; source: string }[]> {
  const found: { name: string; source: string }[] = [];
  for await (const { description, source } of adapters([])) found.push({ name: description, source });
  return found;
}

/** Adds every driver it tries to `tried`. */
async function* adapters(tried: string[]): AsyncGenerator<{ gpu: GPU; source: string; description: string }> {
  const { create, globals } = await importDawn();
  Object.assign(globalThis, globals);
  for (const candidate of candidates()) {
    if (!candidate.prepare()) continue;
    tried.push(candidate.source);
    const gpu = create(DAWN_OPTIONS);
    held.push(gpu);
    const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
    if (!adapter) continue;
    const { vendor, architecture, device, description } = adapter.info;
    yield {
      gpu,
      source: candidate.source,
      description: [vendor, architecture, device, description].filter(Boolean).join(' / '),
    };
  }
}

interface Candidate {
  source: string;
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
    yield { source: `the system's driver`, prepare: () => true };
    return;
  }
  const chosenByUser = process.env['VK_DRIVER_FILES'] ?? process.env['VK_ICD_FILENAMES'];
  const chromium = chromiumFolders();
  const anyLoader = (): boolean => preload(LOADER) || chromium.some((folder) => preload(path.join(folder, LOADER)));
  if (chosenByUser) {
    yield { source: process.env['WINNOW_VULKAN'] ?? chosenByUser, prepare: anyLoader };
    return;
  }
  const drivers = systemDrivers();
  const hardware = drivers.filter((file) => !/lvp|swiftshader/i.test(path.basename(file)));
  if (hardware.length > 0) yield { source: `the system's driver`, prepare: () => anyLoader() && useDrivers(hardware) };
  for (const folder of chromium) {
    const icd = path.join(folder, 'vk_swiftshader_icd.json');
    yield {
      source: `SwiftShader of ${folder}`,
      prepare: () => (preload(LOADER) || preload(path.join(folder, LOADER))) && useDrivers([icd]),
    };
  }
  const lavapipe = drivers.filter((file) => /lvp/i.test(path.basename(file)));
  if (lavapipe.length > 0) yield { source: `Mesa's lavapipe`, prepare: () => anyLoader() && useDrivers(lavapipe) };
}

/** The Vulkan loader reads this when an instance is made; Node's setter reaches the real environment of the process. */
function useDrivers(files: readonly string[]): true {
  process.env['VK_ICD_FILENAMES'] = files.join(':');
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
