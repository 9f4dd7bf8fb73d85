/** The judge that is meant by a name, with what it needs of the model whose pictures it judges. */
import type { Judge, Scorer } from '../../judges/judge.ts';
import { judgeNamed, readJudge } from '../../judges/table.ts';
import { nameOf } from '../../shared/paths.ts';
import type { FolderReader } from '../environment.ts';
import type { Planned } from '../model/modelCache.ts';
import type { ModelFolder } from '../model/modelFolder.ts';
import { onnxRunner } from './partRunner.ts';

/** One that came with the model, by its name; one that a person brings along, by its folder's path, which has a slash in it. Rejects with
 *  NotFound, or with why it is not read. */
export function judgeOf(
  { reader, info }: Pick<ModelFolder, 'reader' | 'info'>,
  name: string,
  open: (path: string) => FolderReader,
): Promise<Judge> {
  if (!/[\\/]/.test(name)) return judgeNamed(reader, name, info);
  const path = name.replace(/[\\/]+$/, '');
  const folder = open(path);
  return readJudge({ path: `${path}/`, read: (file) => folder.read(file) }, { name: nameOf(path), from: 'folder' });
}

/** On onnxruntime's wasm: judges are small, and give the same scores on every computer. */
export const planJudge = (judge: Judge): Promise<Planned<Scorer>> => judge.plan(onnxRunner({ provider: 'wasm' }));
