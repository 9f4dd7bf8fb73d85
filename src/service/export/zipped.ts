/** An exported folder as one zip, for whoever can take away only one file. Stored as it is: weights do not shrink. */
import { makeZip } from 'client-zip';
import { type FileStore, partOf } from '../../data/files.ts';
import type { ByteRanges } from '../../data/formats/bytes.ts';
import { CHUNK_BYTES, PartWriter } from '../../data/partWriter.ts';
import type { ExportedFile, ExportEvent, Listener } from '../types.ts';

/** Writes `${name}.zip` beside the files, which lie below `name/` in it. Each is removed once it is in the zip, so that the disk holds no more than
 *  the largest of them twice. Rejects with NoDiskSpace. */
export async function zipped(
  files: FileStore,
  made: readonly ExportedFile[],
  folder: string,
  name: string,
  listener: Listener<ExportEvent> = () => {},
): Promise<ExportedFile> {
  const file = `${folder}/${name}.zip`;
  const totalBytes = made.reduce((sum, { size }) => sum + size, 0);
  await files.remove(partOf(file));
  const writer = new PartWriter(files, file);
  let size = 0;
  const write = async (piece: Uint8Array): Promise<void> => {
    await writer.add(piece);
    size += piece.length;
    listener({ file: `${name}.zip`, doneBytes: Math.min(size, totalBytes), totalBytes });
  };
  try {
    await makeZip(entries(files, made, name)).pipeTo(new WritableStream({ write }));
    await writer.flush();
    await files.commit(file);
  } catch (error) {
    await files.remove(partOf(file));
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
