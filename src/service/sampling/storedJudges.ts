/** Judges that a person brought into storage: `judges/<id>/`, as models lie in `models/<id>/`. */
import { chooseJudgeFiles } from '../../data/judgeFiles.ts';
import type { StoredModel } from '../../data/modelStore.ts';
import { infoOf } from '../../judges/judge.ts';
import { readJudge } from '../../judges/table.ts';
import { inWords } from '../../shared/errors.ts';
import type { FolderReader } from '../environment.ts';
import type { ModelStorage, StorageContents } from '../model/modelStorage.ts';
import type { StoredJudge } from '../types.ts';
import { judgeFolderOf, ownName } from './judging.ts';

export const JUDGES_ROOT = 'judges';

/** Where requests find one: `judges/ID`. */
export const placeOf = (id: string): string => `${JUDGES_ROOT}/${id}`;

export const judgeContents: StorageContents = {
  what: 'judge',
  choose: (files, what) => chooseJudgeFiles(files, what),
  check: checkJudge,
  checkRemote: checkJudge,
};

/** Configs, tokenizer and the headers of weights. Rejects with what is wrong with them. */
async function checkJudge(reader: FolderReader): Promise<void> {
  await readJudge(judgeFolderOf(reader, ''), { name: 'judge', from: 'folder' });
}

/** Everything in storage, what does not open too. */
export async function storedJudges(storage: ModelStorage): Promise<StoredJudge[]> {
  const all = await storage.list();
  return Promise.all(all.map((stored) => opened(storage, stored)));
}

async function opened(storage: ModelStorage, stored: StoredModel): Promise<StoredJudge> {
  const place = placeOf(stored.id);
  if (!stored.complete) return { ...stored, place, info: null, problem: null };
  try {
    const folder = judgeFolderOf(storage.store.reader(stored.id), `${place}/`);
    const judge = await readJudge(folder, { name: ownName(stored.id), from: 'folder' });
    return { ...stored, place, info: infoOf(judge), problem: null };
  } catch (error) {
    return { ...stored, place, info: null, problem: inWords(error) };
  }
}
