/** Opens a GPUDevice with all the adapter offers, and makes its failures loud: uncaptured errors are counted and thrown at the next
 *  read, a lost device is named. Works in a page, a worker and Node: whoever calls brings `navigator.gpu` or its like. */
import { WinnowError } from '../shared/errors.ts';
import {
  type HalfMatrix,
  type HalfMatrixShape,
  halfMatrices,
  halfMatrixNames,
  MATRIX_FEATURE,
  type MatrixShape,
  SIZE_FEATURE,
  wholeMatrix,
} from '../shared/subgroupMatrices.ts';

/** What the system check shows, as plain data. */
export interface AdapterReport {
  vendor: string;
  architecture: string;
  device: string;
  description: string;
  /** True for an adapter that runs shaders on the CPU. */
  software: boolean;
  features: string[];
  limits: Record<string, number>;
}

export interface EngineDevice {
  readonly device: GPUDevice;
  /** Held because Dawn's devices do not keep their instance alive under Node: collected too early, the process crashes. */
  readonly gpu: GPU;
  readonly adapter: AdapterReport;
  /** The subgroup matrices that it multiplies in f16, where they were asked for and are there. */
  readonly halfMatrix: HalfMatrix | undefined;
  /** For people. Some browsers tell nothing of their adapter (Firefox): it tells no two of them apart (adapterKey). */
  readonly adapterName: string;
  /** Throws GpuError, OutOfGpuMemory or DeviceLost if anything went wrong since the last call. */
  check(): void;
  /** What every promise of the device is awaited through: rejects by name, and with DeviceLost as soon as the device is lost, whether or not
   *  the promise ever settles. */
  wait<T>(work: Promise<T>): Promise<T>;
  /** Resolves when the device is gone: with DeviceLost where it was taken away, with null where it was let go by `destroy`. */
  readonly lost: Promise<WinnowError | null>;
  destroy(): void;
}

const WANTED_FEATURES = ['shader-f16', 'subgroups', 'timestamp-query'] as const;

/** What a device is asked for by choice. */
export interface DeviceChoices {
  /** Subgroup matrices (kernels/gemmMatrix.ts), where an adapter has some that there are kernels for. Off if left out: they are an
   *  experiment of one browser, and what they round is for each driver to say. */
  matrices?: boolean | undefined;
}

/** Asks `gpu` for its best adapter and a device with that adapter's limits. */
export async function openDevice(
  gpu: GPU | undefined,
  { matrices = false }: DeviceChoices = {},
): Promise<EngineDevice> {
  const adapter = await gpu?.requestAdapter({ powerPreference: 'high-performance' });
  if (!gpu || !adapter) {
    throw new WinnowError(
      'NoWebGPU',
      gpu ? 'This browser has WebGPU but found no usable GPU.' : 'This browser has no WebGPU.',
      'Use a current Chrome, Edge, Safari or Firefox, and switch hardware acceleration on in its settings.',
    );
  }
  const report = reportAdapter(adapter);
  const asksMatrices = matrices && report.features.includes(MATRIX_FEATURE);
  const device = await adapter
    .requestDevice({
      label: 'winnow',
      requiredFeatures: [
        ...WANTED_FEATURES,
        ...(hasSizes(adapter) ? [SIZE_FEATURE] : []),
        ...(asksMatrices ? [MATRIX_FEATURE] : []),
      ].filter((feature): feature is GPUFeatureName => adapter.features.has(feature)),
      requiredLimits: report.limits,
    })
    .catch((error: unknown) => {
      throw new WinnowError(
        'NoWebGPU',
        `The GPU could not be opened: ${error instanceof Error ? error.message : String(error)}`,
        'Close what else uses it, and start again.',
      );
    });
  return Object.assign(watchDevice(gpu, device, report), {
    halfMatrix: asksMatrices ? matricesOf(adapter).half : undefined,
  });
}

/** As gpuweb's proposal "subgroup matrix" has it. */
interface MatrixConfig {
  componentType: string;
  resultComponentType: string;
  M: number;
  N: number;
  K: number;
}

/** Whether its subgroups are now of one size, now of another. */
const hasSizes = ({ info: { subgroupMinSize = 0, subgroupMaxSize = 0 } }: GPUAdapter): boolean =>
  subgroupMinSize < subgroupMaxSize;

/** The widest subgroups of which a workgroup of gemm.matrix.wgsl has enough. */
const WIDEST = 32;

interface Matrices {
  /** Whether it has those that kernels in f32 are written for. */
  whole: boolean;
  /** Those in f16 that it lists first, of which there are kernels. */
  half: HalfMatrix | undefined;
}

/** What an adapter has of subgroup matrices that there are kernels for. */
function matricesOf({ info, features }: GPUAdapter): Matrices {
  const { subgroupMatrixConfigs = [] } = info as { subgroupMatrixConfigs?: Iterable<MatrixConfig> };
  if (!features.has(MATRIX_FEATURE)) return { whole: false, half: undefined };
  const { subgroupMinSize = Infinity, subgroupMaxSize = Infinity } = info;
  const fits = subgroupMaxSize <= WIDEST;
  const canBeSized = subgroupMinSize <= WIDEST && features.has(SIZE_FEATURE);
  const of = (type: string): MatrixConfig[] =>
    [...subgroupMatrixConfigs].filter((one) => one.componentType === type && one.resultComponentType === 'f32');
  const isShape = ({ M, N, K }: MatrixConfig, shape: MatrixShape): boolean =>
    M === shape.M && N === shape.N && K === shape.K;
  return {
    whole: fits && of('f32').some((config) => isShape(config, wholeMatrix)),
    half: features.has('shader-f16')
      ? of('f16')
          .map((config) =>
            halfMatrixNames.find((name) => {
              const shape: HalfMatrixShape = halfMatrices[name];
              return isShape(config, shape) && (shape.sized ? !fits && canBeSized : fits);
            }),
          )
          .find((name) => name !== undefined)
      : undefined,
  };
}

