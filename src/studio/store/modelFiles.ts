/** A model as it comes from a person's disk: a folder that was picked or dropped, or a single file. Nothing is read here. */
import { t } from '@lingui/core/macro';
import { WinnowError } from '../../shared/errors.ts';

export interface ModelFiles {
  name: string;
  files: { path: string; file: File }[];
}

/** More than any model folder holds; a whole disk that was dropped by mistake ends here. */
const mostFiles = 5000;

export const singleFile = (file: File): ModelFiles => ({
  name: file.name.replace(/\.safetensors$/i, ''),
  files: [{ path: file.name, file }],
});

/** From `<input webkitdirectory>`. */
export const pickedFolder = (files: Iterable<File>): ModelFiles =>
  folderOf([...files].map((file) => ({ path: file.webkitRelativePath || file.name, file })));

/** Every file below a dropped folder. */
export async function droppedFolder(folder: FileSystemDirectoryEntry): Promise<ModelFiles> {
  const { name } = folder;
  const files: ModelFiles['files'] = [];
  const waiting: FileSystemDirectoryEntry[] = [folder];
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    for (const entry of await entriesOf(next)) {
      if (entry.isDirectory) waiting.push(entry as FileSystemDirectoryEntry);
      else files.push({ path: entry.fullPath.replace(/^\//, ''), file: await fileOf(entry as FileSystemFileEntry) });
      if (files.length > mostFiles)
        throw new WinnowError(
          'BadFile',
          t`The folder ${name} holds more than ${mostFiles} files.`,
          t`Choose the folder of one model: the one with model_index.json.`,
        );
    }
  }
  return folderOf(files);
}

/** The model starts where model_index.json lies: here, or (in a download cache) some folders below. */
function folderOf(files: ModelFiles['files']): ModelFiles {
  const depth = (path: string): number => path.split('/').length;
  const index = files
    .filter(({ path }) => /(^|\/)model_index\.json$/.test(path))
    .sort((a, b) => depth(a.path) - depth(b.path))[0];
  const root = index ? index.path.slice(0, -'model_index.json'.length) : `${files[0]?.path.split('/')[0] ?? ''}/`;
  const name = files[0]?.path.split('/')[0] ?? 'model';
  return {
    name,
    files: files
      .filter(({ path }) => path.startsWith(root))
      .map(({ path, file }) => ({ path: path.slice(root.length), file })),
  };
}

/** A reader gives at most a hundred at a time, and none at the end. */
export async function entriesOf(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const entries: FileSystemEntry[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return entries;
    entries.push(...some);
  }
}

export const fileOf = (entry: FileSystemFileEntry): Promise<File> =>
  new Promise((resolve, reject) => entry.file(resolve, reject));
