/** What a judge is: something that gives pictures scores, so that of two the better one can be told. Any number may be at hand: those that
 *  came with a model (`scorers/<name>/`), and those that a person brings along. None is special by its name.
 *
 *  A kind of judge is one file here and a line of table.ts. It describes itself as models do, by config and weights; what runs a graph and what
 *  encodes a prompt is given to it, so that service/model can list judges and service/sampling run them. */
import type { Feeds } from '../graph/feed.ts';
import type { Graph } from '../graph/graph.ts';
import type { TensorSource } from '../models/weights.ts';

/** One thing that a judge says of a picture: any number, and higher is better. */
export interface JudgeScale {
  /** In labels, figures and options: `appeal`. */
  name: string;
  title: string;
  /** What it looks at. */
  needs: readonly ('image' | 'prompt')[];
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
  /** Width and height of the pictures that it sees; null: any. */
  imageSize: number | null;
}

/** By the names of the judge's scales, in their order. */
export type Score = Readonly<Record<string, number>>;

export interface Judged {
  /** [3, height, width] in [-1, 1]. */
  image: Float32Array;
  width: number;
  height: number;
  /** The prompt's last hidden state at the end token, [D], of the model's text encoder. */
  pooled: Float32Array;
}

export interface Scorer extends AsyncDisposable {
  /** Every scale of the judge. Rejects with BadArguments for a picture of another size, NotFinite for a score that is no number. */
  score(item: Judged): Promise<Score>;
}

/** What something will take, before any of it is taken. */
interface Planned<T> {
  bytes: number;
  onDevice: boolean;
  make(): Promise<T>;
}

interface RunningGraph extends AsyncDisposable {
  /** All of its outputs; f32. */
  run(feeds: Feeds): Promise<Record<string, Float32Array>>;
}

/** Runs a graph: our kernels or onnxruntime. */
export interface GraphRunner {
  plan(graph: Graph, weights: TensorSource): Planned<RunningGraph>;
}

/** Read access to what lies in a judge's folder. */
export interface JudgeFolder {
  /** In messages, with a slash behind it: `scorers/a/`. */
  path: string;
  read(file: string): Promise<Uint8Array<ArrayBuffer>>;
}

export interface Judge extends JudgeInfo {
  /** Opens no more than the headers of its weights. Rejects with what is wrong with them. */
  plan(runner: GraphRunner): Promise<Planned<Scorer>>;
}

export interface JudgeKind {
  /** `_class_name` of its config.json. */
  className: string;
  scales: readonly JudgeScale[];
  /** Throws UnsupportedArchitecture with the config's field. */
  read(config: Record<string, unknown>, folder: JudgeFolder): Pick<Judge, 'imageSize' | 'plan'>;
}

/** Labels that a judge gave are signed so: by its name alone where it went by its first scale, as earlier versions signed. */
export const signature = ({ name, scales }: Pick<JudgeInfo, 'name' | 'scales'>, scale: string): string =>
  scale === scales[0]!.name ? name : `${name} ${scale}`;
