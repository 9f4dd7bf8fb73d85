/** Which files of a model's folder or repository are needed, by their paths alone: configs, tokenizers, the scheduler, and of several variants
 *  of a component's weights one. Safety checkers, pickles, and the weights of other frameworks stay where they are. */
import { WinnowError } from '../shared/errors.ts';
import { yamlNames } from './formats/checkpointYaml.ts';

/** Components with weights, by folder, and their files' stem. */
const stems: Readonly<Record<string, string>> = {
  unet: 'diffusion_pytorch_model',
  vae: 'diffusion_pytorch_model',
  text_encoder: 'model',
  text_encoder_2: 'model',
};

/** Files of a `tokenizer/` folder, those that it has. */
export const tokenizerFiles = [
  'tokenizer.json',
  'vocab.json',
  'merges.txt',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
] as const;

/** Judges that come with a model (judges/table.ts): any number, each in a folder of its own. */
const judgeFolder = /^scorers\/[^/]+(?=\/)/;
const judgesIndex = 'scorers/index.json';

const small: ReadonlySet<string> = new Set([
  'model_index.json',
  judgesIndex,
  'scheduler/scheduler_config.json',
  ...Object.keys(stems).map((folder) => `${folder}/config.json`),
  ...['tokenizer', 'tokenizer_2'].flatMap((folder) => tokenizerFiles.map((file) => `${folder}/${file}`)),
]);

/** ONNX files that run instead of weights (service/sampling/suppliedOnnx.ts); what they keep beside them, they name themselves (onnxBeside.ts). */
const supplied: ReadonlySet<string> = new Set(
  ['unet', 'text_encoder', 'text_encoder_2', 'vae_encoder', 'vae_decoder'].map((folder) => `${folder}/model.onnx`),
);

/** What a weight file of a variant has in its name, the one that is read first: half width is what these models were published to run at, and
 *  half of the bytes. One order for what is copied, downloaded and opened, so that a folder is the same model wherever it is read. */
export const weightVariants: readonly string[] = ['.fp16', '', '.bf16', '.non_ema'];

const pickle = /\.(bin|ckpt|pt|pth)$/i;
const flax = /\.msgpack$/i;

/** A folder of diffusers, or a repository that is one; or a checkpoint in one file, with the YAML beside it. */
export type ModelChoice<F> = { kind: 'folder'; files: F[] } | { kind: 'checkpoint'; files: F[] };

interface Options {
  /** Where it was chosen, in errors: `The folder`, `owner/name`. */
  what: string;
  /** Whether ONNX files are wanted, beside the weights: a person's own are, a repository's would double its size. */
  onnx: boolean;
}

/** The files that are needed, small ones first. Rejects what has none of ours: PickleRefused where there are only pickles, else NotFound. */
export function chooseModelFiles<F extends { path: string }>(
  files: readonly F[],
  { what, onnx }: Options,
): ModelChoice<F> {
  const byPath = new Map(files.map((file) => [file.path, file]));
  if (!byPath.has('model_index.json')) {
    const checkpoint = checkpointOf(files, what);
    const beside = yamlNames(checkpoint.path).flatMap((path) => byPath.get(path) ?? []);
    return { kind: 'checkpoint', files: [...beside, checkpoint] };
  }
  const weights: F[] = [];
  const judges = new Set(files.flatMap(({ path }) => judgeFolder.exec(path)?.[0] ?? []));
  for (const [folder, stem] of [...Object.entries(stems), ...[...judges].map((judge) => [judge, 'model'] as const)]) {
    const inside = files.filter(({ path }) => path.startsWith(`${folder}/`));
    if (inside.length === 0) continue;
    const found = weightVariants
      .map((variant) => weightFiles(byPath, folder, stem, variant))
      .find((chosen) => chosen.length > 0);
    if (found) weights.push(...found);
    // A judge that cannot be read is left out: the model does not need it.
    else if (!judges.has(folder)) refuseWeights(`${folder} of ${what}`, inside);
  }
  if (weights.length === 0) throw noWeights(`${what} has no safetensors weights.`);
  return {
    kind: 'folder',
    files: [
      ...files.filter(
        ({ path }) =>
          small.has(path) || weights.some((weight) => path === `${judgeFolder.exec(weight.path)?.[0]}/config.json`),
      ),
      ...weights,
      ...(onnx ? files.filter(({ path }) => supplied.has(path)) : []),
    ],
  };
}

