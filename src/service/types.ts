/** Everything the studio and the command line know of the engine: requests, events, and the records they speak of. Plain data, safe to post
 *  between workers. */
import type { HubRequest } from '../data/hub/repository.ts';
import type { JudgeInfo, JudgeScale, Score } from '../judges/judge.ts';
import type { StoredModel } from '../data/modelStore.ts';
import type { UnreadableRun } from '../data/runs.ts';
import type { Arithmetic } from '../shared/arithmetic.ts';
import type { GenerationSettings, ImageRecord, BackendChoice } from '../records/images.ts';
import type { AdapterRef, ModelRef, PredictionType } from '../records/modelRef.ts';
import type { Answer, LabelEvent } from '../records/labels.ts';
import type { ForeignImage, PairImage } from '../records/foreignImages.ts';
import type { OwnPair, PairRecord, PairSizing } from '../records/pairs.ts';
import type {
  Checkpoint,
  EndedEarly,
  EngineChoices,
  Look,
  LookFigures,
  Recovery,
  RunRecord,
  RunSources,
  RunStatus,
  SampleRecord,
  Setback,
  Solved,
  StepMetrics,
  TrainPair,
} from '../records/runs.ts';
import type { TrainConfig } from '../training/config.ts';
import type { DeviceChoices } from '../webgpu/device.ts';
import type { ExportKind } from './export/kinds.ts';
import type { Preview } from './sampling/previews.ts';

export type {
  AdapterRef,
  Answer,
  Checkpoint,
  EndedEarly,
  EngineChoices,
  ForeignImage,
  GenerationSettings,
  HubRequest,
  ImageRecord,
  JudgeInfo,
  JudgeScale,
  LabelEvent,
  Look,
  LookFigures,
  ModelRef,
  OwnPair,
  PairImage,
  PairRecord,
  PredictionType,
  Preview,
  Recovery,
  RunRecord,
  RunSources,
  RunStatus,
  SampleRecord,
  BackendChoice,
  Score,
  Setback,
  Solved,
  StepMetrics,
  StoredModel,
  TrainPair,
  UnreadableRun,
};

// ---- models ---------------------------------------------------------------------------------------------------------------------

export interface ModelInfo {
  id: string;
  title: string;
  /** Where it lies: with the product, or in this browser's storage (the command line's folders count as `disk`). */
  source: 'embedded' | 'disk' | 'hub';
  /** Names everything of the model that changes a picture or a training step (service/model/identity.ts), hex. */
  hash: string;
  /** SHA-256 of the UNet's weights alone (of several files: over their hashes), hex: what records of earlier versions know a model by. */
  unetHash: string;
  /** Readable: `Stable Diffusion 1`, `Stable Diffusion 2`, `Stable Diffusion XL`, `Latent Consistency`. */
  family: string;
  /** Class name in model_index.json; for a single-file checkpoint the one it stands for. */
  pipeline: string;
  parameters: { unet: number; vae: number; textEncoder: number };
  /** How the UNet's weights are stored. */
  precision: 'f32' | 'f16' | 'bf16';
  /** Of the weight files, together. */
  weightBytes: number;
  predictionType: PredictionType;
  /** diffusers class name of the model's own scheduler. */
  scheduler: string;
  /** How a picture of it is made unless somebody says otherwise. */
  defaults: { steps: number; guidanceScale: number; scheduler: string };
  /** In pixels: what it makes unless somebody says otherwise; width and height must be multiples of sizeMultiple. */
  defaultSize: { width: number; height: number };
  sizeMultiple: number;
  maxTokens: number;
  /** Whether its scheduler config asks for Karras noise levels, where the sampler has them. */
  karras: boolean;
  /** The UNet takes the guidance scale as an input instead of being run with and without the prompt: it reads no negative prompt, and there is
   *  nothing to rescale. */
  guidanceInput: boolean;
  /** Why it can only generate, in one sentence; null if it can be trained. */
  notTrainable: string | null;
  /** That came with it, in order of name. */
  judges: JudgeInfo[];
}

/** A judge that was brought into storage. */
export interface StoredJudge extends StoredModel {
  /** What requests name it by. */
  place: string;
  /** What was read of it; null where it does not open, or is not whole. */
  info: JudgeInfo | null;
  problem: { name: string; message: string } | null;
}

