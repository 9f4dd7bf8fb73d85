/** Training runs: the record of one (run.json), and the numbers of its steps (metrics.jsonl). The settings have a check of their own
 *  (data/formats/trainConfig.ts). */
import { z } from 'zod';
import type { Strength } from '../losses/preference.ts';
import type { TrainConfig } from '../training/config.ts';
import type { Backend } from './images.ts';
import { type ModelRef, modelRefSchema } from './modelRef.ts';
import { type PairSizing, pairSizingSchema } from './pairs.ts';

/** Which kernels run, and why these. */
export interface KernelChoices {
  kernelVariants: Record<string, string>;
  /** Milliseconds measured for each candidate, by a readable name. */
  measuredMs: Record<string, number>;
  /** Why a candidate could not run here, by the same names. */
  failures: Record<string, string>;
  /** Best rate of a product kernel here, multiply and add counted as two. */
  flopsPerSecond: number;
}

/** Stored in every run and given back on resume, so that the same kernels run again. */
export interface EngineChoices extends KernelChoices {
  /** The backend that draws pictures, under the name that records have had from the first. */
  sampler: Backend;
  onnxProvider: 'webgpu' | 'wasm';
  wasmThreads: number;
}

/** A labelled pair as training takes it. */
export interface TrainPair {
  pair: string;
  prompt: string;
  /** Latents, or the picture where it is from elsewhere: the model's VAE makes its latents. Of a tie, the picture that was shown on the left is the
   *  winner. */
  winnerLatents: string;
  loserLatents: string;
  /** How sure the label is; a plain left or right if left out. Only losses that read it train on ties. */
  strength?: Strength | undefined;
  /** Who gave the label, as the label says: 'person', or a judge. Not in records of before it was there. */
  by?: string | undefined;
  /** Where several raters' labels were merged, all who gave that answer; `by` is the first of them. */
  raters?: string[] | undefined;
  /** Of pictures from elsewhere, what was said of their size when they came. */
  sizing?: PairSizing | undefined;
  /** It was asked about because a model doubted it: it trains, and no figure is made of it. */
  chosen?: boolean | undefined;
  /** How often it is drawn in an epoch, as the settings have it for who gave the label; once if left out. */
  repeats?: number | undefined;
}

/** Which labels train, and how often each in an epoch, in order of their number: what a run says of itself. */
export function takenLabels(pairs: readonly TrainPair[]): { by: string; pairs: number; repeats: number }[] {
  const taken = new Map<string, { by: string; pairs: number; repeats: number }>();
  for (const { by = '', repeats = 1 } of pairs) {
    const key = `${by} ${repeats}`;
    const known = taken.get(key) ?? { by, pairs: 0, repeats };
    taken.set(key, { ...known, pairs: known.pairs + 1 });
  }
  return [...taken.values()].sort((a, b) => b.pairs - a.pairs);
}

/** Of a few signatures: `80 by person, 3 times an epoch; 12 by a`. */
export function takenInWords(pairs: readonly TrainPair[]): string {
  const taken = takenLabels(pairs);
  const said = taken.slice(0, MAX_NAMED).map(({ by, pairs: count, repeats }) => {
    const often = repeats > 1 ? `, ${repeats} times an epoch` : '';
    return `${count} by ${by || 'nobody who is named'}${often}`;
  });
  const rest = taken.slice(MAX_NAMED).reduce((sum, { pairs: count }) => sum + count, 0);
  return [...said, ...(rest > 0 ? [`${rest} by others`] : [])].join('; ');
}

const MAX_NAMED = 6;

/** Mean over the step's pairs, and each pair on its own (for charts by timestep). Errors are means over C, H, W. */
export interface StepMetrics {
  step: number;
  /** In f64 from the logits, so that a logit of 0 reads ln 2 exactly (for losses of the logit alone). */
  loss: number;
  implicitAccuracy: number;
  logit: number;
  winnerError: number;
  loserError: number;
  winnerReferenceError: number;
  loserReferenceError: number;
  /** Before clipping. */
  gradNorm: number;
  learningRate: number;
  elapsedMs: number;
  pairs: {
    pair: string;
    timestep: number;
    logit: number;
    mw: number;
    ml: number;
    rw: number;
    rl: number;
    /** The chance that the winner is the better one, where the loss reads it; 0.5 is a tie. */
    preference?: number | undefined;
  }[];
}

export type RunStatus = 'preparing' | 'running' | 'paused' | 'finished' | 'stopped' | 'failed';

export interface Checkpoint {
  step: number;
  file: string;
  at: string;
}

export interface SampleRecord {
  step: number;
  prompt: string;
  seed: number;
  file: string;
}

/** What a run trains on, by content. SHA-256, hex. */
export interface RunSources {
  /** Of the model's parts, by name (service/model/identity.ts). */
  model: Record<string, string>;
  /** Of each pair's latents, or of the files of pictures from elsewhere, in the order of the record's pairs. */
  pairs: { winner: string; loser: string }[];
}

