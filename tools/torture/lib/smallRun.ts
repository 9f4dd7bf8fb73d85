/** The smallest thing that trains: a tiny random Stable Diffusion, a few pairs of random latents, a few steps; and what a run is compared by. */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatJsonl } from '../../../src/data/formats/jsonl.ts';
import { writeSafetensors } from '../../../src/data/formats/safetensors.ts';
import type { LabelEvent } from '../../../src/records/labels.ts';
import type { PairRecord } from '../../../src/records/pairs.ts';
import type { TrainConfig } from '../../../src/training/config.ts';
import { presetNamed } from '../../../src/training/presets.ts';
import { Random } from './random.ts';

export const tinyModel = join(import.meta.dirname, '..', '..', 'reference', 'cases', 'pipeline-tiny-v', 'pipeline');

export const smallConfig = (mode: TrainConfig['mode'], reference: TrainConfig['reference']): TrainConfig => ({
  ...presetNamed('standard')!.config,
  mode,
  reference,
  rank: 2,
  alpha: 2,
  targets: 'attention',
  steps: 6,
  warmupSteps: 0,
  pairsPerStep: 1,
  learningRate: 1e-3,
  beta: 500,
  saveEvery: 2,
  sampleEvery: 3,
  keepCheckpoints: 2,
  samplePrompts: ['a tree'],
  sampleSeeds: [0, 1],
});

const LATENTS = [1, 8, 8, 8];

/** Files of a folder of pairs, by path; every pair is labelled. @param base the model that its pairs say they are of. */
export function smallPairs(
  base: string,
  count = 4,
): { pairs: PairRecord[]; labels: LabelEvent[]; files: Map<string, Uint8Array> } {
  const random = new Random(7);
  const files = new Map<string, Uint8Array>();
  const image = (id: string, prompt: string): PairRecord['images'][0] => {
    const data = Float32Array.from({ length: LATENTS.reduce((a, b) => a * b, 1) }, () => 2 * random.next() - 1);
    files.set(`images/${id}.safetensors`, writeSafetensors({ latents: { shape: LATENTS, data } }));
    return {
      id,
      prompt,
      seed: 1,
      model: { base, adapters: [] },
      modelHash: '0'.repeat(64),
      negativePrompt: '',
      steps: 1,
      guidanceScale: 1,
      width: 32,
      height: 32,
      scheduler: 'DPMSolverMultistepScheduler',
      sampler: 'auto',
      ranOn: 'engine',
      createdAt: '2026-01-01T00:00:00.000Z',
      file: `images/${id}.png`,
      latentsFile: `images/${id}.safetensors`,
    };
  };
  const pairs = Array.from({ length: count }, (_, i): PairRecord => {
    const prompt = ['a tree', 'a house'][i % 2]!;
    return {
      id: `pair-${i}`,
      prompt,
      images: [image(`${i}-a`, prompt), image(`${i}-b`, prompt)],
      origin: 'seeds',
      createdAt: `2026-01-01T00:00:0${i}.000Z`,
    };
  });
  const labels = pairs.map(({ id }, i): LabelEvent => ({
    type: 'label',
    id: `label-${i}`,
    pair: id,
    answer: i % 2 ? 'right' : 'left',
    shownLeft: 0,
    clearly: false,
    elapsedMs: 1,
    at: '2026-01-01T00:00:00.000Z',
    by: 'person',
  }));
  return { pairs, labels, files };
}

/** A folder of pairs as `winnow train` reads it. */
export function writeSmallPairs(folder: string): void {
  const { pairs, labels, files } = smallPairs(tinyModel);
  mkdirSync(join(folder, 'images'), { recursive: true });
  for (const [path, bytes] of files) writeFileSync(join(folder, path), bytes);
  writeFileSync(join(folder, 'pairs.jsonl'), formatJsonl(pairs));
  writeFileSync(join(folder, 'labels.jsonl'), formatJsonl(labels));
}

/** A run's folder: every file by its path in it. */
export type RunFiles = ReadonlyMap<string, Uint8Array>;

const decoder = new TextDecoder();

/** Of one order of keys. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => a.localeCompare(b));
  return Object.fromEntries(entries.map(([key, one]) => [key, canonical(one)]));
}

/** What differs of itself: times, and the run's own name. */
const passing = new Set(['createdAt', 'updatedAt', 'at', 'name', 'elapsedMs']);

const jsonOf = (text: string): string =>
  JSON.stringify(canonical(JSON.parse(text, (key, value: unknown) => (passing.has(key) ? undefined : value))));

/** What must be the same, whatever happened on the way, by path: every byte of weights and samples, every number of the rest. */
export function digest(files: RunFiles, id: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [path, bytes] of files) {
    let content: Uint8Array | string = bytes;
    if (path === 'run.json') content = jsonOf(decoder.decode(bytes)).replaceAll(id, 'ID');
    else if (path === 'metrics.jsonl') content = decoder.decode(bytes).trimEnd().split('\n').map(jsonOf).join('\n');
    else if (path.endsWith('.safetensors')) content = Buffer.from(bytes).toString('latin1').replaceAll(id, 'ID');
    found[path] =
      typeof content === 'string' && content.length < 100_000 && /json/.test(path) ? content : hash(content);
  }
  return Object.fromEntries(Object.entries(found).toSorted(([a], [b]) => a.localeCompare(b)));
}

const hash = (content: Uint8Array | string): string => createHash('sha256').update(content).digest('hex');

/** Where two digests part, in words. */
export function differences(found: Record<string, string>, wanted: Record<string, string>): string[] {
  return [...new Set([...Object.keys(found), ...Object.keys(wanted)])].flatMap((path) => {
    const [is, was] = [found[path], wanted[path]];
    if (is === was) return [];
    if (is === undefined || was === undefined)
      return [`${path} ${is === undefined ? 'is missing' : 'is one too many'}`];
    const at = [...is].findIndex((letter, i) => letter !== was[i]);
    return [
      `${path} differs (…${is.slice(Math.max(0, at - 60), at + 60)}… for …${was.slice(Math.max(0, at - 60), at + 60)}…)`,
    ];
  });
}

export const phases = ['prepare', 'step', 'save', 'sample', 'finish'] as const;
export type Phase = (typeof phases)[number];

/** At what a run was when it was killed, by what it left. */
export function phaseOf(files: RunFiles, config: TrainConfig): Phase {
  const text = files.get('run.json');
  if (!text) return 'prepare';
  const record = JSON.parse(decoder.decode(text)) as {
    status: string;
    checkpoints: { file: string }[];
    samples: { step: number }[];
  };
  if (record.status === 'preparing') return 'prepare';
  const steps = stepsIn(files);
  if (steps >= config.steps) return 'finish';
  const named = new Set(record.checkpoints.map(({ file }) => file.split('/').at(-1)));
  const unnamed = (path: string): boolean => path.startsWith('checkpoints/') && !named.has(path.split('/').at(-1));
  if ([...files.keys()].some((path) => path.endsWith('.part') || unnamed(path))) return 'save';
  const shots = config.samplePrompts.length * config.sampleSeeds.length;
  const drawn = record.samples.filter(({ step }) => step === steps).length;
  return steps % config.sampleEvery === 0 && drawn < shots ? 'sample' : 'step';
}

/** Whole lines. */
export const stepsIn = (files: RunFiles): number =>
  decoder.decode(files.get('metrics.jsonl') ?? new Uint8Array()).split('\n').length - 1;
