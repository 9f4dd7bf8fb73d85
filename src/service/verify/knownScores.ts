/** `winnow verify --judge`: the scores that published judges are known to give for known pictures, for whoever has their weights. */
import { decodePicture } from '../../data/formats/picture.ts';
import { type ClipFiles, openClipFiles } from '../../judges/clip/folder.ts';
import { clipRecipes, cosine } from '../../judges/clip/kinds.ts';
import { ClipTowers } from '../../judges/clip/towers.ts';
import { openImageReward } from '../../judges/imageReward/folder.ts';
import { IMAGE_REWARD_TITLE, rewardOf } from '../../judges/imageReward/kind.ts';
import { ImageRewardTowers } from '../../judges/imageReward/towers.ts';
import type { JudgeFolder } from '../../judges/judge.ts';
import { hpsPreprocess, type Preprocess, preprocess } from '../../judges/preprocess.ts';
import '../../shared/disposable.ts';
import { WinnowError } from '../../shared/errors.ts';
import { parseJsonObject } from '../../shared/json.ts';
import type { Raster } from '../../shared/resize.ts';
import type { FolderReader } from '../environment.ts';
import { optional } from '../model/weightFiles.ts';
import { judgeDtypes } from '../model/weightWidth.ts';
import type { PartRunner } from '../sampling/partRunner.ts';
import type { CaseResult, Row } from './compare.ts';

interface KnownPicture {
  file: string;
  sha256: string;
}

/** THUDM/ImageReward (Apache-2.0), assets/images: 512 by 512, lossless. */
const fromImageReward: readonly KnownPicture[] = [
  { file: '1.webp', sha256: 'a5fcd126763da8b3fe2a9e620fc1ba03d215d20de36c77bf6770a540a9bc972d' },
  { file: '2.webp', sha256: 'dc13919a49a37987d19c8be3ba0c1ef2941570f820f90fb66ac91a9a9db24082' },
  { file: '3.webp', sha256: 'ee859bac167e6a04cbcde63454757b6fc7d9b8704429c15725ca8c4accf176e3' },
  { file: '4.webp', sha256: '84faf59d59d9ca7ab298c9acb957d727365ae104768ac1a1ec55ab96be68aaf9' },
];

export interface KnownScores {
  prompt: string;
  pictures: readonly KnownPicture[];
  /** By the judge's title; a cosine, or a score. */
  judges: Readonly<Record<string, readonly number[]>>;
}

/** As DiffSynth-Studio's README prints them; ImageReward's own prints its first two 0.00003 and its last two 0.003 away from these. */
const printed: KnownScores = {
  prompt: 'a painting of an ocean with clouds and birds, day time, low depth field effect',
  pictures: fromImageReward,
  judges: {
    PickScore: [0.207371, 0.204436, 0.206608, 0.194261],
    'HPS v2': [0.267252, 0.254952, 0.248885, 0.243028],
    'HPS v2.1': [0.232114, 0.202337, 0.197829, 0.192302],
    'CLIPScore (ViT-H/14)': [0.389464, 0.354455, 0.338614, 0.328784],
    'LAION aesthetic v2': [5.90086, 5.77657, 5.79986, 5.05205],
    ImageReward: [0.58119, 0.27452, -1.41589, -2.03249],
  },
};

/** For weights in half width, as large ones are kept: three times what is asked of f32. */
const TOLERANCE = { cosine: 6e-4, aesthetic: 0.03, imageReward: 0.015 };

/** Rejects with NotFound or WrongHash for pictures that are not those, UnsupportedArchitecture for a judge whose scores nobody has printed.
 *  @param pictures the folder that the known pictures lie in. */