/** A loss of the GPU device that the run survived. */
export interface Recovery {
  at: string;
  /** What was said of the loss, in a sentence. */
  loss: string;
  /** Steps that it had taken, and those that were saved: it went on from there. */
  lostAt: number;
  from: number;
}

/** More steps were asked for of a run that had taken all of its own. */
export interface Extension {
  at: string;
  /** Steps of the run before and since. */
  from: number;
  to: number;
}

/** What a look at some pairs says of them, over one bank of draws. */
export interface LookFigures {
  pairs: number;
  /** Pairs whose winner the model prefers, a tie counting half. */
  right: number;
  /** Mean implicit margin, and the loss of the margins whatever their size (evaluation/looks.ts lossOf): ln 2 where the model prefers nothing. */
  margin: number;
  loss: number;
  /** The winners' error over the reference's: above 1 the model draws them worse than at the start. */
  winnerError: number;
}

/** A run looks, between two steps, at pairs that it keeps back and at as many or fewer that it trains on. */
export interface Look {
  /** Steps that it had taken. */
  step: number;
  /** Of (timestep, noise), common to all pairs and all looks of the run. */
  draws: number;
  heldOut: LookFigures;
  training: LookFigures;
}

/** Pairs that were solved at a step, which later ones leave out (training/solved.ts). */
export interface Solved {
  /** Steps that it had taken. */
  step: number;
  pairs: string[];
}

/** For people, in one line; null where none was. */
export function solvedInWords({ solved = [], config }: Pick<RunRecord, 'solved' | 'config'>): string | null {
  const [first, ...more] = solved;
  if (!first) return null;
  const count = solved.reduce((sum, { pairs }) => sum + pairs.length, 0);
  const when =
    more.length === 0 ? `from step ${first.step} on` : `between step ${first.step} and step ${more.at(-1)!.step}`;
  return `It left out ${count === 1 ? 'one pair' : `${count} pairs`} that it was sure of (a margin of ${config.solvedMargin} or more), ${when}.`;
}

/** Why a run ended before its last step, other than by a person. */
export interface EndedEarly {
  by: 'early stop' | 'drift guard' | 'solved';
  step: number;
  /** What happened, and what was done, for people. */
  words: string;
}

/** The drift guard went back to an earlier checkpoint, and on from there at a lower rate. */
export interface Setback {
  at: string;
  /** Steps that it had taken, and those of the checkpoint. */
  step: number;
  to: number;
  words: string;
}

/** Steps that were taken elsewhere, by tools/hand-off/continue.py. */
export interface Lineage {
  by: string;
  fromStep: number;
  toStep: number;
  processes: number;
  /** `no` or `bf16`. */
  precision: string;
  /** Whether AdamW's moments went along: `restored` or `fresh`. */
  moments: string;
  device: string;
}

/** For people, in one line. */
export const lineageInWords = ({ by, fromStep, toStep, processes, precision, moments, device }: Lineage): string =>
  `Steps ${fromStep} to ${toStep} were taken by ${by} on ${processes} ${processes === 1 ? 'process' : 'processes'} (${device}${precision === 'no' ? '' : `, ${precision}`}${moments === 'restored' ? '' : `, moments ${moments}`}).`;

/** For people, in one line. */
export const recoveryInWords = ({ loss, lostAt, from }: Omit<Recovery, 'at'>): string =>
  `${loss} It was opened again, and training went on from step ${from}${lostAt > from ? `; it had taken ${lostAt}` : ''}.`;

/** For people, in one line. */
export const extensionInWords = ({ from, to }: Omit<Extension, 'at'>): string =>
  `It was to take ${from} steps; ${to - from} more were asked for, ${to} in all.`;

/** `runs/<id>/run.json` in the file store. */
export interface RunRecord {
  version: 1;
  id: string;
  name: string;
  model: ModelRef;
  modelHash: string;
  /** SHA-256 over the pairs that train, winners before losers: ids, prompts, latents. Hex. */
  dataHash: string;
  /** Compared on resume. Not in records of before it was there, whose dataHash is over paths. */
  sources?: RunSources | undefined;
  pairs: TrainPair[];
  config: TrainConfig;
  status: RunStatus;
  step: number;
  reference: 'onnx' | 'engine';
  /** What the backward pass computes anew, once that is decided. */
  recompute?: 'none' | 'cheap' | 'blocks' | undefined;
  /** Largest |logit| at step 0; 0 with `engine` unless anchored elsewhere. */
  step0Logit: number | null;
  choices: EngineChoices;
  adapter: string;
  checkpoints: Checkpoint[];
  samples: SampleRecord[];
  /** Oldest first; only of runs that hold pairs out. */
  looks?: Look[] | undefined;
  /** Oldest first; only of runs that leave pairs out. */
  solved?: Solved[] | undefined;
  ended?: EndedEarly | undefined;
  /** Oldest first. */
  setbacks?: Setback[] | undefined;
  /** Oldest first; not in records of before there were any. */
  recoveries?: Recovery[] | undefined;
  /** Oldest first; only of runs that were asked for more steps. */
  extensions?: Extension[] | undefined;
  /** Oldest first; only of runs that went on elsewhere. */
  lineage?: Lineage[] | undefined;
  createdAt: string;
  updatedAt: string;
  error?: string | undefined;
}

