/** Any ONNX model that scores pictures, run as it is by onnxruntime: judge.json says how it is fed and read, or else its inputs and outputs and the
 *  preprocessor_config.json beside it do. */
import {
  besideOnnx,
  checkHolds,
  type ExternalWeights,
  type OnnxHeader,
  type OnnxPort,
  readOnnxHeader,
} from '../../data/formats/onnxHeader.ts';
import type { ByteRanges } from '../../data/formats/bytes.ts';
import { decodePicture } from '../../data/formats/picture.ts';
import { openSafetensors } from '../../data/formats/safetensors.ts';
import type { Tensor } from '../../graph/feed.ts';
import type { ClipTokenizer } from '../../models/clip/tokenizer.ts';
import { finiteTensors, type TensorSource } from '../../models/weights.ts';
import '../../shared/disposable.ts';
import { WinnowError } from '../../shared/errors.ts';
import { checkFinite } from '../../shared/finite.ts';
import { parseJsonObject } from '../../shared/json.ts';
import { headTensors, openHead } from '../clip/aestheticHead.ts';
import {
  isWithin,
  type Judged,
  type JudgeFolder,
  type JudgeKind,
  type JudgeScale,
  type TestedScore,
} from '../judge.ts';
import type { Raster } from '../../shared/resize.ts';
import type { Preprocess } from '../preprocess.ts';
import { optional, readTokenizer } from '../tokenizer.ts';
import { type Description, type KnownScore, parseDescription, type TextInput } from './description.ts';
import { inferred } from './infer.ts';
import { modelSize, pixelsOf, preprocessOf } from './pixels.ts';
import { outputsRead, scoreOf } from './reading.ts';

const SCORE: JudgeScale = { name: 'score', title: 'Score', needs: ['image'] };
export const DESCRIPTION = 'judge.json';
const PREPROCESSOR = 'preprocessor_config.json';

/** onnxruntime takes a model whole, into a heap of at most 4 GiB, and a copy of it beside. */
const MOST_BYTES = 1.5 * 2 ** 30;

