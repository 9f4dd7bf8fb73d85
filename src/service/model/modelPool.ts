/** Models by reference: a folder with adapters on top becomes one set of weights. */
import { openSafetensors } from '../../data/formats/safetensors.ts';
import type { FileStore } from '../../data/files.ts';
import { finiteTensors, type TensorSource } from '../../models/weights.ts';
import { WinnowError } from '../../shared/errors.ts';
import type { LoraModule } from '../../shared/lora.ts';
import { withLora } from '../../training/lora.ts';
import type { Environment } from '../environment.ts';
import { alphaMissing, changedTexts, configBeside, finiteMerge, openLora } from './loraFile.ts';
import { type ModelFolder, openModelFolder, type OpenOptions, type TextEncoders } from './modelFolder.ts';
import { plainFirst } from './weightFiles.ts';
import type { RunStore } from '../../data/runStore.ts';
import type { AdapterRef, ModelRef, RunRecord } from '../types.ts';

/** One step on the way from the base weights to a model's. */
export type WeightChange =
  | {
      kind: 'lora';
      /** Of the UNet. */
      modules: Map<string, LoraModule>;
      /** Of the text encoders, one each. */
      texts: Map<string, LoraModule>[];
      strength: number;
      hash: string;
    }
  /** Every weight of a full fine-tune; strength goes from what was before (0) to it (1). */
  | { kind: 'full'; weights: TensorSource; strength: number; hash: string };

/** A folder's model and what changes it. Its weights and its hash follow from the two. */
export class ResolvedModel {
  readonly folder: ModelFolder;
  readonly changes: readonly WeightChange[];
  readonly weights: TensorSource;
  /** With what the adapters do to them. */
  readonly texts: TextEncoders;
  /** Names it and everything that changes its pictures: the folder's (ModelInfo), with adapters one over it and theirs and their strengths. */
  readonly hash: string;
  /** The same over the UNet's weights alone: what earlier versions wrote down. */
  readonly unetHash: string;

  private constructor(
    folder: ModelFolder,
    changes: readonly WeightChange[],
    { hash, unetHash }: { hash: string; unetHash: string },
  ) {
    this.folder = folder;
    this.changes = changes;
    this.weights = changedWeights(folder.unet.weights, changes);
    this.texts = changedTexts(
      folder,
      changes.flatMap((change) => (change.kind === 'lora' ? [change] : [])),
    );
    this.hash = hash;
    this.unetHash = unetHash;
  }

  static async of(
    folder: ModelFolder,
    changes: readonly WeightChange[],
    sha256: Environment['sha256'],
  ): Promise<ResolvedModel> {
    const parts = changes.map(({ hash, strength }) => `${hash}*${strength}`);
    const withChanges = async (hash: string): Promise<string> =>
      parts.length === 0 ? hash : sha256(new TextEncoder().encode([hash, ...parts].join('+')));
    const { hash, unetHash } = folder.info;
    return new ResolvedModel(folder, changes, {
      hash: await withChanges(hash),
      unetHash: await withChanges(unetHash),
    });
  }
}

/** The changes that move a weight. */
export const activeChanges = (changes: readonly WeightChange[]): WeightChange[] =>
  changes.filter(({ strength }) => strength !== 0);

/** Where there are changes, reading rejects with NotFinite what they make no number of. */
export function changedWeights(base: TensorSource, changes: readonly WeightChange[]): TensorSource {
  const active = activeChanges(changes);
  if (active.length === 0) return base;
  return finiteMerge(
    active.reduce(
      (weights, change) =>
        change.kind === 'lora'
          ? withLora(weights, [{ lora: change.modules, strength: change.strength }])
          : blend(weights, change.weights, change.strength),
      base,
    ),
  );
}

/** Where the studio keeps the LoRA files that were brought in. */
export const LORAS = 'loras/';
/** Whether a record's hash is this model's. One of an earlier version knows its UNet and its adapters, and says nothing of the rest. */
export const isRecordedAs = ({ hash, unetHash }: Pick<ResolvedModel, 'hash' | 'unetHash'>, recorded: string): boolean =>
  recorded === hash || recorded === unetHash;

const folderKey = (id: string, { predictionType, variants }: OpenOptions = {}): string =>
  [id, '', ...(predictionType || variants ? [predictionType, variants?.join()] : [])].join('\0');

export class ModelPool {
  private readonly env: Environment;
  private readonly files: FileStore;
  private readonly runs: RunStore;
  private readonly folders = new Map<string, Promise<ModelFolder>>();

