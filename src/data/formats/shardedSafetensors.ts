/** Weights in several files, and the index that says which tensor lies in which (`model.safetensors.index.json`, as transformers' and diffusers'
 *  save_pretrained write it). */
import { WinnowError } from '../../shared/errors.ts';
import { isRecord, parseJsonObject } from '../../shared/json.ts';
import type { SafetensorsFile } from './safetensors.ts';

/** Tensor and file, in the index's order. Throws BadFile for an index that is none, or that leads out of its folder.
 *  @param what the index, in messages */
export function readShardIndex(
  index: Uint8Array,
  { what, remedy }: { what: string; remedy: string },
): [name: string, file: string][] {
  const { weight_map: map } = parseJsonObject(index, { file: what, remedy });
  if (!isRecord(map) || !Object.values(map).every((file) => typeof file === 'string' && !/[\\/]/.test(file)))
    throw new WinnowError('BadFile', `${what} has no weight_map of tensors to files.`, remedy);
  return Object.entries(map as Record<string, string>);
}

const remedy = 'Take the whole folder again, with every file that the index names.';

/** All of them as one file: opens the headers, and reads tensors from the file that has them. Rejects as readShardIndex; with BadFile where a
 *  file lacks what the index says it has; with whatever `open` rejects with.
 *  @param open one of its files, by its name beside the index */
export async function openSharded(
  index: Uint8Array,
  what: string,
  open: (file: string) => Promise<SafetensorsFile>,
): Promise<SafetensorsFile> {
  const opened = new Map<string, SafetensorsFile>();
  const homes = new Map<string, SafetensorsFile>();
  for (const [name, file] of readShardIndex(index, { what, remedy })) {
    const home = opened.get(file) ?? (await open(file));
    opened.set(file, home);
    if (!home.info(name))
      throw new WinnowError('BadFile', `${what} says that ${name} is in ${file}, which does not have it.`, remedy);
    homes.set(name, home);
  }
  const home = (name: string): SafetensorsFile => {
    const file = homes.get(name);
    if (!file) throw new WinnowError('MissingTensor', `${what} names no tensor ${name}.`, remedy);
    return file;
  };
  return {
    names: [...homes.keys()],
    metadata: {},
    info: (name) => homes.get(name)?.info(name),
    shape: (name) => homes.get(name)?.shape(name),
    read: async (name, rows) => home(name).read(name, rows),
    readRows: async (name, begin, end) => home(name).readRows(name, begin, end),
    half: (name) => homes.get(name)?.half(name),
    readHalf: async (name, rows) => home(name).readHalf(name, rows),
    readInt32: async (name) => home(name).readInt32(name),
  };
}