const hasAny = ({ whole, half }: Matrices): boolean => whole || half !== undefined;

/** Counts up with what is measured and how: what older versions measured is measured again. */
const MEASUREMENTS = 2;

/** Tells adapters apart in what was measured on them: by all that they say of themselves, as the name alone may be empty.
 *  @param has features of the device: what was measured without an experiment is measured anew with it. */
export function adapterKey(
  { vendor, architecture, device, description, software, features, limits }: AdapterReport,
  has: { has(feature: string): boolean },
): string {
  const sorted = Object.entries(limits).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([
    MEASUREMENTS,
    vendor,
    architecture,
    device,
    description,
    software,
    features.filter((feature) => feature !== MATRIX_FEATURE || has.has(feature)).sort(),
    sorted,
  ]);
}

/** The adapter's identity, features and limits as plain data; of subgroup matrices only those that kernels are written for. */
export function reportAdapter(adapter: GPUAdapter): AdapterReport {
  const { vendor, architecture, device, description } = adapter.info;
  const limits: Record<string, number> = {};
  for (const name in adapter.limits) {
    const value: unknown = adapter.limits[name as keyof GPUSupportedLimits];
    if (typeof value === 'number') limits[name] = value;
  }
  const software =
    adapter.info.isFallbackAdapter ||
    /swiftshader|llvmpipe|lavapipe|basic render/i.test(`${architecture} ${device} ${description}`);
  const features = [...adapter.features]
    .filter((feature) => feature !== MATRIX_FEATURE || hasAny(matricesOf(adapter)))
    .sort();
  return { vendor, architecture, device, description, software, features, limits };
}

const notToBeTrusted = 'The numbers of this step are not to be trusted: resume from the last checkpoint.';

/** A browser may reject what a loss has broken before it tells of the loss. */
const LOSS_IS_TOLD_MS = 250;

function watchDevice(gpu: GPU, device: GPUDevice, adapter: AdapterReport): Omit<EngineDevice, 'halfMatrix'> {
  let errors = 0;
  let firstMessage = '';
  let outOfMemory = false;
  let lostReason: string | undefined;
  let letGo = false;
  /** A race with `device.lost` would keep every promise that was ever raced. */
  const waiting = new Set<(error: WinnowError) => void>();
  device.addEventListener('uncapturederror', (event) => {
    event.preventDefault?.();
    if (errors++ === 0) firstMessage = event.error.message;
    outOfMemory ||= event.error instanceof GPUOutOfMemoryError;
  });
  const loss = (): WinnowError =>
    new WinnowError(
      'DeviceLost',
      `The GPU was taken away (${lostReason?.trim().replace(/\.$/, '')}).`,
      'Nothing saved is lost: start again (in a browser: reload the page), and resume from the last checkpoint.',
    );
  const lost = device.lost.then((info) => {
    lostReason = info.message || info.reason;
    for (const reject of waiting) reject(loss());
    waiting.clear();
  });

  /** Throws by name what a promise of the device was rejected with. */
  async function fail(error: unknown): Promise<never> {
    if (errors === 0) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      await Promise.race([lost, new Promise((told) => (timer = setTimeout(told, LOSS_IS_TOLD_MS)))]);
      clearTimeout(timer);
    }
    engine.check();
    if (error instanceof WinnowError) throw error;
    throw new WinnowError(
      'GpuError',
      `The GPU did not do what it was asked: ${error instanceof Error ? error.message : String(error)}`,
      notToBeTrusted,
    );
  }

  const engine: Omit<EngineDevice, 'halfMatrix'> = {
    device,
    gpu,
    adapter,
    adapterName:
      [adapter.vendor, adapter.architecture, adapter.device, adapter.description].filter(Boolean).join(' / ') ||
      'unnamed adapter',
    wait: (work) =>
      new Promise((resolve, reject) => {
        if (lostReason === undefined) waiting.add(reject);
        else reject(loss());
        work
          .catch(fail)
          .then(resolve, reject)
          .finally(() => waiting.delete(reject));
      }),
    check() {
      if (lostReason !== undefined) throw loss();
      if (errors > 0) {
        const message = `The GPU reported ${errors} error${errors > 1 ? 's' : ''}: ${firstMessage}`;
        errors = 0;
        if (outOfMemory) {
          outOfMemory = false;
          throw new WinnowError(
            'OutOfGpuMemory',
            message,
            'Close other tabs that use the GPU, or choose a smaller batch, image size or rank.',
          );
        }
        throw new WinnowError('GpuError', message, notToBeTrusted);
      }
    },
    lost: lost.then(() => (letGo ? null : loss())),
    destroy() {
      letGo = true;
      device.destroy();
    },
  };
  return engine;
}