/** Files of a diffusers folder, by their paths inside it; or one single-file checkpoint. */
export interface ImportRequest {
  name: string;
  files: { path: string; file: Blob }[];
}

/** What a download would fetch, before it starts. */
export interface HubPlan {
  id: string;
  host: string;
  /** The commit the revision stands for. */
  revision: string;
  /** What is needed of the repository; of several variants of a weight file one. */
  files: { path: string; size: number }[];
  totalBytes: number;
  /** Already here, from an earlier try. */
  presentBytes: number;
  /** Free room by the browser's own account; null where it does not say. */
  availableBytes: number | null;
}

/** Bytes of all files together, those that were here already among them; they come one after the other, in the plan's order. */
export type StorageEvent =
  | { type: 'progress'; file: string; doneBytes: number; totalBytes: number }
  | { type: 'retry'; file: string; reason: string; attempt: number };

// ---- system ---------------------------------------------------------------------------------------------------------------------

export interface SystemReport {
  adapter: { vendor: string; architecture: string; device: string; description: string; isFallback: boolean };
  limits: { maxBufferSize: number; maxStorageBufferBindingSize: number; maxComputeWorkgroupStorageSize: number };
  features: string[];
  /** wasm threads onnxruntime may use; 1 without cross-origin isolation. */
  wasmThreads: number;
  /** What was chosen by measurement on this machine, with the measurements: kernel variants, backend, providers. */
  choices: EngineChoices;
}

// ---- generating -----------------------------------------------------------------------------------------------------------------

export interface GenerateRequest extends GenerationSettings {
  /** One image for each prompt and seed. */
  items: { prompt: string; seed: number }[];
  /** Whether steps come with a rough look of the picture, as soon as there is a map for it; no if left out. */
  previews?: boolean | undefined;
}

export type GenerateEvent =
  | { type: 'preparing'; what: string; done: number; total: number }
  | { type: 'step'; item: number; items: number; step: number; steps: number; preview?: Preview }
  | { type: 'image'; item: number; items: number; record: ImageRecord }
  /** The GPU was lost and opened again: what was under way is made anew. In a sentence or two, for people. */
  | { type: 'recovered'; message: string };

export interface PairsRequest extends GenerationSettings {
  /** Prompts are used in order, over again if there are fewer than count. */
  prompts: string[];
  count: number;
  /** Number of the first pair to make, 0 if left out: a job that was cut short goes on with the same prompts and seeds. */
  first?: number;
  /** Seeds are drawn from this one, counter-based. */
  seed: number;
  /** Second model: each pair is one seed through both. */
  against?: ModelRef;
  /** Draw this many images of a prompt and keep the best and the worst by the judge: by its first scale if none is named. */
  bestOf?: { k: number; judge: string; scale?: string | undefined };
  /** As of pictures. */
  previews?: boolean | undefined;
}

export type PairsEvent = GenerateEvent | { type: 'pair'; pair: OwnPair; done: number; total: number };

// ---- training -------------------------------------------------------------------------------------------------------------------

export type { RecomputeChoice, ReferenceChoice, TrainConfig } from '../training/config.ts';

export interface TrainRequest {
  /** New id, or the id of a run to resume; or a run's folder by its path. */
  run: string;
  name: string;
  /** On resume: where the run's model and pairs lie now. They must be, by content, what the run began with. */
  model: ModelRef;
  /** On resume: [] stands for the run's own. */
  pairs: TrainPair[];
  /** On resume name and settings are the run's own. */
  config: TrainConfig;
  resume: boolean;
  /** On resume, of a run that has taken all of its steps: so many on top, in all at most what settings may ask for. */
  more?: number | undefined;
}

export type TrainEvent =
  | { type: 'preparing'; what: string; done: number; total: number }
  /** unchecked: what of a resumed run could not be compared with what it began with, in a sentence. */
  | { type: 'started'; record: RunRecord; memory: MemoryForecast; resumedAt: number | null; unchecked: string | null }
  | { type: 'step'; metrics: StepMetrics; steps: number; etaSeconds: number }
  /** What it does between two steps, and how far it is (total 0: not known); null when that is done. */
  | { type: 'doing'; doing: { what: string; done: number; total: number } | null }
  | { type: 'look'; look: Look }
  /** Later steps leave these out. */
  | { type: 'solved'; solved: Solved }
  /** The drift guard went back to an earlier checkpoint; the record is of that step. */
  | { type: 'setback'; setback: Setback; record: RunRecord }
  | { type: 'sample'; sample: SampleRecord }
  | { type: 'checkpoint'; checkpoint: Checkpoint }
  /** The device was lost, and another one opened: the run goes on from its last save. `preparing` and `started` follow. */
  | { type: 'recovered'; recovery: Recovery; record: RunRecord }
  | { type: 'status'; record: RunRecord };

