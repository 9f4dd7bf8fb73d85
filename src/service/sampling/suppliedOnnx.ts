/** `.onnx` files that a model folder brings along for its frozen parts, as optimum exports them: `text_encoder/model.onnx`,
 *  `text_encoder_2/model.onnx`, `vae_decoder/model.onnx`, `vae_encoder/model.onnx`, `unet/model.onnx`. Where there is one, it runs instead of
 *  what we would write from the safetensors; training never does. Tensors are f32 or f16, ids i32 or i64. */
import type { ByteRanges } from '../../data/formats/bytes.ts';
import { besideOnnx, checkHolds, readOnnxHeader } from '../../data/formats/onnxHeader.ts';
import { createSession, type OnnxSession, type SessionOptions } from '../../onnx/session.ts';
import '../../shared/disposable.ts';
import { WinnowError } from '../../shared/errors.ts';
import type { FolderReader } from '../environment.ts';
import type { Planned } from '../model/modelCache.ts';
import { optional } from '../model/weightFiles.ts';

/** A file by its folder, or undefined where there is none. No more than its header is read before it is made. Rejects with BadFile, or for weights
 *  beside it that are not there with NotFound, and with TruncatedFile for fewer than it keeps there. */
export type SuppliedOnnx = (part: string) => Promise<Planned<OnnxSession> | undefined>;

export const suppliedOnnx =
  (reader: FolderReader, options: SessionOptions): SuppliedOnnx =>
  async (part) => {
    const name = `${part}/model.onnx`;
    const model = await optional(reader.open(name));
    if (!model) return undefined;
    const beside: { path: string; file: ByteRanges }[] = [];
    for (const one of (await readOnnxHeader(model, name)).external) {
      const path = besideOnnx(name, one.name);
      const file = await reader.open(path);
      checkHolds(file, one, path, name);
      beside.push({ path: one.name, file });
    }
    return {
      bytes: beside.reduce((sum, { file }) => sum + file.size, model.size),
      onDevice: options.provider === 'webgpu',
      async make() {
        const externalData: { path: string; data: Uint8Array }[] = [];
        for (const { path, file } of beside) externalData.push({ path, data: await file.read(0, file.size) });
        const bytes = await model.read(0, model.size);
        return createSession(bytes, { ...options, ...(externalData.length > 0 && { externalData }) });
      },
    };
  };

/** A supplied session behind the names that we use, whose owner takes it over. `inputs` and `outputs`: ours → the file's; of inputs, those that it does not have are left
 *  out. Rejects with BadFile where it lacks an output or wants an input that we do not have. */
export async function renamed(
  session: OnnxSession,
  part: string,
  inputs: Readonly<Record<string, string>>,
  outputs: Readonly<Record<string, readonly string[]>>,
): Promise<Pick<OnnxSession, 'run' | typeof Symbol.asyncDispose>> {
  await using owned = new AsyncDisposableStack();
  owned.use(session);
  const refuse = (what: string): never => {
    throw new WinnowError(
      'BadFile',
      `${part}/model.onnx ${what}.`,
      'Take the file out of the folder: the safetensors weights then run instead.',
    );
  };
  const known = Object.values(inputs);
  const unknown = session.inputNames.find((name) => !known.includes(name));
  if (unknown !== undefined) refuse(`wants an input ${unknown}, which Winnow does not have`);
  const found: Record<string, string> = {};
  for (const [ours, candidates] of Object.entries(outputs)) {
    const theirs = candidates.find((name) => session.outputNames.includes(name));
    found[ours] =
      theirs ?? refuse(`has no output ${candidates.join(' or ')} (it has ${session.outputNames.join(', ')})`);
  }
  const kept = owned.move();
  return {
    async run(feeds) {
      const given = Object.entries(inputs).filter(([, theirs]) => session.inputNames.includes(theirs));
      const results = await session.run(Object.fromEntries(given.map(([ours, theirs]) => [theirs, feeds[ours]!])));
      return Object.fromEntries(Object.entries(found).map(([ours, theirs]) => [ours, results[theirs]!]));
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