  constructor(env: Environment, runs: RunStore) {
    this.env = env;
    this.files = env.files;
    this.runs = runs;
  }

  folder(id: string, options: OpenOptions = {}): Promise<ModelFolder> {
    const key = folderKey(id, options);
    const known = this.folders.get(key) ?? openModelFolder(id, this.env, options);
    this.folders.set(key, known);
    // A folder that could not be opened may be mended and tried again.
    known.catch(() => this.folders.delete(key));
    return known;
  }

  /** For a model that is deleted, or of which something else is said. */
  forget(id: string): void {
    for (const key of this.folders.keys()) if (key.startsWith(folderKey(id))) this.folders.delete(key);
  }

  /** A model that a record names by its hash: as it is now, where that is another. Rejects as resolve. */
  async resolveRecorded(ref: ModelRef, recorded: string): Promise<ResolvedModel> {
    // The command line once read the plain files of a folder that has weights in several precisions.
    const model = await this.resolve(ref);
    if (isRecordedAs(model, recorded)) return model;
    const plain = await this.resolve(ref, { variants: plainFirst });
    return isRecordedAs(plain, recorded) ? plain : model;
  }

  /** Rejects with NotFound (run, checkpoint or file), or with what is wrong with a file. */
  async resolve(ref: ModelRef, { variants }: Pick<OpenOptions, 'variants'> = {}): Promise<ResolvedModel> {
    const folder = await this.folder(ref.base, { predictionType: ref.predictionType, variants });
    const changes: WeightChange[] = [];
    for (const adapter of ref.adapters) changes.push(...(await this.changesOf(folder, adapter)));
    return ResolvedModel.of(folder, changes, this.env.sha256);
  }

  private async changesOf(folder: ModelFolder, adapter: AdapterRef): Promise<WeightChange[]> {
    if (adapter.kind === 'file') return [await this.loraFile(folder, adapter.file, adapter.strength)];
    const record = await this.runs.load(adapter.run);
    // What the run started from comes first: an adapter is trained on top of the earlier ones.
    const before: WeightChange[] = [];
    for (const earlier of record.model.adapters) before.push(...(await this.changesOf(folder, earlier)));
    const file = checkpointFile(record, adapter.step);
    if (file === undefined) return before;
    if (record.config.mode === 'lora') return [...before, await this.loraFile(folder, file, adapter.strength)];
    const bytes = await this.files.read(file);
    return [
      ...before,
      {
        kind: 'full',
        weights: finiteTensors(await openSafetensors(bytes, file), () => file),
        strength: adapter.strength,
        hash: await this.env.sha256(bytes),
      },
    ];
  }

  private async loraFile(folder: ModelFolder, file: string, strength: number): Promise<WeightChange> {
    const bytes = await this.files.read(file);
    const config = await configBeside(this.files, file);
    const { modules, hash, alphaUnknown } = await openLora(folder, { bytes, name: file, config }, this.env);
    // What the studio holds was let in once, and stays what it was.
    if (alphaUnknown && !file.startsWith(LORAS)) throw alphaMissing(file);
    return {
      kind: 'lora',
      modules: modules.unet,
      texts: [modules.text_encoder, modules.text_encoder_2].slice(0, folder.textEncoders.length),
      strength,
      hash,
    };
  }
}

/** Step 0 is the model the run started from: no file. */
function checkpointFile(record: RunRecord, step: number | undefined): string | undefined {
  if (step === 0) return undefined;
  const checkpoint = step === undefined ? record.checkpoints.at(-1) : record.checkpoints.find((c) => c.step === step);
  if (!checkpoint) {
    const steps = record.checkpoints.map((c) => c.step).join(', ');
    throw new WinnowError(
      'NotFound',
      `Run ${record.name} has no checkpoint${step === undefined ? '' : ` at step ${step}`}.`,
      steps ? `Choose one of ${steps}.` : 'Train it for longer, or press Save.',
    );
  }
  return checkpoint.file;
}

/** before + strength (after - before). */
function blend(before: TensorSource, after: TensorSource, strength: number): TensorSource {
  return {
    names: before.names,
    shape: (name) => before.shape(name),
    async read(name) {
      if (strength === 1) return after.read(name);
      const [a, b] = [await before.read(name), await after.read(name)];
      return a.map((x, i) => x + strength * (b[i]! - x));
    },
  };
}
