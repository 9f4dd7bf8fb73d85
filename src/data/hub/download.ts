/** One file of a repository into the file store: appended to its part as it comes, gone on with where it stopped, checked, committed. */
import { WinnowError } from '../../shared/errors.ts';
import { type FileStore, partOf } from '../files.ts';
import { CHUNK_BYTES, PartWriter, readThrough } from '../partWriter.ts';
import { fileHash, type FileHash, fileUrl, type HubFile, type HubRepository, wrongHash } from './repository.ts';
import { get, type HubAccess, type Job, patiently, pieces, stallGuard, Transient } from './request.ts';

export interface DownloadTarget {
  files: FileStore;
  /** Path of the file in the store. */
  place: string;
  /** Of the answer that the part is from. */
  etag: string | undefined;
  /** Called before the first byte of an answer is kept. */
  onEtag(etag: string | undefined): Promise<void>;
  /** Bytes in the store, of this file. */
  onProgress(bytes: number): void;
  onRetry(reason: string, attempt: number): void;
}

/** Resolves with the file's SHA-256. A part that has arrived stays where the download fails or is cancelled, unless its bytes were wrong. Rejects
 *  with WrongHash, DownloadFailed, NoNetwork, RateLimited, AccessDenied, NotFound, NoDiskSpace, Cancelled. */
export async function downloadFile(
  access: HubAccess,
  job: Job,
  repository: HubRepository,
  file: HubFile,
  target: DownloadTarget,
): Promise<string> {
  const { files, place } = target;
  // Left by a tab that was killed after committing and before noting it.
  if (await files.exists(place)) {
    const hash = await fileHash(file);
    await readThrough(await files.open(place), (bytes) => (job.check(), hash.update(bytes)));
    const { sha256, matches } = hash.digest();
    if (matches) return sha256;
    await files.remove(place);
  }
  for (let second = false; ; second = true) {
    try {
      return await fetchAndCheck(access, job, repository, file, target);
    } catch (error) {
      if (!(error instanceof WrongPart)) throw error;
      await files.remove(partOf(place));
      target.onProgress(0);
      if (second) throw error.error;
      target.onRetry(error.error.what, 1);
    }
  }
}

/** What is in the part is not the file, and cannot become it: it is deleted, and fetched anew once. */
class WrongPart extends Error {
  readonly error: WinnowError;

  constructor(error: WinnowError) {
    super(error.what);
    this.error = error;
  }
}

async function fetchAndCheck(
  access: HubAccess,
  job: Job,
  repository: HubRepository,
  file: HubFile,
  target: DownloadTarget,
): Promise<string> {
  const { files, place } = target;
  await patiently(access, job, () => fetchRest(access, job, repository, file, target), {
    progress: () => files.size(partOf(place)),
    onRetry: (reason, attempt) => target.onRetry(reason, attempt),
  });
  // From the disk, not from the network: what was written is what is checked.
  const { sha256, matches } = (await hashOfPart(job, file, target)).digest();
  if (!matches) throw new WrongPart(wrongHash(repository, file.path));
  await files.commit(place);
  return sha256;
}

async function hashOfPart(job: Job, file: HubFile, { files, place }: DownloadTarget): Promise<FileHash> {
  const hash = await fileHash(file);
  if ((await files.size(partOf(place))) > 0)
    await readThrough(await files.open(partOf(place)), (bytes) => (job.check(), hash.update(bytes)));
  return hash;
}

/** Fetches what the part lacks, in one request. */
async function fetchRest(
  access: HubAccess,
  job: Job,
  repository: HubRepository,
  file: HubFile,
  target: DownloadTarget,
): Promise<void> {
  const { files, place } = target;
  const part = partOf(place);
  let have = await files.size(part);
  if (have > file.size) {
    await files.remove(part);
    have = 0;
  }
  target.onProgress(have);
  if (have === file.size) {
    // An empty file has a part, too.
    if (have === 0) await files.append(part, new Uint8Array());
    return;
  }
  const stall = stallGuard(job, access.stallMs);
  try {
    const response = await get(access, fileUrl(repository, file.path), {
      what: `${repository.id}/${file.path}`,
      range: have > 0 ? `bytes=${have}-` : undefined,
      signal: stall.signal,
    });
    const etag = response.headers.get('ETag') ?? undefined;
    if (have > 0 && response.status === 200) {
      // The server does not know ranges: from the first byte again.
      await files.remove(part);
      have = 0;
      target.onProgress(0);
    } else if (have > 0 && !continues(response, have, file, target.etag, etag)) {
      await response.body?.cancel();
      throw new WrongPart(
        new WinnowError(
          'DownloadFailed',
          `${file.path} of ${repository.id} is not as long as the hub says, or changed while it was downloaded.`,
          'Try again later, or choose another revision.',
        ),
      );
    }
    if (have === 0 && etag !== target.etag) {
      target.etag = etag;
      await target.onEtag(etag);
    }
    await keep(response, stall, have, repository, file, target);
  } finally {
    stall.end();
  }
}

/** Whether an answer goes on where the part ends. Instead of If-Range, which would cost every file a CORS preflight that not every host allows, the
 *  ETags are compared here. */
function continues(
  response: Response,
  have: number,
  { size }: HubFile,
  before: string | undefined,
  now: string | undefined,
): boolean {
  if (response.status !== 206) return false;
  if (before !== undefined && now !== undefined && before !== now) return false;
  // Not every host lets a page see it; the hash is checked in any case.
  const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers.get('Content-Range') ?? '');
  return !range || (Number(range[1]) === have && (range[2] === '*' || Number(range[2]) === size));
}

async function keep(
  response: Response,
  stall: { restart(): void },
  have: number,
  repository: HubRepository,
  file: HubFile,
  { files, place, onProgress }: DownloadTarget,
): Promise<void> {
  const writer = new PartWriter(files, place, CHUNK_BYTES);
  let got = have;
  try {
    for await (const piece of pieces(response, stall)) {
      if (got + piece.length > file.size) {
        writer.discard();
        throw new WrongPart(
          new WinnowError(
            'DownloadFailed',
            `${file.path} of ${repository.id} is longer than the ${file.size} bytes that the hub says it has.`,
            'Try again later, or choose another revision.',
          ),
        );
      }
      got += piece.length;
      await writer.add(piece);
      onProgress(got);
    }
  } finally {
    // What came before the connection broke is kept.
    await writer.flush();
  }
  if (got < file.size)
    throw new Transient(
      new WinnowError(
        'DownloadFailed',
        `${file.path} of ${repository.id} ends after ${got} of ${file.size} bytes.`,
        'Try again later; what has arrived is kept.',
      ),
    );
}
