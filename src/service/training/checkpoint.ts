/** What a run saves: a checkpoint that others can load, and the state that resuming needs. The state names weights, moments and the average of the
 *  weights by tensor, as torch does (`exp_avg`, `exp_avg_sq`): how they are packed into arenas is the adapter's business (its binding limit cuts them). */
import type { FileStore } from '../../data/files.ts';
import { readLora, writeLora } from '../../data/formats/lora.ts';
import {
  openSafetensors,
  type SafetensorsFile,
  streamSafetensors,
  type TensorToStream,
  writeSafetensors,
} from '../../data/formats/safetensors.ts';
import { clear, writeInParts } from '../../data/partWriter.ts';
import { WinnowError } from '../../shared/errors.ts';
import { nameOf } from '../../shared/paths.ts';
import { sameShape, sizeOf } from '../../shared/shape.ts';
import { layoutOfSizes } from '../../training/arena.ts';
import { loraModules } from '../../training/lora.ts';
import { resultKind, type TrainedKind, trainedKinds, type Trainer } from '../../training/trainer.ts';
import type { ResolvedModel } from '../model/modelPool.ts';
import type { RunRecord, Setback } from '../types.ts';
import { checkTensor } from './finiteStep.ts';
import { checkpointPath, statePath } from '../../data/runStore.ts';

const STATE_VERSION = '2';
const prefixes: Readonly<Record<TrainedKind, string>> = { param: 'param', m: 'exp_avg', v: 'exp_avg_sq', ema: 'ema' };
const keyOf = (kind: TrainedKind, name: string): string => `${prefixes[kind]}.${name}`;

/** Writes the checkpoint, then the state; the record that names them is the caller's to write. Gives the checkpoint's path. Where there is no
 *  room for both, neither is there that was not before. */
export async function saveState(
  files: FileStore,
  record: RunRecord,
  trainer: Trainer,
  model: ResolvedModel,
): Promise<string> {
  const { config, step, id } = record;
  const { entries } = trainer.spec.layout;
  const result = resultKind(trainer.spec);
  // Checkpoints travel; where the run lies does not.
  const metadata = { run: nameOf(id), step: String(step) };
  const { setbacks = [] } = record;
  const back = setbacks.length > 0 && { setbacks: String(setbacks.length) };
  const trained = readerOf(trainer);
  const read = async (kind: TrainedKind, name: string): Promise<Float32Array> => {
    const data = await trained(kind, name);
    checkTensor(step, keyOf(kind, name), data);
    return data;
  };
  const file = checkpointPath(id, step);
  const before = await files.exists(file);
  if (config.mode === 'lora') {
    const tensors = await trainer.tensors(result);
    for (const [name, data] of tensors) checkTensor(step, keyOf(result, name), data);
    const modules = loraModules(tensors, config.rank, config.alpha);
    const sites = { unet: model.folder.unet.model.loraTargets('all') };
    await files.write(file, writeSafetensors(writeLora({ unet: modules }, sites, 'kohya'), metadata));
  } else {
    const tensors = entries.map(({ name, shape }): TensorToStream => ({
      name,
      shape,
      dtype: 'F32',
      data: () => read(result, name),
    }));
    await writeInParts(files, file, (add) => streamSafetensors(tensors, metadata, add));
  }
  try {
    const tensors = trainedKinds(trainer.spec).flatMap((kind) =>
      entries.map(({ name, shape }): TensorToStream => ({
        name: keyOf(kind, name),
        shape,
        dtype: 'F32',
        data: () => read(kind, name),
      })),
    );
    await writeInParts(files, statePath(id), (add) =>
      streamSafetensors(tensors, { ...metadata, version: STATE_VERSION, ...back }, add),
    );
  } catch (error) {
    if (!before) await clear(files, [file]);
    throw error;
  }
  return file;
}

/** One tensor at a time where all weights are trained; an adapter's many small ones kind by kind, which is the order they are written in. */
function readerOf(trainer: Trainer): (kind: TrainedKind, name: string) => Promise<Float32Array> {
  if (trainer.spec.mode.kind === 'full') return (kind, name) => trainer.tensor(kind, name);
  let held: { kind: TrainedKind; tensors: Map<string, Float32Array> } | undefined;
  return async (kind, name) => {
    if (held?.kind !== kind) held = { kind, tensors: await trainer.tensors(kind) };
    return held.tensors.get(name)!;
  };
}

/** What lies after the save that it goes on from is made anew. */
export const atStep = ({ ended, looks, solved, ...record }: RunRecord, step: number): RunRecord => ({
  ...record,
  step,
  ...(looks && { looks: looks.filter((look) => look.step <= step) }),
  ...(solved && { solved: solved.filter((one) => one.step <= step) }),
  ...(ended && ended.step <= step && { ended }),
  samples: record.samples.filter((sample) => sample.step <= step),
  checkpoints: record.checkpoints.filter((checkpoint) => checkpoint.step <= step),
});

interface SavedState {
  state: SafetensorsFile;
  path: string;
  step: number;
  version: string;
}

/** Null where nothing was saved. @throws BadFile */
async function openState(files: FileStore, { id, config }: RunRecord): Promise<SavedState | null> {
  const path = statePath(id);
  if (!(await files.exists(path))) return null;
  const state = await openSafetensors(await files.open(path), path);
  const { version = '1', step: text } = state.metadata;
  const step = Number(text);
  if (!Number.isInteger(step) || step < 0 || step > config.steps)
    throw badState(path, `it is of step ${text ?? 'unknown'}, of ${config.steps}`);
  if (version !== '1' && version !== STATE_VERSION) throw badState(path, `it is of version ${version}`);
  return { state, path, step, version };
}