/** For a component that has no safetensors weights in full; a folder without any config is none. */
function refuseWeights(where: string, inside: readonly { path: string }[]): void {
  const refused = inside.find(({ path }) => pickle.test(path));
  if (refused) throw pickleRefused(where, refused.path);
  if (inside.some(({ path }) => flax.test(path))) throw noWeights(`${where} has weights for Flax alone.`);
  if (inside.some(({ path }) => path.endsWith('.safetensors.index.json')))
    throw noWeights(`${where} lacks some of the shards of its weights.`);
  if (inside.some(({ path }) => path.endsWith('/config.json'))) throw noWeights(`${where} has no safetensors weights.`);
}

/** One file, or the shards and their index; [] where the variant does not exist or lacks a shard. Variants of shards are named in two ways:
 *  `model.fp16-00001-of-00002`, or as diffusers once did, `model-00001-of-00002.fp16`. */
function weightFiles<F extends { path: string }>(
  byPath: ReadonlyMap<string, F>,
  folder: string,
  stem: string,
  variant: string,
): F[] {
  const single = byPath.get(`${folder}/${stem}${variant}.safetensors`);
  if (single) return [single];
  const count = '-(\\d{5})-of-(\\d{5})';
  const mark = variant.replace('.', '\\.');
  for (const [indexName, shardName] of [
    [`.index${variant}`, mark + count],
    [`${variant}.index`, count + mark],
  ] as const) {
    const index = byPath.get(`${folder}/${stem}.safetensors${indexName}.json`);
    if (!index) continue;
    const pattern = new RegExp(`^${folder}/${stem}${shardName}\\.safetensors$`);
    const shards = [...byPath.values()]
      .filter(({ path }) => pattern.test(path))
      .sort((a, b) => a.path.localeCompare(b.path));
    if (shards.length > 0 && shards.length === Number(pattern.exec(shards[0]!.path)![2])) return [index, ...shards];
  }
  return [];
}

/** The one .safetensors file of a folder that is none of diffusers. Throws NotFound, BadArguments for several, PickleRefused. */
export function checkpointOf<F extends { path: string }>(files: readonly F[], what: string): F {
  const top = files.filter(({ path }) => !path.includes('/'));
  const checkpoints = top.filter(({ path }) => /\.safetensors$/i.test(path));
  if (checkpoints.length === 1) return checkpoints[0]!;
  if (checkpoints.length > 1) {
    throw new WinnowError(
      'BadArguments',
      `${what} has several checkpoints and no model_index.json: ${checkpoints.map(({ path }) => path).join(', ')}.`,
      'Choose one of the files itself.',
    );
  }
  const refused = files.find(({ path }) => pickle.test(path));
  if (refused) throw pickleRefused(what, refused.path);
  throw new WinnowError(
    'NotFound',
    `${what} has neither a model_index.json nor a .safetensors file.`,
    'Choose a diffusers folder, or a checkpoint in one .safetensors file.',
  );
}

const pickleRefused = (where: string, path: string): WinnowError =>
  new WinnowError(
    'PickleRefused',
    `${where} has its weights only as a pickle (${path}), which can run any code when it is opened.`,
    'Convert it to safetensors (diffusers: pipe.save_pretrained(..., safe_serialization=True)).',
  );

const noWeights = (what: string): WinnowError =>
  new WinnowError('NotFound', what, 'Choose a diffusers folder with safetensors weights.');

/** Paths inside the one folder that all of them lie in; what the system keeps beside a person's files is left out. */
export function insideTopFolder<F extends { path: string }>(files: readonly F[]): F[] {
  const clean = files
    .map((file) => ({ ...file, path: file.path.replaceAll('\\', '/').replace(/^(\.?\/)+/, '') }))
    .filter(({ path }) =>
      path.split('/').every((part) => part !== '..' && !part.startsWith('.') && part !== '__MACOSX'),
    );
  const top = clean[0]?.path.split('/')[0];
  return clean.length > 0 && clean.every(({ path }) => path.startsWith(`${top}/`))
    ? insideTopFolder(clean.map((file) => ({ ...file, path: file.path.slice(top!.length + 1) })))
    : clean;
}