/** save and pause save; stop saves and ends. `resume` and `pause` where they change nothing are carried out at once. */
export type TrainCommand = 'pause' | 'resume' | 'stop' | 'save' | 'sample';

// ---- pictures that are gone -----------------------------------------------------------------------------------------------------------

/** A picture of the store that is gone, or cannot be read. */
export interface LostPicture {
  file: string;
  message: string;
}

/** Of pictures in their order. */
export interface ReadableScores {
  scores: (Score | null)[];
  lost: LostPicture[];
}

// ---- implicit reward --------------------------------------------------------------------------------------------------------------

/** What a trained model says of pairs by how much more likely it makes their pictures than the model it came from does. */
export interface ImplicitRequest {
  model: ModelRef;
  /** What it is held against; if left out, the model without its last adapter: what a run started from. */
  reference?: ModelRef | undefined;
  /** Latents, or pictures, as training takes them; winner and loser stand for the first and the second picture where nobody has judged. */
  pairs: readonly TrainPair[];
  /** Draws of (timestep, noise), common to all pictures: 10 if left out, as the paper has it. */
  draws?: number | undefined;
  /** Of the bank; 0 if left out. */
  seed?: number | undefined;
  /** Draws lie in [min, max); that of the run on top if left out, else all. */
  timestepRange?: [number, number] | undefined;
  /** The run's on top if left out, else the standard preset's. Accuracy does not depend on it. */
  beta?: number | undefined;
}

export type ImplicitEvent =
  | { type: 'preparing'; what: string; done: number; total: number }
  /** Pictures at one draw through one of the two models. */
  | { type: 'progress'; done: number; total: number }
  | { type: 'recovered'; message: string };

export interface ImplicitMargins {
  beta: number;
  /** Of the bank's draws, in order. */
  timesteps: number[];
  /** In the request's order, without those of which a picture is gone or damaged. */
  pairs: ImplicitMargin[];
  lost: LostPicture[];
}

export interface ImplicitMargin {
  pair: string;
  /** Mean of the logits: above 0 where the model prefers the winner. */
  margin: number;
  /** At each draw. */
  logits: number[];
  /** Rewards of the two pictures up to a constant of the prompt; the margin is their difference. */
  winner: number;
  loser: number;
}

// ---- forecast -------------------------------------------------------------------------------------------------------------------

/** Of a pair that is to train: its pictures' sizes in pixels, and whether they are from elsewhere. */
export interface PairPictures {
  pictures: readonly { width: number; height: number; foreign: boolean }[];
  sizing?: PairSizing | undefined;
}

/** Bytes on the GPU, known before step 1. */
export interface MemoryForecast {
  parts: {
    weights: number;
    adapter: number;
    gradients: number;
    optimiser: number;
    activations: number;
    reference: number;
    /** The average of what is trained, where one is kept. */
    ema?: number;
    /** Models that pictures were made with and that may stay beside it. */
    kept?: number;
    /** What looks at held-out pairs take beside a step. */
    looks?: number;
  };
  peakBytes: number;
  /** The adapter's limit that binds, if one does, and by how much. */
  exceeded?: { limit: string; neededBytes: number; availableBytes: number; remedy: string };
  flopsPerStep: number;
  /** From the steps of the last run on this adapter, or else from the kernels measured at start-up; null where nothing was measured. */
  secondsPerStep: number | null;
  timedBy: 'run' | 'kernels' | null;
}

/** What a model takes here at one size: one picture with guidance; one pair with a LoRA of rank 8; one pair with all weights. */
export interface ModelForecast {
  generate: MemoryForecast;
  lora: MemoryForecast;
  full: MemoryForecast;
}

// ---- scoring, evaluating, exporting ---------------------------------------------------------------------------------------------

export type { ExportKind };