export const onnxJudge: JudgeKind = {
  takes: `an .onnx model and ${DESCRIPTION} or ${PREPROCESSOR}`,
  scales: [SCORE],
  about: {
    purpose: 'Gives pictures the scores of a model that somebody else made.',
    weakness:
      'Nobody here has measured how well it judges: see what it says of pairs that people judged (winnow score).',
  },
  async read(folder, config) {
    const found = await describedModel(folder, config);
    if (!found) return undefined;
    const { description, header, source } = found;
    const file = `${folder.path}${description.model}`;
    const how = preprocessOf(description.image, source);
    checkPorts(description, header, how, file);
    await checkBeside(folder, description.model, header);
    const { text, name, purpose, weakness, range, pairProbability } = description;
    const tokenizer = text && (await tokenizerOf(folder, text));
    const layers = 'head' in description.score ? await layersOf(folder, description.score.head) : undefined;
    for (const { image } of description.selfTest)
      if (!(await optional(folder.open(image))))
        throw new WinnowError(
          'NotFound',
          `${folder.path} has no ${image}, whose score its ${DESCRIPTION} knows (selfTest).`,
          'Put the picture there, or leave it out of selfTest.',
        );
    const said = range ? ` Its scores usually lie between ${range[0]} and ${range[1]}.` : '';
    return {
      imageSize: null,
      ...(name !== undefined && { title: name }),
      scales: [
        {
          ...SCORE,
          needs: text ? ['image', 'prompt'] : ['image'],
          ...(pairProbability && { logit: 1 }),
        },
      ],
      about: {
        purpose: `${purpose ?? onnxJudge.about.purpose}${said}`,
        weakness: weakness ?? onnxJudge.about.weakness,
      },
      ...(tokenizer && {
        lost: async (prompts) => prompts.map((prompt) => tokenizer.lost(text.prefix + prompt, text.maxLength)),
      }),
      ...(folder.sha256 && { embedder: () => scorerOf(folder, description, header.external, how) }),
      async plan(runner) {
        const opened = await openModel(folder, description.model, header);
        const head = layers && { score: await openHead(layers, widthOf(layers)), width: widthOf(layers) };
        const { bytes, onDevice, make } = runner.file(opened);
        return {
          bytes,
          onDevice,
          make: async () => {
            // Loaded where a picture has to be looked at: all of them may be known.
            let running: ReturnType<typeof make> | undefined;
            const wanted = outputsRead(description);
            const wordsOf = (prompt: string): Record<string, Tensor> =>
              text && tokenizer ? textFeeds(prompt, text, tokenizer) : {};
            async function one(picture: Raster, words: Record<string, Tensor>): Promise<number> {
              const { input, dtype } = description.image;
              const pixels = pixelsOf(picture, description.image, how);
              const feeds: Record<string, Tensor> = {
                [input]: dtype === 'uint8' ? { ...pixels, data: pixels.data.map(asByte) } : pixels,
                ...words,
              };
              const model = await (running ??= make().catch((error: unknown) => {
                running = undefined;
                return asExport(file)(error);
              }));
              const score = scoreOf(description, await model.run(feeds, wanted).catch(asExport(file)), file, head);
              checkFinite([score], `Scores of ${file}`, 'Take another export of the model.');
              return rounded(score);
            }
            const selfTest = (): Promise<TestedScore[]> =>
              tested(folder, description.selfTest, (picture, prompt) => one(picture, wordsOf(prompt)));
            let passed: Promise<void> | undefined;
            async function remembered(item: Judged): Promise<number> {
              const words = wordsOf(item.prompt);
              const key = [await item.key(), ...Object.values(words).map(({ data }) => data.join(' '))].join(' ');
              const known = await runner.pictures?.get(key, 2);
              if (known) return known[0]! + known[1]!;
              await (passed ??= selfTest().then((found) => checkTested(found, `${folder.path}${DESCRIPTION}`)));
              const score = await one(await item.picture(), words);
              await runner.pictures?.add(key, halves(score));
              return score;
            }
            return {
              [Symbol.asyncDispose]: async () => (await running?.catch(() => undefined))?.[Symbol.asyncDispose](),
              async *score(items) {
                const sign = description.higherIsBetter ? 1 : -1;
                try {
                  for (const item of items) yield { [SCORE.name]: sign * (await remembered(item)) };
                } finally {
                  await runner.pictures?.flush();
                }
              },
              ...(description.selfTest.length > 0 && { selfTest }),
            };
          },
        };
      },
    };
  },
};

/** A score as two numbers in f32 that come to it, which is how it is kept. */
const halves = (score: number): Float32Array => Float32Array.of(score, score - Math.fround(score));
/** As it comes back from there: the last bits of f64 are not kept. */
const rounded = (score: number): number => {
  const [high, low] = halves(score);
  return high! + low!;
};

/** Whoever changes what is computed of a picture counts on. */
const SCORE_VERSION = 1;

/** All that a score depends on, but for the picture and the prompt's tokens. What it is known to say counts too: what is kept has passed it. */
async function scorerOf(
  folder: JudgeFolder,
  description: Description,
  external: readonly ExternalWeights[],
  how: Preprocess,
): Promise<string> {
  const { model, image, text, score, scale, shift, selfTest } = description;
  const files = [
    model,
    ...external.map(({ name }) => besideOnnx(model, name, folder.path)),
    ...('head' in score ? [score.head] : []),
    ...selfTest.map((one) => one.image),
  ];
  const hashes = await Promise.all(files.map((file) => folder.sha256!(file)));
  return JSON.stringify(['onnx', SCORE_VERSION, hashes, how, image, text, score, scale, shift, selfTest]);
}

