/** Reads a diffusers `scheduler_config.json` for one of its classes, with the meaning of `from_config`: a field the file does not have, or
 *  lists under `_use_default_values`, takes the default of the class that reads it, not of the class that wrote it; fields of other
 *  classes are ignored. A value that this class does not implement here is refused by its field. */
import { WinnowError } from '../shared/errors.ts';
import { parseJsonObject, shown } from '../shared/json.ts';

/** A config with a list of betas for every timestep takes some 20 KB. */
const MAX_TEXT = 2 ** 22;

/** As parsed from JSON. Fields keep the file's spelling. */
export type SchedulerConfig = Readonly<Record<string, unknown>>;

interface Bounds {
  min?: number;
  max?: number;
}

export class SchedulerConfigReader {
  readonly className: string;
  private readonly config: SchedulerConfig;
  private readonly defaulted: readonly unknown[];

  constructor(config: SchedulerConfig, className: string) {
    this.className = className;
    this.config = config;
    this.defaulted = Array.isArray(config['_use_default_values']) ? config['_use_default_values'] : [];
  }

  /** The value of `field` if the file says one. null counts as said, as in Python. */
  get(field: string, fallback: unknown): unknown {
    const value = this.config[field];
    return value === undefined || this.defaulted.includes(field) ? fallback : value;
  }

  number(field: string, fallback: number, { min = -1e6, max = 1e6 }: Bounds = {}): number {
    const value = this.get(field, fallback);
    if (!(typeof value === 'number' && value >= min && value <= max))
      throw this.unsupported(field, `numbers from ${min} to ${max}`);
    return value;
  }

  /** From 0 to a million unless told otherwise. */
  int(field: string, fallback: number, { min = 0, max = 1e6 }: Bounds = {}): number {
    const value = this.get(field, fallback);
    if (!(Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max))
      throw this.unsupported(field, `integers from ${min} to ${max}`);
    return value as number;
  }

  flag(field: string, fallback: boolean): boolean {
    const value = this.get(field, fallback) ?? false;
    if (typeof value !== 'boolean') throw this.unsupported(field, 'true or false');
    return value;
  }

  oneOf<T extends string>(field: string, fallback: T, options: readonly T[]): T {
    const value = this.get(field, fallback);
    const found = options.find((option) => option === value);
    if (found === undefined) throw this.unsupported(field, options.map((option) => `"${option}"`).join(' or '));
    return found;
  }

  /** Fields whose other values ask for something that is not here. */
  only(allowed: Readonly<Record<string, readonly unknown[]>>): void {
    for (const [field, values] of Object.entries(allowed)) {
      if (!values.includes(this.get(field, values[0])))
        throw this.unsupported(field, values.map((value) => JSON.stringify(value)).join(' or '));
    }
  }

  unsupported(field: string, wanted: string): WinnowError {
    return new WinnowError(
      'UnsupportedConfig',
      `The ${this.className} config has ${field} = ${shown(this.get(field, undefined))}; Winnow has ${wanted}.`,
      'Choose another sampler, or change that field in scheduler_config.json.',
    );
  }
}

/** A config with `options` said on top, also those the file marks as mere defaults: `from_config(config, **options)`. */
export function withOptions(config: SchedulerConfig, options: SchedulerConfig = {}): SchedulerConfig {
  const defaulted = config['_use_default_values'];
  const out: Record<string, unknown> = { ...config, ...options };
  if (Array.isArray(defaulted))
    out['_use_default_values'] = defaulted.filter((field) => typeof field !== 'string' || !(field in options));
  return out;
}

/** The file's text, as Python writes and reads it. */
export function formatSchedulerConfig(config: SchedulerConfig): string {
  const text = JSON.stringify(
    config,
    (_, value: unknown) => (typeof value === 'number' && !Number.isFinite(value) ? `\0${value}` : value),
    2,
  );
  return `${text.replace(/"\\u0000(-?Infinity|NaN)"/g, '$1')}\n`;
}

/** Parses the file's text; `file` names it in errors. Python writes `-Infinity` for DPM-Solver's `lambda_min_clipped`, which JSON does not have.
 *  Throws BadFile. */
export function parseSchedulerConfig(text: string, file = 'scheduler_config.json'): SchedulerConfig {
  return parseJsonObject(text.replace(/(:\s*)(-?)Infinity\b/g, '$1$21e999'), {
    file,
    remedy: 'Download the model folder again.',
    limit: MAX_TEXT,
  });
}
