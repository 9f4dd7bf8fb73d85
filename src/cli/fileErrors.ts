/** What a file system refuses, by name: a person's path, permission or disk, never a stack. */
import { accessSync, constants, existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { isWinnowError, WinnowError } from '../shared/errors.ts';
import { absolute } from './arguments.ts';

interface Refusal extends Error {
  code: string;
  path?: string;
  syscall?: string;
}

const isRefusal = (error: unknown): error is Refusal =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' && /^E[A-Z0-9]+$/.test(error.code);

/** An error of the file system as a named one; any other as it is. @param path where it happened, if the error does not say. */
export function asFileError(error: unknown, path?: string): unknown {
  if (isWinnowError(error) || !isRefusal(error)) return error;
  const where = error.path ?? path ?? 'the file';
  switch (error.code) {
    case 'ENOENT':
      return new WinnowError('NotFound', `There is no file ${where}.`, 'Check the path.');
    case 'EISDIR':
      return new WinnowError('NotFound', `${where} is a folder, not a file.`, 'Give a file.');
    case 'ENOTDIR':
    case 'EEXIST':
      return new WinnowError(
        'BadArguments',
        `${where} cannot be a folder: a file has that name, or part of it.`,
        'Choose another path.',
      );
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new WinnowError(
        'AccessDenied',
        `${where} may not be ${error.syscall === 'open' || error.syscall === 'scandir' ? 'opened' : 'written'} (${error.code}).`,
        'Choose another path, or change its permissions.',
      );
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return new WinnowError('NoDiskSpace', 'The disk is full.', 'Free some space; what was written before is kept.');
    case 'ENAMETOOLONG':
    case 'ELOOP':
    case 'EINVAL':
      return new WinnowError('BadArguments', `${where} is no path here (${error.code}).`, 'Choose another path.');
    default:
      // A network's refusals have codes, too, and no path.
      if (error.path === undefined && path === undefined) return error;
      return new WinnowError(
        'BadFile',
        `${where} cannot be used (${error.message}).`,
        'Check the disk, and who else is at work there.',
      );
  }
}

/** Makes a folder and those above it; the ones that were not there before, innermost last. Step by step: Node's own recursive mkdir never
 *  returns where the system makes no folders (/proc). */
export function makeFolders(folder: string): string[] {
  if (existsSync(folder)) {
    if (!statSync(folder).isDirectory())
      throw new WinnowError('BadArguments', `${folder} is a file, not a folder.`, 'Choose another path.');
    return [];
  }
  const above = dirname(folder) === folder ? [] : makeFolders(dirname(folder));
  try {
    mkdirSync(folder);
  } catch (error) {
    // Another process was faster.
    if (!existsSync(folder)) throw asFileError(error, folder);
  }
  return [...above, folder];
}

/** The absolute path of a folder to write into, made if it is not there. Refused by name before any work is done for it. */
export function outFolder(path: string): string {
  const folder = absolute(path);
  withFiles(folder, () => {
    makeFolders(folder);
    accessSync(folder, constants.W_OK);
  });
  return folder;
}

/** Runs work with files; what the file system refuses is thrown by name. */
export function withFiles<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw asFileError(error, path);
  }
}