export interface ExportOptions {
  /** How the weights of a merged model are written. If left out, a diffusers folder has its UNet in f32 and the rest as the model's own files have
   *  it, and a single file has each tensor so: what was fp16 stays fp16. */
  precision?: 'f32' | 'f16' | 'bf16';
  /** Where to write, in the file store; `exports/` and a new id if left out. */
  folder?: string;
  /** Of a single file, without its ending: the run's or the model's name if left out. */
  name?: string;
  /** A folder as one file. */
  zip?: boolean;
}

/** Bytes written so far of one of an export's large files. */
export interface ExportEvent {
  file: string;
  doneBytes: number;
  totalBytes: number;
}

export interface ImportedLora {
  /** In the file store. */
  file: string;
  /** The largest. */
  rank: number;
  modules: number;
  format: 'kohya' | 'peft';
  /** Layers that it changes, of each net that it changes. */
  parts: LoraPartCounts;
}

export type LoraPartCounts = Partial<Record<'unet' | 'text_encoder' | 'text_encoder_2', number>>;

export interface ExportedFile {
  /** Path inside the folder that was written to. */
  name: string;
  size: number;
  /** In the file store. */
  file: string;
}

// ---- the service ----------------------------------------------------------------------------------------------------------------

export type Listener<Event> = (event: Event) => void;

/** Models in storage: verbs of the engine's worker. */
export interface ModelStorageService {
  /** Everything in storage, what cannot be opened too. */
  storedModels(): Promise<StoredModel[]>;
  /** Why a stored model does not open, as `models` leaves it out; null if it does. */
  modelProblem(id: string): Promise<{ name: string; message: string } | null>;
  /** Copies a model into storage, streaming. What is unsupported is refused before anything is copied. */
  importModel(job: string, request: ImportRequest, listener: Listener<StorageEvent>): Promise<ModelInfo>;
  /** Sizes and room, before a download. Configs are read first: what is unsupported is refused here. */
  /** What files that were brought are; null: neither. Nothing large is read. */
  kindOf(request: ImportRequest): Promise<'model' | 'judge' | null>;
  planDownload(request: HubRequest): Promise<HubPlan>;
  /** Downloads, or goes on with, the files of the plan; every file is checked against the hub's hash. */
  downloadModel(job: string, request: HubRequest, listener: Listener<StorageEvent>): Promise<ModelInfo>;
  deleteModel(id: string): Promise<void>;
  /** Says of a stored model what its network predicts; null goes back to what its files say. */
  setPredictionType(id: string, type: PredictionType | null): Promise<ModelInfo>;
  /** Memory for each use of a model at a size on this adapter. */
  modelForecast(model: string, size: { width: number; height: number }): Promise<ModelForecast>;
}

/** Judges in storage: verbs of the engine's worker. They come in as models do. */
export interface JudgeStorageService {
  /** Newest first, what cannot be opened too. */
  storedJudges(): Promise<StoredJudge[]>;
  /** Copies a judge into storage, streaming; checked before anything is copied. Resolves with its id. */
  importJudge(job: string, request: ImportRequest, listener: Listener<StorageEvent>): Promise<string>;
  planJudgeDownload(request: HubRequest): Promise<HubPlan>;
  downloadJudge(job: string, request: HubRequest, listener: Listener<StorageEvent>): Promise<string>;
  deleteJudge(id: string): Promise<void>;
}

export interface PromptReading {
  prompt: string;
  /** The same for prompts that give the same pictures. */
  tokens: string;
  /** What is cut off. */
  lost: string;
  /** Of the prompt's own, cut off or not; of several text encoders the most. */
  count: number;
  /** That an encoder takes, its start and end among them. */
  maxTokens: number;
}

/** The engine's verbs. One job runs at a time, in order of call; `cancel` ends the named job at its next step with a Cancelled error, and
 *  resolves when it has ended. Every verb rejects with a named error (shared/errors.ts). */
