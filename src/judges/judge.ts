/** What a judge is: something that gives pictures scores, so that of two the better one can be told. Any number may be at hand: those that
 *  came with a model (`scorers/<name>/`), and those that a person brings along. None is special by its name.
 *
 *  A kind of judge is one file here and a line of table.ts. It describes itself as models do, by config and weights; what runs a graph and what
 *  encodes a prompt is given to it, so that service/model can list judges and service/sampling run them. */
import type { ByteRanges } from '../data/formats/bytes.ts';
import type { Feeds, Tensor } from '../graph/feed.ts';
import type { Graph, ParameterDtype } from '../graph/graph.ts';
import type { TensorSource } from '../models/weights.ts';
import type { Raster } from '../shared/resize.ts';

/** One thing that a judge says of a picture: any number, and higher is better. */
export interface JudgeScale {
  /** In labels, figures and options: `appeal`. */
  name: string;
  title: string;
  /** What it looks at. */
  needs: readonly ('image' | 'prompt')[];
  /** A difference of two scores, times this, is the logit of a preference. Left out where nobody has fitted one. */
  logit?: number;
}

/** What a person should know of a kind of judge before they go by it: sentences. */
export interface JudgeAbout {
  purpose: string;
  /** What it is known to be bad at. */
  weakness: string;
}

/** What is said of a judge: plain data. Whether it labelled something, the labels say (`by`). */
export interface JudgeInfo {
  /** On the command line, in requests and in labels: `a`; a brought one's folder. */
  name: string;
  title: string;
  /** Of the table. */
  kind: string;
  /** model: it came with the model whose pictures it judges. */
  from: 'model' | 'folder';
  /** The first is what it goes by unless another is asked for. At least one. */
  scales: readonly JudgeScale[];
  about: JudgeAbout;
  /** Width and height of the pictures that it sees as they are, and was made for; null: any, each brought to its own size in its own way. */
  imageSize: number | null;
  /** It also says by an embedding how near pictures are to one another. */
  embeds?: true;
}

/** By the names of the judge's scales, in their order. */
export type Score = Readonly<Record<string, number>>;

/** A picture and its prompt. Nothing of it is read, decoded or encoded before the judge asks. */
export interface Judged {
  /** The same for files of the same bytes: what a judge keeps of a picture, it keeps under this. */
  key(): Promise<string>;
  /** Opaque RGBA in its own size. */
  picture(): Promise<Raster>;
  prompt: string;
  /** The prompt's last hidden state at the end token, [D], of the text encoder of the model whose pictures are judged. */
  pooled(): Promise<Float32Array>;
}

export interface Scorer extends AsyncDisposable {
  /** Every scale of the judge for each item, in their order, one by one as they are known; prompts may be read before the first picture is.
   *  Throws BadArguments for a model that the judge was not made for, NotFinite for a score that is no number. */
  score(items: readonly Judged[]): AsyncIterable<Score>;
  /** Where each picture lies, not normalised, of one length; of judges that say so of themselves. */
  embed?(items: readonly Pick<Judged, 'key' | 'picture'>[]): AsyncIterable<Float32Array>;
  /** The scores that its makers say it gives, as it gives them here; of judges that came with some. `score` rejects where one is off. */
  selfTest?(): Promise<TestedScore[]>;
}

/** Of one known picture. */
export interface TestedScore {
  image: string;
  prompt: string;
  wanted: number;
  found: number;
  tolerance: number;
}

export const isWithin = ({ wanted, found, tolerance }: TestedScore): boolean => Math.abs(found - wanted) <= tolerance;

/** What something will take, before any of it is taken. */
export interface Planned<T> {
  bytes: number;
  onDevice: boolean;
  make(): Promise<T>;
}

export interface RunningGraph extends AsyncDisposable {
  /** All of its outputs; f32. */
  run(feeds: Feeds): Promise<Record<string, Float32Array>>;
}

/** Runs a graph: our kernels or onnxruntime. */
export interface GraphRunner {
  /** How a file's weights are kept by what runs them: for the graph's `dtypeOf`. */
  dtypes(weights: TensorSource): (key: string) => ParameterDtype;
  plan(graph: Graph, weights: TensorSource): Planned<RunningGraph>;
}

/** Pictures' embeddings, or scores, by one judge, kept from one session to the next. Nothing rejects. */
export interface PictureMemory {
  /** By the picture's key (and what else its numbers depend on); undefined for one that is not known, or has another length. */
  get(key: string, length: number): Promise<Float32Array | undefined>;
  add(key: string, embedding: Float32Array): Promise<void>;
  /** Keeps what was added. */
  flush(): Promise<void>;
}

/** All that runs judges. */
export interface JudgeRunner extends GraphRunner {
  /** Of the judge that it is given to, and of what its towers are computed in, which is known once it is planned: read when it is made. */
  pictures?: PictureMemory | undefined;
  /** A model of somebody else's as it is, by onnxruntime. */
  file(file: OnnxFile): Planned<RunningFile>;
}