/** What onnxruntime says of somebody's model, in a line: no reload helps, and no kernels of ours run it. */
const asExport =
  (file: string) =>
  (error: unknown): never => {
    if (!(error instanceof WinnowError) || error.name !== 'OnnxRuntimeFailed') throw error;
    // Without the place in its source.
    const said = error.what
      .replace(/\s+/g, ' ')
      .replace(/\/\S+\.(cc|h):\d+ .*?\) /, '')
      .trim();
    throw new WinnowError(
      error.name,
      `${file}: ${said}${said.endsWith('.') ? '' : '.'}`,
      'Take another export of the model, of an older opset, that takes one picture at a time.',
    );
  };

/** Of a head on an embedding. Reads its header alone. */
async function layersOf(folder: JudgeFolder, name: string): Promise<TensorSource> {
  const file = `${folder.path}${name}`;
  const bytes = await optional(folder.open(name));
  if (!bytes)
    throw new WinnowError(
      'NotFound',
      `${folder.path} has no ${name}, which its ${DESCRIPTION} names as the head.`,
      'Put the head there, or correct the name.',
    );
  const tensors = finiteTensors(await openSafetensors(bytes, file), () => file);
  const layers = headTensors(tensors, true);
  if (!layers)
    throw new WinnowError('MissingTensor', `${file} has no layers of a head.`, 'Take another copy of the head.');
  return layers;
}

/** Of the embedding that a head reads: its first layer's. */
const widthOf = (layers: TensorSource): number =>
  layers.shape(layers.names.find((name) => name === '0.weight') ?? '')?.[1] ?? 0;

/** The scores that a judge is known to give, as it gives them here. */
async function tested(
  folder: JudgeFolder,
  known: readonly KnownScore[],
  score: (picture: Raster, prompt: string) => Promise<number>,
): Promise<TestedScore[]> {
  const found: TestedScore[] = [];
  for (const { image, prompt, score: wanted, tolerance } of known) {
    const given = await score(await decodePicture(await folder.read(image)), prompt);
    found.push({ image, prompt, wanted, found: given, tolerance });
  }
  return found;
}

/** Before the first score: a judge that is fed in another way than it was made for gives numbers, too. */
function checkTested(found: readonly TestedScore[], source: string): void {
  const off = found.find((one) => !isWithin(one));
  if (off)
    throw new WinnowError(
      'BadFile',
      `${source} says that ${off.image} scores ${off.wanted}, and it scores ${Number(off.found.toPrecision(6))} here.`,
      'Correct what it says of preprocessing, prompt and score, or take another export of the model.',
    );
}

const asByte = (value: number): number => Math.min(255, Math.max(0, Math.round(value)));

interface DescribedModel {
  description: Description;
  header: OnnxHeader;
  /** Of the preprocessing, in messages. */
  source: string;
}

/** Undefined for a folder without a judge.json and without an .onnx file. */
async function describedModel(
  folder: JudgeFolder,
  config: Record<string, unknown> | undefined,
): Promise<DescribedModel | undefined> {
  const named = folder.file !== undefined && /\.onnx$/i.test(folder.file) ? folder.file : undefined;
  const json = async (file: string): Promise<Record<string, unknown> | undefined> => {
    const bytes = await optional(folder.read(file));
    return bytes && parseJsonObject(bytes, { file: `${folder.path}${file}`, limit: 2 ** 20 });
  };
  const said = await json(DESCRIPTION);
  if (said) {
    const source = `${folder.path}${DESCRIPTION}`;
    const description = parseDescription(named === undefined ? said : { ...said, model: named }, source);
    const model = await optional(folder.open(description.model));
    if (!model)
      throw new WinnowError(
        'NotFound',
        `${folder.path} has no ${description.model}, which its ${DESCRIPTION} names.`,
        'Put the model there, or correct the name.',
      );
    return { description, header: await readOnnxHeader(model, `${folder.path}${description.model}`), source };
  }
  const model = named ?? (await onlyModel(folder));
  if (model === undefined) return undefined;
  const ranges = await folder.open(model);
  const preprocessor = (await json(PREPROCESSOR)) ?? timmConfig(config);
  if (!preprocessor)
    throw new WinnowError(
      'BadFile',
      `Nothing says how pictures come to ${folder.path}${model}: there is neither a ${DESCRIPTION} nor a ${PREPROCESSOR} beside it.`,
      'Put the one there that it was published with, or describe it (docs/judges.md).',
    );
  const header = await readOnnxHeader(ranges, `${folder.path}${model}`);
  const description = inferred(model, header, preprocessor);
  return { description, header, source: `${folder.path}${PREPROCESSOR}` };
}

