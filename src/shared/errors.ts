/** Errors a person can meet: one sentence of what happened, one of what to do.
 *  Only `name`, `message` and `stack` cross a worker boundary, so `name` is stable and the message holds both sentences. */
export class WinnowError extends Error {
  readonly what: string;
  readonly remedy: string;

  constructor(name: ErrorName, what: string, remedy: string) {
    super(`${what} ${remedy}`);
    this.name = name;
    this.what = what;
    this.remedy = remedy;
  }
}

/** Every named error of the product (design, section 6). A new one is added here first. */
export type ErrorName =
  | 'NoWebGPU'
  | 'AdapterTooSmall'
  | 'OutOfGpuMemory'
  | 'DeviceLost'
  | 'GpuError'
  | 'EngineCrashed'
  | 'EngineEnded'
  | 'NotSafetensors'
  | 'TruncatedFile'
  | 'WrongShape'
  | 'MissingTensor'
  | 'UnsupportedArchitecture'
  | 'UnsupportedConfig'
  | 'PickleRefused'
  | 'NoDiskSpace'
  | 'MissingColumns'
  | 'BadConfig'
  | 'BadFile'
  | 'BadArguments'
  | 'BadPrompt'
  | 'SecondTab'
  | 'OnnxRuntimeFailed'
  | 'NotFound'
  | 'MissingModel'
  | 'IncompleteModel'
  | 'NoNetwork'
  | 'AccessDenied'
  | 'RateLimited'
  | 'DownloadFailed'
  | 'WrongHash'
  | 'SourceChanged'
  | 'Cancelled';

export function isWinnowError(error: unknown, name?: ErrorName): boolean {
  return error instanceof Error && 'name' in error && (name === undefined || error.name === name);
}
