/** A golden case's folder, opened: case.json, and its tensors by file. Format: docs/golden-cases.md. */
import { openSafetensors, type SafetensorsFile } from '../../data/formats/safetensors.ts';
import type { Tensor } from '../../graph/feed.ts';
import type { Value } from '../../graph/graph.ts';
import type { TensorSource } from '../../models/weights.ts';
import { WinnowError } from '../../shared/errors.ts';
import { sameShape, type Shape } from '../../shared/shape.ts';
import type { FolderReader } from '../environment.ts';
import { readFolderJson, readOptional } from '../model/modelConfigs.ts';

export const caseKinds = [
  'unet',
  'unet_lora',
  'vae',
  'text_encoder',
  'tokenizer',
  'scheduler',
  'add_noise',
  'dpo',
  'implicit',
  'pipeline',
  'resize',
  'judge',
] as const;
export type CaseKind = (typeof caseKinds)[number];

export interface Tolerance {
  forward: number;
  grad: number;
  trajectory: number;
  /** For the `image` of a pipeline. */
  psnr_db?: number;
  /** Replaces the class tolerance of a tensor, by name. */
  tensors?: Record<string, number>;
}

export interface GoldenCase {
  kind: CaseKind;
  name: string;
  tolerance: Tolerance;
  /** case.json whole: each kind has fields of its own. */
  fields: Readonly<Record<string, unknown>>;
  reader: FolderReader;
  expected: SafetensorsFile;
  inputs: CaseInputs;
}

/** The tensors of inputs.safetensors. A missing one is an error that names it. */
export class CaseInputs {
  private readonly file: SafetensorsFile | undefined;

  constructor(file: SafetensorsFile | undefined) {
    this.file = file;
  }

  has(name: string): boolean {
    return this.file?.info(name) !== undefined;
  }

  shape(name: string): Shape {
    return this.open(name).shape(name)!;
  }

  read(name: string): Promise<Float32Array> {
    return this.open(name).read(name);
  }

  readInt32(name: string): Promise<Int32Array> {
    return this.open(name).readInt32(name);
  }

  /** Of graph inputs, under their names behind a prefix. */
  async feeds(inputs: Iterable<Value>, prefix = ''): Promise<Record<string, Tensor>> {
    const feeds: Record<string, Tensor> = {};
    for (const { name, shape, dtype } of inputs) {
      const own = this.shape(prefix + name);
      if (!sameShape(own, shape))
        throw badCase(`${prefix}${name} is [${own.join(', ')}], the config makes it [${shape.join(', ')}]`);
      const data = await (dtype === 'i32' ? this.readInt32(prefix + name) : this.read(prefix + name));
      feeds[name] = { shape, data };
    }
    return feeds;
  }

  private open(name: string): SafetensorsFile {
    if (!this.file || !this.has(name)) throw badCase(`inputs.safetensors has no ${name}`);
    return this.file;
  }
}

export function badCase(what: string): WinnowError {
  return new WinnowError(
    'BadFile',
    `The golden case cannot be run: ${what}.`,
    'See docs/golden-cases.md for the format.',
  );
}

export async function openTensors(reader: FolderReader, path: string): Promise<SafetensorsFile> {
  return openSafetensors(await reader.read(path), path);
}

/** weights.safetensors, or another file, as a source of parameters. */
export const openWeights = (reader: FolderReader, path = 'weights.safetensors'): Promise<TensorSource> =>
  openTensors(reader, path);

export async function openCase(reader: FolderReader): Promise<GoldenCase> {
  const fields = await readFolderJson(reader, 'case.json');
  const { schema, kind, name, tolerance } = fields;
  if (schema !== 1) throw badCase(`case.json has schema ${JSON.stringify(schema)}, this Winnow reads 1`);
  if (!caseKinds.includes(kind as CaseKind))
    throw badCase(`there is no kind ${JSON.stringify(kind)}; kinds are ${caseKinds.join(', ')}`);
  if (typeof name !== 'string') throw badCase('case.json has no name');
  const classes = { forward: 1e-5, grad: 1e-4, trajectory: 1e-3, ...(tolerance as Partial<Tolerance> | undefined) };
  const inputs = await readOptional(reader, 'inputs.safetensors');
  return {
    kind: kind as CaseKind,
    name,
    tolerance: classes,
    fields,
    reader,
    expected: await openTensors(reader, 'expected.safetensors'),
    inputs: new CaseInputs(inputs && (await openSafetensors(inputs, 'inputs.safetensors'))),
  };
}

/** Fields of case.json by type; a missing or odd one is an error that names it. */
export function field(golden: GoldenCase, name: string, type: 'number'): number;
export function field(golden: GoldenCase, name: string, type: 'string'): string;
export function field(golden: GoldenCase, name: string, type: 'object'): Record<string, unknown>;
export function field(golden: GoldenCase, name: string, type: 'number' | 'string' | 'object'): unknown {
  const value = golden.fields[name];
  if (typeof value !== type || value === null || Array.isArray(value))
    throw badCase(`case.json: ${name} is ${JSON.stringify(value)}, expected a${type === 'object' ? 'n' : ''} ${type}`);
  return value;
}

/** As `field`, but undefined where case.json has none or null. */
export function optionalNumber(golden: GoldenCase, name: string): number | undefined {
  const value = golden.fields[name] ?? undefined;
  return value === undefined ? undefined : field(golden, name, 'number');
}
