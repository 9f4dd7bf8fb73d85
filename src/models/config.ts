/** Reads a model's config.json field by field: a missing field takes the library's default, a value the engine does not implement is
 *  refused by field and value. Fields nobody asks for are ignored, as diffusers and transformers do. */
import { WinnowError } from '../shared/errors.ts';

export type Config = Readonly<Record<string, unknown>>;

export function unsupported(model: string, field: string, value: unknown, wanted: string): WinnowError {
  return new WinnowError(
    'UnsupportedArchitecture',
    `${model} config: ${field} is ${JSON.stringify(value)}; Winnow supports ${wanted}.`,
    'Choose a model of the Stable Diffusion 1, 2 or XL kind.',
  );
}

const isInt = (value: unknown): value is number => Number.isInteger(value) && (value as number) > 0;

export class ConfigReader {
  private readonly config: Config;
  /** The class the config is for, in errors. */
  readonly model: string;

  constructor(config: Config, model: string) {
    this.config = config;
    this.model = model;
  }

  get(field: string, fallback: unknown): unknown {
    return field in this.config ? this.config[field] : fallback;
  }

  /** A positive integer. */
  int(field: string, fallback?: number): number {
    const value = this.get(field, fallback);
    if (!isInt(value)) throw unsupported(this.model, field, value, 'a positive integer');
    return value;
  }

  number(field: string, fallback: number): number {
    const value = this.get(field, fallback);
    if (typeof value !== 'number' || !Number.isFinite(value)) throw unsupported(this.model, field, value, 'a number');
    return value;
  }

  flag(field: string, fallback: boolean): boolean {
    const value = this.get(field, fallback);
    if (typeof value !== 'boolean') throw unsupported(this.model, field, value, 'true or false');
    return value;
  }

  oneOf<T>(field: string, fallback: unknown, options: readonly T[]): T {
    const value = this.get(field, fallback);
    const found = options.find((option) => option === value);
    if (found === undefined)
      throw unsupported(this.model, field, value, options.map((option) => JSON.stringify(option)).join(' or '));
    return found;
  }

  /** Fields that only do something at other values than these; the first is the default. */
  only(allowed: Readonly<Record<string, readonly unknown[]>>): void {
    for (const [field, values] of Object.entries(allowed)) this.oneOf(field, values[0], values);
  }

  /** A list of positive integers; one number stands for `length` of it. */
  ints(field: string, fallback: unknown, length?: number): number[] {
    const value = this.get(field, fallback);
    if (length !== undefined && isInt(value)) return Array<number>(length).fill(value);
    if (!Array.isArray(value) || !value.every(isInt)) throw unsupported(this.model, field, value, 'positive integers');
    if (length !== undefined && value.length !== length)
      throw unsupported(this.model, field, value, `${length} entries, one a block`);
    return value;
  }

  /** A list of integers from 0 on. */
  counts(field: string, fallback: readonly number[]): number[] {
    const value = this.get(field, fallback);
    if (!Array.isArray(value) || !value.every((entry) => Number.isInteger(entry) && (entry as number) >= 0))
      throw unsupported(this.model, field, value, 'integers from 0 on');
    return value as number[];
  }

  strings<T extends string>(field: string, fallback: readonly T[], options: readonly T[], length?: number): T[] {
    const value = this.get(field, fallback);
    if (!Array.isArray(value)) throw unsupported(this.model, field, value, 'a list');
    for (const entry of value)
      if (!options.includes(entry as T)) throw unsupported(this.model, field, entry, options.join(' or '));
    if (length !== undefined && value.length !== length)
      throw unsupported(this.model, field, value, `${length} entries, one a block`);
    return value as T[];
  }
}
