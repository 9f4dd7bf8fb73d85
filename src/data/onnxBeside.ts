/** Files that ONNX models keep their weights in, by what their graphs name them: exporters agree on no name. */
import { isWinnowError } from '../shared/errors.ts';
import type { ByteRanges } from './formats/bytes.ts';
import { besideOnnx, readOnnxHeader } from './formats/onnxHeader.ts';

/** Of the .onnx files among `paths`. One that cannot be read names none: whoever opens it says what is wrong. Reads their headers alone. */
export async function onnxBeside(
  paths: readonly string[],
  open: (path: string) => Promise<ByteRanges>,
): Promise<string[]> {
  const named = new Set<string>();
  for (const model of paths.filter((path) => /\.onnx$/i.test(path)))
    try {
      const { external } = await readOnnxHeader(await open(model), model);
      for (const { name } of external) named.add(besideOnnx(model, name));
    } catch (error) {
      if (!isWinnowError(error, 'BadFile')) throw error;
    }
  return [...named];
}