export interface EngineService extends ModelStorageService, JudgeStorageService {
  /** Opens the device, measures what is to be measured, once. What is chosen holds for this device and those that follow a lost one. */
  start(
    listener?: Listener<{ what: string; done: number; total: number }>,
    choices?: DeviceChoices,
  ): Promise<SystemReport>;
  /** The embedded models and the stored ones that open; the embedded ones first. */
  models(): Promise<ModelInfo[]>;
  /** Names what a reference stands for now, as `ImageRecord.modelHash` does: it changes with any file behind it. */
  modelHash(model: ModelRef): Promise<string>;
  /** What the text encoders take of prompts. */
  readPrompts(ref: ModelRef, prompts: readonly string[]): Promise<PromptReading[]>;
  generate(job: string, request: GenerateRequest, listener: Listener<GenerateEvent>): Promise<ImageRecord[]>;
  makePairs(job: string, request: PairsRequest, listener: Listener<PairsEvent>): Promise<OwnPair[]>;
  /** At the sizes in which pairs with these pictures train; the model's own if there are none. */
  forecast(model: ModelRef, config: TrainConfig, pairs?: readonly PairPictures[]): Promise<MemoryForecast>;
  /** Resolves when the run is finished or stopped (`pause` keeps it waiting). A run that is resumed on something else than it began with is
   *  refused with SourceChanged, its record as it was. */
  train(job: string, request: TrainRequest, listener: Listener<TrainEvent>): Promise<RunRecord>;
  /** Resolves when it has been carried out: a save when checkpoint and record are written, a stop when the run has ended. Rejects with what
   *  kept it from that (NoDiskSpace, after a save or a pause, leaves the run training), with NotFound if the run does not train or ended first. */
  command(run: string, command: TrainCommand): Promise<void>;
  cancel(job: string): Promise<void>;
  /** Newest first; of a run at work as far as it is. */
  runs(): Promise<RunRecord[]>;
  unreadableRuns(): Promise<UnreadableRun[]>;
  metrics(run: string): Promise<StepMetrics[]>;
  renameRun(run: string, name: string): Promise<RunRecord>;
  deleteRun(run: string): Promise<void>;
  /** Logits and margins of pairs over one bank of draws. */
  implicit(job: string, request: ImplicitRequest, listener: Listener<ImplicitEvent>): Promise<ImplicitMargins>;
  /** A judge of the first model by its name; or one that a person brings along, by its place in storage (`judges/ID`), or the path of its folder or of
   *  a file in it (with a slash in it). */
  judge(name: string): Promise<JudgeInfo>;
  /** The prompts that the judge does not read to their end, being too long for it, and what it does not read. */
  judgeCuts(judge: string, prompts: readonly string[]): Promise<{ prompt: string; lost: string }[]>;
  /** What a judge is computed in where `arithmetic` is asked for: f32 where onnxruntime runs it, as it does small ones. Rejects with BadArguments where
   *  it is f16 and the GPU has none. */
  judgeArithmetic(judge: string, arithmetic: Arithmetic): Promise<Arithmetic>;
  /** What the judge says of pictures of the store (JPEG, PNG, WebP), by all of its scales. Of a picture of another size than it sees, it sees the
   *  middle.
   *  @param arithmetic f32 if left out; else as `judgeArithmetic` says. */
  score(judge: string, items: { file: string; prompt: string }[], arithmetic?: Arithmetic): Promise<Score[]>;
  /** The same, and of those that are gone or damaged null, with why. */
  scoreReadable(
    judge: string,
    items: { file: string; prompt: string }[],
    arithmetic?: Arithmetic,
  ): Promise<ReadableScores>;
  /** Vectors of pictures of the store, for how far apart they are: a judge's embeddings; pixels, shrunk to 32 by 32, where none is named.
   *  Rejects with BadArguments for a judge without. */
  features(judge: string | null, files: readonly string[], arithmetic?: Arithmetic): Promise<Float32Array[]>;
  /** A LoRA, or a merged model, of a model with its adapters (or of a run, through ModelRef), written to the file store. */
  export(
    model: ModelRef,
    kind: ExportKind,
    options?: ExportOptions,
    listener?: Listener<ExportEvent>,
  ): Promise<ExportedFile[]>;
  /** Checks a LoRA file of somebody else (kohya, PEFT or diffusers keys) against a base model, the embedded one if left out, and keeps it in the
   *  file store, by its content: the same file is the same LoRA, whatever it is called. `adapterConfig`: PEFT's adapter_config.json that
   *  belongs to it. */
  importLora(name: string, bytes: Uint8Array, base?: string, adapterConfig?: Uint8Array): Promise<ImportedLora>;
}
