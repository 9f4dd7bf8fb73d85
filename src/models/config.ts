/** Reads a model's config.json field by field: a missing field takes the library's default, a value the engine does not implement is
 *  refused by field and value. Fields nobody asks for are ignored, as diffusers and transformers do. */
import { WinnowError } from '../shared/errors.ts';
import { shown } from '../shared/json.ts';

export type Config = Readonly<Record<string, unknown>>;

export function unsupported(model: string, field: string, value: unknown, wanted: string): WinnowError {
  return new WinnowError(
    'UnsupportedArchitecture',
    `${model} config: ${field} is ${shown(value)}; Winnow supports ${wanted}.`,
    'Choose a model of the Stable Diffusion 1, 2 or XL kind.',
  );
}

/** Bounds of what a config may ask for: several times what any published model has, and little enough that a graph of it is built at once and
 *  its sizes are exact numbers. */
export const limits = {
  /** Channels, heads, kernel sides, group counts. */
  width: 2 ** 16,
  /** Tokens of a vocabulary, class labels. */
  rows: 2 ** 20,
  /** Resolution levels of a network. */
  blocks: 8,
  /** Of a prompt. */
  tokens: 2 ** 13,
  /** Layers of one block, and of a text encoder. */
  blockLayers: 16,
  textLayers: 128,
  /** Transformer layers after one resnet, and in a network together. */
  depth: 64,
  depths: 1024,
  /** Pixels of a picture that an encoder sees. */
  imageSide: 4096,
  /** Image pixels per latent pixel, along one axis. */
  vaeFactor: 128,
} as const;

const isInt = (value: unknown, max: number): value is number =>
  Number.isInteger(value) && (value as number) > 0 && (value as number) <= max;

export class ConfigReader {
  private readonly config: Config;
  /** The class the config is for, in errors. */
  readonly model: string;

  constructor(config: Config, model: string) {
    this.config = config;
    this.model = model;
  }

  get(field: string, fallback: unknown): unknown {
    return Object.hasOwn(this.config, field) ? this.config[field] : fallback;
  }

  /** A positive integer. */
  int(field: string, fallback?: number, max: number = limits.width): number {
    const value = this.get(field, fallback);
    if (!isInt(value, max)) throw unsupported(this.model, field, value, `an integer from 1 to ${max}`);
    return value;
  }

  number(field: string, fallback: number, { min, max }: { min: number; max: number }): number {
    const value = this.get(field, fallback);
    if (!(typeof value === 'number' && value >= min && value <= max))
      throw unsupported(this.model, field, value, `a number from ${min} to ${max}`);
    return value;
  }

  /** By which something is multiplied or divided. */
  factor(field: string, fallback: number): number {
    return this.number(field, fallback, { min: 1e-6, max: 1e6 });
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

  /** A list of positive integers, one a block; one number stands for `length` of it. */
  ints(
    field: string,
    fallback: unknown,
    { length, max = limits.width }: { length?: number; max?: number } = {},
  ): number[] {
    const value = this.get(field, fallback);
    if (length !== undefined && isInt(value, max)) return Array<number>(length).fill(value);
    return this.entries(field, value, length, (entry) => isInt(entry, max), `integers from 1 to ${max}`);
  }

  /** A list of integers from 0 on, one a block. */
  counts(field: string, fallback: readonly number[], max: number): number[] {
    const fits = (entry: unknown): boolean => entry === 0 || isInt(entry, max);
    return this.entries(field, this.get(field, fallback), undefined, fits, `integers from 0 to ${max}`);
  }

  strings<T extends string>(field: string, fallback: readonly T[], options: readonly T[], length?: number): T[] {
    const value = this.get(field, fallback);
    const wanted = options.join(' or ');
    const odd: unknown = Array.isArray(value) ? value.find((entry) => !options.includes(entry as T)) : undefined;
    if (odd !== undefined) throw unsupported(this.model, field, odd, wanted);
    return this.entries(field, value, length, () => true, wanted);
  }

  private entries<T>(
    field: string,
    value: unknown,
    length: number | undefined,
    fits: (entry: unknown) => boolean,
    wanted: string,
  ): T[] {
    if (!Array.isArray(value) || !value.every(fits)) throw unsupported(this.model, field, value, `a list of ${wanted}`);
    if (length !== undefined && value.length !== length)
      throw unsupported(this.model, field, value, `${length} entries, one a block`);
    if (value.length === 0 || value.length > limits.blocks)
      throw unsupported(this.model, field, value, `1 to ${limits.blocks} entries`);
    return value as T[];
  }
}
