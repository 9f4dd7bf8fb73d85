/** An exported folder as one zip, for whoever can take away only one file. Stored as it is: weights do not shrink. */
import { makeZip } from 'client-zip';
import type { FileStore } from '../../data/files.ts';
import type { ByteRanges } from '../../data/formats/bytes.ts';
import { CHUNK_BYTES, clear, writeInParts } from '../../data/partWriter.ts';
import type { ExportedFile, ExportEvent, Listener } from '../types.ts';

/** Writes `${name}.zip` beside the files, which lie below `name/` in it. Each is removed once it is in the zip, so that the disk holds no more than
 *  the largest of them twice. Where that fails, neither zip nor files are left. Rejects with NoDiskSpace. */
export async function zipped(
  files: FileStore,
  made: readonly ExportedFile[],
  folder: string,
  name: string,
  listener: Listener<ExportEvent> = () => {},
): Promise<ExportedFile> {
  const file = `${folder}/${name}.zip`;
  const totalBytes = made.reduce((sum, { size }) => sum + size, 0);
  let size = 0;
  try {
    await writeInParts(files, file, (add) => {
      const write = async (piece: Uint8Array): Promise<void> => {
        await add(piece);
        size += piece.length;
        listener({ file: `${name}.zip`, doneBytes: Math.min(size, totalBytes), totalBytes });
      };
      return makeZip(entries(files, made, name)).pipeTo(new WritableStream({ write }));
    });
  } catch (error) {
    // A part of a model is none, and would keep room that there is not.
    await clear(
      files,
      made.map((one) => one.file),
    );
    throw error;
  }
  return { name: `${name}.zip`, size, file };
}

/** client-zip asks for the next file when it has taken all of the one before. */
async function* entries(
  files: FileStore,
  made: readonly ExportedFile[],
  name: string,
): AsyncGenerator<{ name: string; input: AsyncIterable<Uint8Array>; size: number }> {
  for (const { name: path, file, size } of made) {
    yield { name: `${name}/${path}`, input: pieces(await files.open(file)), size };
    await files.remove(file);
  }
}

async function* pieces(file: ByteRanges): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < file.size; at += CHUNK_BYTES) yield file.read(at, Math.min(file.size, at + CHUNK_BYTES));
}