const timmConfig = (config: Record<string, unknown> | undefined): Record<string, unknown> | undefined =>
  config && ('pretrained_cfg' in config || 'input_size' in config) ? config : undefined;

/** As exporters and hubs place it; else the only one at the top. */
async function onlyModel(folder: JudgeFolder): Promise<string | undefined> {
  for (const usual of ['model.onnx', 'onnx/model.onnx']) if (await optional(folder.open(usual))) return usual;
  const files = ((await folder.list?.()) ?? []).filter((file) => /^[^\\/]+\.onnx$/i.test(file));
  if (files.length > 1)
    throw new WinnowError(
      'BadArguments',
      `${folder.path} holds several models: ${files.slice(0, 4).join(', ')}.`,
      'Give the path of one of them.',
    );
  return files[0];
}

async function tokenizerOf(folder: JudgeFolder, text: TextInput): Promise<ClipTokenizer> {
  const tokenizer = await readTokenizer(folder);
  if (!tokenizer)
    throw new WinnowError(
      'NotFound',
      `${folder.path} reads prompts and has no tokenizer.`,
      'Put the tokenizer.json of the model there, or its vocab.json and merges.txt.',
    );
  if (text.padTo !== null && text.padTo < text.maxLength)
    throw new WinnowError(
      'BadFile',
      `${folder.path}${DESCRIPTION} pads prompts to ${text.padTo} tokens and keeps ${text.maxLength}.`,
      'Correct padTo or maxLength.',
    );
  return tokenizer;
}

/** [1, T] of each input. */
function textFeeds(prompt: string, text: TextInput, tokenizer: ClipTokenizer): Record<string, Tensor> {
  const count = Math.min(text.maxLength, tokenizer.tokenize(text.prefix + prompt).length + 2);
  const ids = tokenizer.encode(text.prefix + prompt, count);
  const length = text.padTo ?? count;
  const padded = new Int32Array(length).fill(text.padId ?? tokenizer.padId);
  padded.set(ids);
  const shape = [1, length];
  return {
    [text.ids]: { data: padded, shape },
    ...(text.mask !== null && { [text.mask]: { data: Int32Array.from(padded, (_, i) => (i < count ? 1 : 0)), shape } }),
  };
}

