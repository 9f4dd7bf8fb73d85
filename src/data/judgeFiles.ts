/** Which files of a judge's folder or repository are needed, by their paths alone: configs, tokenizer, and its weights in one form. Pickles and the
 *  weights of other frameworks stay where they are. */
import { WinnowError } from '../shared/errors.ts';
import { isHeadFile, isTestPicture, isTowerHead, MOST_TESTS, vocabularyFiles } from './judgeNames.ts';
import { tokenizerFiles } from './modelFiles.ts';

const small: ReadonlySet<string> = new Set([
  'config.json',
  'judge.json',
  'preprocessor_config.json',
  'open_clip_config.json',
  'model.safetensors.index.json',
  // ImageReward's.
  'med_config.json',
  ...vocabularyFiles,
  ...['', 'tokenizer/'].flatMap((folder) => tokenizerFiles.map((file) => `${folder}${file}`)),
]);

const isWeights = (path: string): boolean => /^[^/]+\.safetensors$/i.test(path);
const isOnnx = (path: string): boolean => /^(onnx\/)?[^/]+\.onnx$/i.test(path);
/** Small ones first; what an ONNX model among them keeps beside it, it names itself (data/onnxBeside.ts). Rejects with NotFound where there is nothing that could score a picture, PickleRefused for a head that is one.
 *  @param what the folder or repository, in messages */
export function chooseJudgeFiles<F extends { path: string }>(files: readonly F[], what: string): F[] {
  const has = (path: string): boolean => files.some((file) => file.path === path);
  // What is described is an ONNX model, or a CLIP by its recipe.
  const described = has('judge.json') ? onnxOf(files, true) : [];
  const safetensors = described.length > 0 ? [] : files.filter(({ path }) => isWeights(path));
  const whole = safetensors.filter(({ path }) => path === 'model.safetensors');
  const weights =
    whole.length > 0
      ? safetensors.filter(({ path }) => path === 'model.safetensors' || isHeadFile(path) || isTowerHead(path))
      : safetensors;
  // Left aside, its tower would be taken for a judge of its own.
  const pickled = files.find(({ path }) => /\.(pth?|bin)$/i.test(path) && isTowerHead(path));
  if (pickled && weights.length > 0 && !weights.some(({ path }) => isTowerHead(path)))
    throw new WinnowError(
      'PickleRefused',
      `${pickled.path.slice(0, 200)} is a pickle, which can run any code when it is opened.`,
      'Take the same head as safetensors: mlp.safetensors of vivym/improved-aesthetic-predictor.',
    );
  const onnx =
    described.length > 0
      ? [
          ...described,
          ...files.filter(({ path }) => isHeadFile(path)),
          ...files.filter(({ path }) => isTestPicture(path)).slice(0, MOST_TESTS),
        ]
      : weights.length > 0
        ? []
        : onnxOf(files, false);
  if (weights.length + onnx.length === 0)
    throw new WinnowError(
      'NotFound',
      `${what} holds neither a .safetensors nor an .onnx file.`,
      'Choose the folder of a judge, with its config and its weights.',
    );
  return [...files.filter(({ path }) => small.has(path)), ...weights, ...onnx];
}

function onnxOf<F extends { path: string }>(files: readonly F[], described: boolean): F[] {
  const all = files.filter(({ path }) => isOnnx(path));
  const usual = ['model.onnx', 'onnx/model.onnx'].find((path) => all.some((file) => file.path === path));
  // Which of several is meant, judge.json says.
  return described || usual === undefined ? all : all.filter(({ path }) => path === usual);
}
