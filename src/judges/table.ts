/** Every kind of judge, and the judges of a folder. */
import { isWinnowError, WinnowError } from '../shared/errors.ts';
import { parseJsonObject, shown } from '../shared/json.ts';
import { aesthetic, clip, hps, pickscore } from './clip/kinds.ts';
import { imageReward } from './imageReward/kind.ts';
import type { Judge, JudgeFolder, JudgeInfo, JudgeKind } from './judge.ts';
import { DESCRIPTION, onnxJudge } from './onnx/onnxJudge.ts';
import { winnowScorer } from './winnowScorer.ts';

export const judgeKinds = {
  'winnow-scorer': winnowScorer,
  aesthetic,
  pickscore,
  hps,
  clip,
  'image-reward': imageReward,
  // Last: a folder of another kind may hold ONNX files, too. One that is named, or described, is meant.
  onnx: onnxJudge,
} satisfies Record<string, JudgeKind>;

/** Reads its small files alone. Rejects with NotFound, BadFile, or UnsupportedArchitecture for a folder that is no judge of ours. */
export async function readJudge(folder: JudgeFolder, { name, from }: Pick<JudgeInfo, 'name' | 'from'>): Promise<Judge> {
  const file = `${folder.path}config.json`;
  const bytes = await present(folder.read('config.json'));
  const config = bytes && parseJsonObject(bytes, { file, remedy: 'Take another copy of the judge.' });
  const described = await present(folder.read(DESCRIPTION));
  // A description of ours may also say what a CLIP is (`recipe`), and is then no ONNX model's.
  const meansOnnx =
    /\.onnx$/i.test(folder.file ?? '') ||
    (described !== undefined &&
      parseJsonObject(described, { file: `${folder.path}${DESCRIPTION}` })['recipe'] === undefined);
  for (const [kind, { scales, about, read }] of Object.entries<JudgeKind>(judgeKinds)) {
    if (meansOnnx && kind !== 'onnx') continue;
    const found = await read(folder, config);
    if (found) return { name, title: `Judge ${name}`, kind, from, scales, about, ...found };
  }
  const takes = `Choose a folder with ${Object.values(judgeKinds)
    .map((kind) => kind.takes)
    .join('; or with ')}.`;
  if (!config) throw new WinnowError('NotFound', `${folder.path} is no judge's folder: it has no config.json.`, takes);
  const said = config['_class_name'] ?? config['architectures'] ?? config['model_type'];
  throw new WinnowError(
    'UnsupportedArchitecture',
    `${file} is of ${said === undefined ? 'no class' : shown(said).replaceAll('"', '')}, which is no judge of Winnow's.`,
    takes,
  );
}

/** Where judges that come with a model lie in its folder. */
export const JUDGES = 'scorers';

export interface JudgesFolder extends Pick<JudgeFolder, 'read' | 'open' | 'sha256'> {
  /** Names of the folders in one, where the place can list them. */
  folders?(path: string): Promise<string[]>;
}

const isName = (name: unknown): name is string =>
  typeof name === 'string' && /^[\p{L}\p{N}_-][\p{L}\p{N}_.-]{0,59}$/u.test(name);

/** In order of name. A place that cannot list its folders (a web site) says in `scorers/index.json` what is there; models of before there was
 *  one have `a` and `b`. */
async function judgeNames(folder: JudgesFolder): Promise<string[]> {
  const listed = await folder.folders?.(JUDGES);
  if (listed) return listed.filter(isName).toSorted();
  const index = await present(folder.read(`${JUDGES}/index.json`));
  if (!index) return ['a', 'b'];
  const { judges } = parseJsonObject(index, { file: `${JUDGES}/index.json`, remedy: 'Write it again.' });
  return Array.isArray(judges) ? judges.slice(0, 100).filter(isName).toSorted() : [];
}

const judgeIn = (folder: JudgesFolder, name: string): Promise<Judge> => {
  const path = `${JUDGES}/${name}/`;
  return readJudge(
    {
      path,
      read: (file) => folder.read(`${path}${file}`),
      open: (file) => folder.open(`${path}${file}`),
      ...(folder.sha256 && { sha256: (file) => folder.sha256!(`${path}${file}`) }),
    },
    { name, from: 'model' },
  );
};

/** The judges that came with a model. One that is not read (a config in pieces, a kind that is not here) is left out: the model opens without
 *  it, and whoever asks for it by name is told. */
export async function judgesOf(folder: JudgesFolder): Promise<Judge[]> {
  const judges = await Promise.all(
    (await judgeNames(folder)).map((name) =>
      judgeIn(folder, name).catch((error: unknown) => {
        if (isWinnowError(error)) return undefined;
        throw error;
      }),
    ),
  );
  return judges.filter((judge) => judge !== undefined);
}

/** The judge of a name, among those that came with a model. Rejects with NotFound and what there is, or with why this one is not read. */
export async function judgeNamed(folder: JudgesFolder, name: string, { title }: { title: string }): Promise<Judge> {
  if (isName(name)) {
    const judge = await present(judgeIn(folder, name));
    if (judge) return judge;
  }
  const others = (await judgesOf(folder)).map((one) => one.name);
  throw new WinnowError(
    'NotFound',
    `The model ${title} has no judge ${name}.`,
    others.length > 0 ? `Choose ${others.join(' or ')}.` : 'Judge by hand, or bring a judge along.',
  );
}

async function present<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (isWinnowError(error) && error.name === 'NotFound') return undefined;
    throw error;
  }
}