const count = z.int().min(0);
/** Files of a run lie in its own folder, wherever that is: whatever stands before these is not looked at. */
const fileBelow = (folder: 'checkpoints' | 'samples'): z.ZodString =>
  z.string().regex(new RegExp(`^(.*/)?${folder}/[^/\\\\]+$`), `is no file in ${folder}/`);
const hash = z.string().regex(/^[0-9a-f]{64}$/, 'is no SHA-256');

/** What was measured on a machine (settings/choices-*.json, and each run's copy). */
export const choicesSchema = z.looseObject({
  kernelVariants: z.record(z.string(), z.string()),
  sampler: z.enum(['engine', 'onnx-webgpu', 'onnx-wasm']),
  onnxProvider: z.enum(['webgpu', 'wasm']),
  wasmThreads: z.int().min(1).max(4096),
  measuredMs: z.record(z.string(), z.number()),
  // Not in records of before they were there.
  failures: z.record(z.string(), z.string()).default({}),
  flopsPerSecond: z.number().min(0).default(0),
}) satisfies z.ZodType<EngineChoices>;

const finite = z.number();
const figures = z.looseObject({
  pairs: z.int().min(1),
  right: finite.min(0),
  margin: finite,
  loss: finite,
  winnerError: finite,
}) satisfies z.ZodType<LookFigures>;

/** All but the settings, which have a check of their own. What later versions add is kept. */
export const runSchema = z.looseObject({
  version: z.literal(1),
  id: z.string().min(1),
  name: z.string(),
  model: modelRefSchema,
  modelHash: z.string(),
  dataHash: z.string(),
  sources: z
    .looseObject({
      model: z.record(z.string(), hash),
      pairs: z.array(z.looseObject({ winner: hash, loser: hash })),
    })
    .optional(),
  pairs: z
    .array(
      z.looseObject({
        pair: z.string().min(1),
        prompt: z.string(),
        winnerLatents: z.string().min(1),
        loserLatents: z.string().min(1),
        strength: z.enum(['tie', 'clear']).optional(),
        by: z.string().optional(),
        raters: z.array(z.string()).min(1).optional(),
        sizing: pairSizingSchema.optional(),
        chosen: z.boolean().optional(),
        repeats: z.int().min(1).max(1000).optional(),
      }),
    )
    .min(1),
  config: z.looseObject({}),
  status: z.enum(['preparing', 'running', 'paused', 'finished', 'stopped', 'failed']),
  step: count,
  reference: z.enum(['onnx', 'engine']),
  recompute: z.enum(['none', 'cheap', 'blocks']).optional(),
  step0Logit: z.number().nullable(),
  choices: choicesSchema,
  adapter: z.string(),
  checkpoints: z.array(z.looseObject({ step: count, file: fileBelow('checkpoints'), at: z.string() })),
  samples: z.array(z.looseObject({ step: count, prompt: z.string(), seed: count, file: fileBelow('samples') })),
  looks: z.array(z.looseObject({ step: count, draws: z.int().min(1), heldOut: figures, training: figures })).optional(),
  solved: z.array(z.looseObject({ step: count, pairs: z.array(z.string()).min(1) })).optional(),
  ended: z
    .looseObject({ by: z.enum(['early stop', 'drift guard', 'solved']), step: count, words: z.string() })
    .optional(),
  setbacks: z.array(z.looseObject({ at: z.string(), step: count, to: count, words: z.string() })).optional(),
  recoveries: z.array(z.looseObject({ at: z.string(), loss: z.string(), lostAt: count, from: count })).optional(),
  extensions: z.array(z.looseObject({ at: z.string(), from: count, to: count })).optional(),
  lineage: z
    .array(
      z.looseObject({
        by: z.string(),
        fromStep: count,
        toStep: count,
        processes: count,
        precision: z.string(),
        moments: z.string(),
        device: z.string(),
      }),
    )
    .optional(),
  createdAt: z.string(),
  updatedAt: z.string(),
  error: z.string().optional(),
}) satisfies z.ZodType<Omit<RunRecord, 'config'>>;

/** JSON has no NaN and no infinity: both come back as null. */
const figure = z
  .number()
  .nullable()
  .transform((value) => value ?? Number.NaN);

export const metricsSchema = z.looseObject({
  step: count,
  loss: figure,
  implicitAccuracy: figure,
  logit: figure,
  winnerError: figure,
  loserError: figure,
  winnerReferenceError: figure,
  loserReferenceError: figure,
  gradNorm: figure,
  learningRate: figure,
  elapsedMs: figure,
  pairs: z.array(
    z.looseObject({
      pair: z.string(),
      timestep: figure,
      logit: figure,
      mw: figure,
      ml: figure,
      rw: figure,
      rl: figure,
      preference: z.number().optional(),
    }),
  ),
}) satisfies z.ZodType<StepMetrics>;
