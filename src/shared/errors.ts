/** Errors a person can meet: one sentence of what happened, one of what to do.
 *  Only `name`, `message` and `stack` cross a worker boundary, so `name` is stable and the message holds both sentences. */
export class WinnowError extends Error {
  readonly what: string;
  readonly remedy: string;

  constructor(name: ErrorName, given: string, remedy: string) {
    const what = brief(given);
    super(`${what} ${remedy}`);
    this.name = name;
    this.what = what;
    this.remedy = remedy;
  }
}

/** A person reads it, however long a name was that some file brought. */
const brief = (text: string): string => (text.length <= 800 ? text : `${text.slice(0, 600)} … ${text.slice(-150)}`);

/** Every named error of the product (design, section 6). A new one is added here first. */
const errorNames = [
  'NoWebGPU',
  'AdapterTooSmall',
  'OutOfGpuMemory',
  'DeviceLost',
  'GpuError',
  'EngineCrashed',
  'EngineEnded',
  'NotSafetensors',
  'TruncatedFile',
  'WrongShape',
  'MissingTensor',
  'UnsupportedArchitecture',
  'UnsupportedConfig',
  'PickleRefused',
  'NoDiskSpace',
  'MissingColumns',
  'BadConfig',
  'BadFile',
  'BadArguments',
  'BadPrompt',
  'SecondTab',
  'OnnxRuntimeFailed',
  'NotFound',
  'MissingModel',
  'IncompleteModel',
  'NoNetwork',
  'AccessDenied',
  'RateLimited',
  'DownloadFailed',
  'WrongHash',
  'SourceChanged',
  'Cancelled',
  'NotFinite',
] as const;

export type ErrorName = (typeof errorNames)[number];

const known: ReadonlySet<string> = new Set(errorNames);

/** Whether an error is one of ours (and of that name), also where it came from a worker and is no WinnowError any more. A browser's or a
 *  library's error is not, whatever it is called. */
export function isWinnowError(error: unknown, name?: ErrorName): error is Error {
  return error instanceof Error && known.has(error.name) && (name === undefined || error.name === name);
}

/** An error as a person reads it. One that is not ours is a fault of the product, and says so. */
export function inWords(error: unknown): { name: string; message: string } {
  if (isWinnowError(error)) return { name: error.name, message: error.message };
  const { name, message } = error instanceof Error ? error : { name: 'Error', message: String(error) };
  const what = message.trim() || name;
  return {
    name,
    message: `Something went wrong in Winnow: ${/[.!?]$/.test(what) ? what : `${what}.`} Try again; what was saved before is kept.`,
  };
}