/** The step of the last save; null where nothing was saved. @throws BadFile */
export async function savedStep(files: FileStore, record: RunRecord): Promise<number | null> {
  const saved = await openState(files, record);
  return saved && (unfinishedSetback(record, saved)?.to ?? saved.step);
}

/** The last time that the run went back, where it was cut off before the state of there was saved. */
const unfinishedSetback = ({ setbacks = [] }: RunRecord, { state }: SavedState): Setback | undefined =>
  setbacks.length > Number(state.metadata['setbacks'] ?? 0) ? setbacks.at(-1) : undefined;

/** Of a trainer, what goes on from a state. */
type Restorable = Pick<Trainer, 'restore'> & { readonly spec: Pick<Trainer['spec'], 'layout' | 'ema'> };

/** Sets weights and moments to those of the last save and gives its step; null where nothing was saved. Where the run has gone back since, to the
 *  weights of that checkpoint, its moments at 0.
 *  @throws BadFile, MissingTensor, WrongShape; the trainer is then not to be used. */
export async function restoreState(
  files: FileStore,
  record: RunRecord,
  trainer: Restorable,
  model: Pick<ResolvedModel, 'folder'>,
): Promise<number | null> {
  const saved = await openState(files, record);
  if (!saved) return null;
  const back = unfinishedSetback(record, saved);
  if (back) {
    await restoreCheckpoint(files, record, trainer, model, back.to);
    return back.to;
  }
  const { state, path, step, version } = saved;
  const read = version === '1' ? readerOfArenas(state, path, trainer) : readerOfNames(state);
  const { entries } = trainer.spec.layout;
  for (const kind of version === '1' ? (['param'] as const) : trainedKinds(trainer.spec))
    for (const { name, shape } of entries) {
      const key = keyOf(kind, name);
      const found = state.shape(key);
      if (!found) throw new WinnowError('MissingTensor', `${path} has no tensor ${key}.`, startAnew);
      if (!sameShape(found, shape))
        throw new WinnowError(
          'WrongShape',
          `${path}: ${key} is [${found.join(', ')}], this run trains [${shape.join(', ')}].`,
          startAnew,
        );
    }
  for (const kind of trainedKinds(trainer.spec))
    for (const { name } of entries) trainer.restore(kind, name, await read(kind, name));
  return step;
}

async function restoreCheckpoint(
  files: FileStore,
  { checkpoints, config }: RunRecord,
  trainer: Restorable,
  { folder }: Pick<ResolvedModel, 'folder'>,
  step: number,
): Promise<void> {
  const checkpoint = checkpoints.find((one) => one.step === step);
  if (!checkpoint) throw new WinnowError('NotFound', `This run has no checkpoint at step ${step}.`, startAnew);
  const file = await openSafetensors(await files.open(checkpoint.file), checkpoint.file);
  const { entries } = trainer.spec.layout;
  const lora =
    config.mode === 'lora' ? (await readLora(file, { unet: folder.unet.model.loraTargets('all') })).modules.unet : null;
  for (const { name, shape } of entries) {
    const [, path, part] = /^(.*)\.lora_(down|up)\.weight$/.exec(name) ?? [];
    const data = lora ? lora.get(path!)![part as 'down' | 'up'] : await file.read(name);
    trainer.restore('param', name, data);
    if (trainer.spec.ema) trainer.restore('ema', name, data);
    for (const kind of ['m', 'v'] as const) trainer.restore(kind, name, new Float32Array(sizeOf(shape)));
  }
}

const startAnew = 'Bring back a copy of the run, or start a new one from its last checkpoint.';

const badState = (path: string, what: string): WinnowError =>
  new WinnowError('BadFile', `${path} is no state that this run can go on from: ${what}.`, startAnew);

type Reader = (kind: TrainedKind, name: string) => Promise<Float32Array>;

const readerOfNames =
  (state: SafetensorsFile): Reader =>
  (kind, name) =>
    state.read(keyOf(kind, name));

/** Files of before moments had names: `adam.m.<i>` and `adam.v.<i>` are the arenas that they lay in. The arenas' sizes say where they were cut.
 *  @throws BadFile where they are no arenas of what this run trains. */
function readerOfArenas(state: SafetensorsFile, path: string, trainer: Restorable): Reader {
  const sizes: number[] = [];
  for (let shape; (shape = state.shape(`adam.m.${sizes.length}`));) sizes.push(sizeOf(shape));
  const layout = layoutOfSizes(trainer.spec.layout.entries, sizes);
  const fits = (size: number, i: number): boolean => {
    const shape = state.shape(`adam.v.${i}`);
    return shape !== undefined && sizeOf(shape) === size;
  };
  if (!layout || !sizes.every(fits))
    throw badState(path, 'its moments lie in arenas that do not fit the tensors of this run');
  let held: { key: string; data: Float32Array } | undefined;
  return async (kind, name) => {
    if (kind === 'param') return state.read(keyOf('param', name));
    const { arena, offset, shape } = layout.byName.get(name)!;
    const key = `adam.${kind}.${arena}`;
    if (held?.key !== key) held = { key, data: await state.read(key) };
    return held.data.slice(offset, offset + sizeOf(shape));
  };
}