/** What was described against what the graph has. */
function checkPorts(
  { image, text, score }: Description,
  { inputs, outputs }: OnnxHeader,
  how: Preprocess,
  file: string,
): void {
  const refuse = (what: string): never => {
    throw new WinnowError(
      'BadFile',
      `${file} ${what}.`,
      `Correct ${DESCRIPTION}, or take another export of the model.`,
    );
  };
  const names = (ports: readonly OnnxPort[]): string =>
    ports
      .slice(0, 8)
      .map(({ name }) => name)
      .join(', ');
  const input = (name: string): OnnxPort =>
    inputs.find((port) => port.name === name) ?? refuse(`has no input ${name} (it has ${names(inputs)})`);
  const fed = [image.input, ...(text ? [text.ids, ...(text.mask === null ? [] : [text.mask])] : [])];
  const missing = inputs.filter(({ name }) => !fed.includes(name));
  if (missing.length > 0) refuse(`wants inputs that nobody feeds: ${names(missing)}`);
  const { dims, type } = input(image.input);
  if (type !== image.dtype) refuse(`takes ${image.input} as ${type}, not as ${image.dtype}`);
  const many = (port: string, [batch]: readonly (number | null)[]): void => {
    if (typeof batch === 'number' && batch !== 1) refuse(`takes ${batch} of ${port} at a time, and is given one`);
  };
  const size = modelSize(image, how);
  const [across, down, colour] = image.layout === 'NCHW' ? [dims[3], dims[2], dims[1]] : [dims[2], dims[1], dims[3]];
  if (dims.length !== 4 || (colour !== null && colour !== 3))
    refuse(
      `takes ${image.input} as [${dims.map((dim) => dim ?? '?').join(', ')}], which is no picture in ${image.layout}`,
    );
  many(image.input, dims);
  const differs = (fixed: number | null | undefined, made: number | undefined): boolean =>
    typeof fixed === 'number' && fixed !== made;
  if (differs(across, size?.width) || differs(down, size?.height))
    refuse(
      `takes pictures of ${across ?? 'any'} by ${down ?? 'any'} pixels, and its preprocessing makes ${size ? `${size.width} by ${size.height}` : 'them as large as they come'}`,
    );
  if (text) {
    const { type: ids, dims: tokens } = input(text.ids);
    if (text.mask !== null) input(text.mask);
    many(text.ids, tokens);
    if (ids !== text.dtype) refuse(`takes ${text.ids} as ${ids}, not as ${text.dtype}`);
    if (differs(tokens[1], text.padTo ?? undefined))
      refuse(`takes ${tokens[1]} tokens, and prompts are padded to ${text.padTo ?? 'their own length'}`);
  }
  for (const name of outputsRead({ score })) {
    const output =
      outputs.find((port) => port.name === name) ?? refuse(`has no output ${name} (it has ${names(outputs)})`);
    if (!output.type.startsWith('float')) refuse(`gives ${name} as ${output.type}, which is no score`);
  }
}

/** Before anything is copied or scored: what its graph names as its weights is there, and whole. */
async function checkBeside(folder: JudgeFolder, model: string, { external }: OnnxHeader): Promise<void> {
  for (const one of external) {
    const path = besideOnnx(model, one.name, folder.path);
    const weights = await optional(folder.open(path));
    if (!weights)
      throw new WinnowError(
        'NotFound',
        `${folder.path} has no ${path}, in which ${model} keeps weights.`,
        'Put the file there under this name, or take another export of the model.',
      );
    checkHolds(weights, one, `${folder.path}${path}`, model);
  }
}

/** With the files beside it that hold its weights. */
async function openModel(
  folder: JudgeFolder,
  path: string,
  { external }: OnnxHeader,
): Promise<{ bytes: number; read(): Promise<{ model: Uint8Array; beside: { path: string; data: Uint8Array }[] }> }> {
  const model = await folder.open(path);
  const beside: { path: string; ranges: ByteRanges }[] = [];
  for (const { name } of external)
    beside.push({ path: name, ranges: await folder.open(besideOnnx(path, name, folder.path)) });
  const bytes = beside.reduce((sum, { ranges }) => sum + ranges.size, model.size);
  if (bytes > MOST_BYTES)
    throw new WinnowError(
      'BadFile',
      `${folder.path}${path} has ${(bytes / 2 ** 30).toFixed(1)} GiB of weights, and onnxruntime holds at most ${MOST_BYTES / 2 ** 30}.`,
      'Take a smaller export (f16), or the judge as safetensors where Winnow knows its kind.',
    );
  const whole = ({ read, size }: ByteRanges): Promise<Uint8Array> => read(0, size);
  return {
    bytes,
    async read() {
      const data: { path: string; data: Uint8Array }[] = [];
      for (const { path: name, ranges } of beside) data.push({ path: name, data: await whole(ranges) });
      return { model: await whole(model), beside: data };
    },
  };
}