export async function verifyKnownScores(
  reader: FolderReader,
  path: string,
  pictures: FolderReader,
  runner: PartRunner,
  sha256: (bytes: Uint8Array) => Promise<string>,
  table: KnownScores = printed,
): Promise<CaseResult> {
  const judge: JudgeFolder = {
    path,
    read: (file) => reader.read(file),
    open: (file) => reader.open(file),
    ...(reader.list && { list: () => reader.list!() }),
  };
  const known = await knownJudge(judge, runner);
  const expected = known && table.judges[known.title];
  if (!known || !expected)
    throw new WinnowError(
      'UnsupportedArchitecture',
      `No scores are known of ${known ? known.title : judge.path}.`,
      `Choose the folder of one of ${Object.keys(table.judges).join(', ')}.`,
    );
  const seen = await Promise.all(table.pictures.map((picture) => openPicture(pictures, picture, sha256)));
  const { title, tolerance } = known;
  await using scoring = await known.open(table.prompt);
  const rowsOf = async ([how, way]: readonly [string, Preprocess]): Promise<Row[]> => {
    const rows: Row[] = [];
    for (const [i, picture] of seen.entries()) {
      const found = await scoring.score(preprocess(picture, way).data);
      const wanted = expected[i]!;
      const off = Math.abs(found - wanted);
      rows.push({
        name: `${table.pictures[i]!.file}${how}: ${found.toFixed(6)}, printed ${wanted}`,
        class: 'forward',
        elements: 1,
        error: off / Math.abs(wanted),
        maxAbs: off,
        ok: off <= tolerance,
      });
    }
    return rows;
  };
  const ways: Row[][] = [];
  for (const way of known.ways) ways.push(await rowsOf(way));
  const best = ways.find((rows) => rows.every(({ ok }) => ok)) ?? ways[0]!;
  return {
    name: title,
    kind: 'known scores',
    rows: ways.flat(),
    skipped: [],
    worst: { forward: Math.max(...best.map(({ error }) => error)), grad: 0, trajectory: 0 },
    ok: best.every(({ ok }) => ok),
    backend: runner.name,
  };
}

/** A judge whose scores somebody may have printed. */
interface KnownJudge {
  title: string;
  tolerance: number;
  /** How its pictures may have been seen, with what is said of each way. */
  ways: readonly (readonly [string, Preprocess])[];
  open(prompt: string): Promise<AsyncDisposable & { score(pixels: Float32Array): Promise<number> }>;
}

async function knownJudge(judge: JudgeFolder, runner: PartRunner): Promise<KnownJudge | undefined> {
  const config = await optional(judge.read('config.json'));
  const files = await openClipFiles(
    judge,
    config && parseJsonObject(config, { file: `${judge.path}config.json`, remedy: 'Take another copy of the judge.' }),
  );
  const graphs = { dtypes: judgeDtypes, ...runner };
  if (!files) {
    const reward = await openImageReward(judge);
    return (
      reward && {
        title: IMAGE_REWARD_TITLE,
        tolerance: TOLERANCE.imageReward,
        ways: [['', reward.preprocess]],
        async open(prompt) {
          const decide = await rewardOf(reward);
          const towers = new ImageRewardTowers(reward, graphs);
          return {
            score: async (pixels) => decide(await towers.read(prompt, await towers.encodePixels(pixels))),
            [Symbol.asyncDispose]: () => towers[Symbol.asyncDispose](),
          };
        },
      }
    );
  }
  const recipe = clipRecipes[files.recipe];
  const reads = recipe.scales[0]!.needs.includes('prompt');
  return {
    title: files.title,
    tolerance: reads ? TOLERANCE.cosine : TOLERANCE.aesthetic,
    ways: waysOf(files),
    async open(prompt) {
      // A cosine is printed, whatever the judge makes of it.
      const decide = reads ? cosine : await recipe.rule(files);
      const towers = new ClipTowers(files, graphs, reads);
      const text = reads ? (await towers.encodePrompts([prompt], await files.tokenizer()))[0] : undefined;
      return {
        score: async (pixels) => decide(await towers.encodePixels(pixels), text),
        [Symbol.asyncDispose]: () => towers[Symbol.asyncDispose](),
      };
    },
  };
}

/** HPS resizes tensors, which torchvision did without antialias until 0.17, and CLIP's printed scores were made in HPS's way: nobody says which of
 *  them a printed number is, so that one of them must give all of a judge's. */
function waysOf({ recipe, preprocess: own, config }: ClipFiles): (readonly [string, Preprocess])[] {
  const side = config.vision.image_size;
  if (recipe === 'pickscore' || recipe === 'aesthetic') return [['', own]];
  return [
    ...(recipe === 'clip' ? [[' cropped', own] as const] : []),
    [' whole', hpsPreprocess(side)],
    [' whole, without antialias', hpsPreprocess(side, false)],
  ];
}

async function openPicture(
  folder: FolderReader,
  { file, sha256: wanted }: KnownPicture,
  sha256: (bytes: Uint8Array) => Promise<string>,
): Promise<Raster> {
  const remedy =
    'Take 1.webp to 4.webp from assets/images of https://github.com/THUDM/ImageReward, and give their folder by --pictures.';
  const bytes = await optional(folder.read(file));
  if (!bytes) throw new WinnowError('NotFound', `The known picture ${file} is not there.`, remedy);
  if ((await sha256(bytes)) !== wanted)
    throw new WinnowError('WrongHash', `${file} is another picture than the one whose scores are known.`, remedy);
  return decodePicture(bytes);
}
