/** A judge on a page, with what it saw of pictures kept in the browser's private file system: what a session runs, and what it says.
 *  For e2e/files.spec.ts. */
import { byteRanges } from '../../data/formats/bytes.ts';
import { openOpfsStore } from '../../data/opfs.ts';
import type { Judged, JudgeFolder } from '../../judges/judge.ts';
import { readJudge } from '../../judges/table.ts';
import { cpuExecutor } from '../../oracle/run.ts';
import { judgeDtypes } from '../model/weightWidth.ts';
import { EmbeddingStore } from './embeddingStore.ts';
import { engineRunner } from './partRunner.ts';
import '../../shared/disposable.ts';
import { WinnowError } from '../../shared/errors.ts';

const sha256 = async (bytes: Uint8Array): Promise<string> =>
  Array.from(new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array(bytes))), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');

/** @param files of the judge's folder, in base64. */
function folderOf(files: Readonly<Record<string, string>>): JudgeFolder {
  const read = async (name: string): Promise<Uint8Array<ArrayBuffer>> => {
    const file = files[name];
    if (file === undefined) throw new WinnowError('NotFound', `There is no file ${name}.`, 'Check the path.');
    return Uint8Array.from(atob(file), (char) => char.charCodeAt(0));
  };
  return {
    path: 'judges/mine/',
    read,
    open: async (name) => byteRanges(await read(name)),
    sha256: async (name) => sha256(await read(name)),
    list: async () => Object.keys(files),
  };
}

/** Three pictures of a pattern. */
const items = (prompt: string): Judged[] =>
  [1, 2, 3].map((seed): Judged => {
    const data = Uint8Array.from({ length: 4 * 30 * 20 }, (_, i) => (i % 4 === 3 ? 255 : (i * seed * 37) % 251));
    return {
      key: () => sha256(data),
      picture: async () => ({ width: 30, height: 20, data }),
      prompt,
      pooled: () => Promise.reject(new Error('it has words of its own')),
    };
  });

/** @returns towers that ran, and the scores. */
export async function session(
  files: Readonly<Record<string, string>>,
  prompt: string,
): Promise<{ ran: string[]; scores: number[] }> {
  const judge = await readJudge(folderOf(files), { name: 'mine', from: 'folder' });
  const store = new EmbeddingStore({
    files: await openOpfsStore('embeddings'),
    sha256,
    now: () => new Date(),
    newId: () => crypto.randomUUID(),
  });
  const ran: string[] = [];
  const { plan } = engineRunner(cpuExecutor());
  const planned = await judge.plan({
    dtypes: judgeDtypes,
    pictures: await store.of((await judge.embedder!())!),
    file: () => {
      throw new Error('a CLIP is no ONNX file');
    },
    plan(graph, weights) {
      const part = plan(graph, weights);
      const tower = graph.outputs.has('image_embeds') ? 'image' : 'text';
      return {
        ...part,
        async make() {
          const running = await part.make();
          return {
            run(feeds) {
              ran.push(tower);
              return running.run(feeds);
            },
            [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
          };
        },
      };
    },
  });
  await using scorer = await planned.make();
  const scores: number[] = [];
  for await (const score of scorer.score(items(prompt))) scores.push(...Object.values(score));
  return { ran, scores };
}
