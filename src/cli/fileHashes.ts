/** SHA-256 of files on disk. That of a large one is kept, and taken again while the file's size, times and place on the disk are what they were. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { WinnowError } from '../shared/errors.ts';
import { isRecord, parseJsonObject } from '../shared/json.ts';
import { ownPart } from './parts.ts';

/** Smaller ones are hashed faster than they are looked up with care. */
const LARGE_BYTES = 16 * 2 ** 20;
/** A file that was changed just now may be changed again within the grain of its times. */
const SETTLED_MS = 3000;
const KEPT = 500;

/** Rejects with NotFound. */
export async function hashFile(path: string): Promise<string> {
  if (!(await stat(path).catch(() => undefined))?.isFile())
    throw new WinnowError('NotFound', `There is no file ${path}.`, 'Check the path.');
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash.digest('hex');
}

/** @param cache file to keep them in; where it cannot be read or written, nothing is kept. */
export async function cachedHash(path: string, cache: string): Promise<string> {
  const marks = async (): Promise<string> => {
    const { size, mtimeNs, ctimeNs, ino, dev } = await stat(path, { bigint: true });
    return [size, mtimeNs, ctimeNs, ino, dev].join(' ');
  };
  const found = await stat(path).catch(() => undefined);
  if (!found || found.size < LARGE_BYTES) return hashFile(path);
  const before = await marks();
  const known = (await kept(cache))[path];
  if (isRecord(known) && known['marks'] === before && typeof known['sha256'] === 'string') return known['sha256'];
  const sha256 = await hashFile(path);
  const settled = Date.now() - Math.max(found.mtimeMs, found.ctimeMs) > SETTLED_MS && (await marks()) === before;
  if (settled) await keep(cache, path, { marks: before, sha256 });
  return sha256;
}

async function kept(cache: string): Promise<Record<string, unknown>> {
  try {
    return parseJsonObject(await readFile(cache), { file: cache });
  } catch {
    return {};
  }
}

async function keep(cache: string, path: string, entry: { marks: string; sha256: string }): Promise<void> {
  const { [path]: _, ...others } = await kept(cache);
  const entries = [...Object.entries(others), [path, entry]].slice(-KEPT);
  const part = ownPart(cache);
  try {
    await mkdir(dirname(cache), { recursive: true });
    await writeFile(part, JSON.stringify(Object.fromEntries(entries) as object));
    await rename(part, cache);
  } catch {
    // Hashed again the next time.
  }
}