/** An ONNX model, with the files beside it that hold its weights, by the names that it has for them. */
export interface OnnxFile {
  /** Of all of them. */
  bytes: number;
  read(): Promise<{ model: Uint8Array; beside: { path: string; data: Uint8Array }[] }>;
}

interface RunningFile extends AsyncDisposable {
  /** @param outputs those that are wanted; as f32. */
  run(feeds: Readonly<Record<string, Tensor>>, outputs: readonly string[]): Promise<Record<string, Float32Array>>;
}

/** Whether a path names a file of a judge's rather than its folder. */
export const isJudgeFile = (path: string): boolean => /\.(onnx|safetensors|json)$/i.test(path);

/** Read access to what lies in a judge's folder. */
export interface JudgeFolder {
  /** In messages, with a slash behind it: `scorers/a/`. */
  path: string;
  /** The file in it that was asked for, where it was one. */
  file?: string | undefined;
  /** A small file, whole. Rejects with NotFound. */
  read(file: string): Promise<Uint8Array<ArrayBuffer>>;
  /** A file to be read by ranges. Rejects with NotFound. */
  open(file: string): Promise<ByteRanges>;
  /** Of a file, hex, where the place knows it or can stream it. */
  sha256?(file: string): Promise<string>;
  /** Names of its files, where the place can list them. */
  list?(): Promise<string[]>;
}

export interface Judge extends JudgeInfo {
  /** For each prompt what of it the judge does not read, as being too long; '' where it reads all. Left out where all is read. */
  lost?(prompts: readonly string[]): Promise<string[]>;
  /** All that its embeddings of pictures depend on, or its scores where it has none, weights by content: the same text, the same numbers. Undefined where the place does not
   *  know its files' hashes; left out by a judge that has none of its own. */
  embedder?(): Promise<string | undefined>;
  /** Opens no more than the headers of its weights. Rejects with what is wrong with them. */
  plan(runner: JudgeRunner): Promise<Planned<Scorer>>;
}

/** What is said of it: what a worker may post. */
export const infoOf = ({ plan: _plan, lost: _lost, embedder: _embedder, ...info }: Judge): JudgeInfo => info;

/** What a kind makes of a folder. */
export type ReadJudge = Pick<Judge, 'imageSize' | 'plan' | 'lost' | 'embeds' | 'embedder'> &
  Partial<Pick<Judge, 'title' | 'scales' | 'about'>>;

export interface JudgeKind {
  /** What lies in its folder, after "a folder with". */
  takes: string;
  scales: readonly JudgeScale[];
  about: JudgeAbout;
  /** Undefined for a folder that is of another kind. Reads small files alone. Rejects with what is wrong with one of its own kind:
   *  UnsupportedArchitecture with the config's field, BadFile, PickleRefused.
   *  @param config config.json, where there is one. */
  read(folder: JudgeFolder, config: Record<string, unknown> | undefined): Promise<ReadJudge | undefined>;
}

/** Labels that a judge gave are signed so: by its name alone where it went by its first scale, as earlier versions signed. */
export const signature = ({ name, scales }: Pick<JudgeInfo, 'name' | 'scales'>, scale: string): string =>
  scale === scales[0]!.name ? name : `${name} ${scale}`;

/** The judge that labels and selects unless another is named: the first. */
export const labellingJudge = (judges: readonly JudgeInfo[]): JudgeInfo | undefined => judges[0];

/** Whether a judge gave some of the labels that are signed so, by whatever scale. */
export const hasLabelled = (judge: JudgeInfo, signatures: ReadonlySet<string>): boolean =>
  judge.scales.some(({ name }) => signatures.has(signature(judge, name)));

/** The judge that compares unless another is named: the first that did not label; of which nobody knows, the one that labels by default did. */
export function comparingJudge(judges: readonly JudgeInfo[], signatures: ReadonlySet<string>): JudgeInfo | undefined {
  const labelled = judges.some((judge) => hasLabelled(judge, signatures));
  const free = judges.filter((judge, i) => (labelled ? !hasLabelled(judge, signatures) : i > 0));
  return free[0] ?? judges[0];
}

/** A judge that gave the labels says little about what was made of them: sentences, one a run that trained on some of its own.
 *  @param runs by their names, with who signed the labels of their pairs. */
export const labelledWords = (
  judge: JudgeInfo,
  runs: readonly {
    name: string;
    pairs: readonly { by?: string | undefined; raters?: readonly string[] | undefined }[];
  }[],
): string[] =>
  runs.flatMap(({ name, pairs }) => {
    const own = pairs.filter(({ by, raters = by === undefined ? [] : [by] }) =>
      hasLabelled(judge, new Set(raters)),
    ).length;
    return own === 0
      ? []
      : `${judge.title} labelled ${own} of the ${pairs.length} pairs of ${name}: of that run it is no independent judge.`;
  });

/** Who signed labels of these pairs. */
export const signaturesOf = (
  pairs: readonly { by?: string | undefined; raters?: readonly string[] | undefined }[],
): Set<string> => new Set(pairs.flatMap(({ by, raters }) => raters ?? by ?? []));
