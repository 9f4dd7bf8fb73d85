/** CLIP's two towers at work: prompts first, then pictures, each once. Of towers that are large only one is loaded at a time. */
import type { Graph } from '../../graph/graph.ts';
import { pooledPositions, textEncoderGraph, TOKEN_TABLE } from '../../models/clip/textEncoder.ts';
import type { ClipTokenizer } from '../../models/clip/tokenizer.ts';
import { visionEncoderGraph } from '../../models/clip/visionEncoder.ts';
import { checkParameters, parametersOf } from '../../models/weights.ts';
import '../../shared/disposable.ts';
import { WinnowError } from '../../shared/errors.ts';
import type { GraphRunner, Judged, PictureMemory, Planned, RunningGraph } from '../judge.ts';
import { Kept } from '../kept.ts';
import { preprocess } from '../preprocess.ts';
import { TokenRows } from '../tokenRows.ts';
import type { ClipFiles } from './folder.ts';

/** Embeddings that are kept, of a few kilobytes each. */
const MOST_BYTES = 16 * 2 ** 20;

export class ClipTowers implements AsyncDisposable {
  /** While it works: the larger of the two where they take turns. */
  readonly bytes: number;
  readonly onDevice: boolean;
  private readonly files: ClipFiles;
  private readonly runner: GraphRunner;
  private readonly planned: Planned<RunningGraph>;
  private vision: RunningGraph | undefined;
  private readonly prompts = new Kept(MOST_BYTES);
  private readonly pictures = new Kept(MOST_BYTES);
  private readonly rows: TokenRows;
  private readonly memory: PictureMemory | undefined;

  /** Throws MissingTensor or WrongShape, naming the file, where weights and config do not belong together.
   *  @param readsText whether the judge reads prompts.
   *  @param memory of pictures that were seen before. */
  constructor(files: ClipFiles, runner: GraphRunner, readsText: boolean, memory?: PictureMemory) {
    this.memory = memory;
    this.files = files;
    this.runner = runner;
    this.rows = new TokenRows(files.weights, TOKEN_TABLE);
    const { config, weights, file } = files;
    const vision = visionEncoderGraph(config.vision, this.options);
    checkParameters(parametersOf(vision), weights, file);
    this.planned = runner.plan(vision, weights);
    const { bytes, onDevice } = this.planned;
    this.onDevice = onDevice;
    let text = 0;
    if (readsText) {
      if (!config.text || !weights.shape('text_model.final_layer_norm.weight'))
        throw new WinnowError(
          'MissingTensor',
          `${file} has no text tower, and this judge reads prompts.`,
          'Take the whole model, with both towers.',
        );
      const graph = this.textGraph(config.text.max_position_embeddings);
      checkParameters([...parametersOf(graph), this.table()], weights, file);
      text = runner.plan(graph, weights).bytes;
    }
    this.bytes = onDevice ? Math.max(bytes, text) : bytes + text;
  }

  /** Embeddings [N, projection_dim] of prompts, projected and not normalised, of which only those are computed that are not known. A large text
   *  tower is loaded for it, and let go; and so is a vision tower before. */
  async encodePrompts(prompts: readonly string[], tokenizer: ClipTokenizer): Promise<Float32Array[]> {
    const known = new Map(prompts.map((prompt) => [prompt, this.prompts.get(prompt)]));
    const missing = [...known.keys()].filter((prompt) => !known.get(prompt));
    if (missing.length > 0) {
      const length = Math.min(tokenizer.maxLength, this.files.config.text!.max_position_embeddings);
      const rows = missing.map((prompt) => {
        const ids = tokenizer.encode(prompt, length);
        return { ids, end: Math.max(0, ids.indexOf(tokenizer.eosId)) };
      });
      for (const [i, embedding] of (await this.encodeRows(rows)).entries()) {
        known.set(missing[i]!, embedding);
        this.prompts.set(missing[i]!, embedding);
      }
    }
    return prompts.map((prompt) => known.get(prompt)!);
  }

  /** The same of token ids [N, tokens], as a CLIPModel pools them. */
  encodeIds(ids: Int32Array, tokens: number): Promise<Float32Array[]> {
    const ends = pooledPositions(this.files.config.text!, ids, tokens);
    return this.encodeRows(
      Array.from(ends, (end, row) => ({ ids: ids.subarray(row * tokens, (row + 1) * tokens), end })),
    );
  }

  /** A picture's embedding [projection_dim], projected and not normalised: kept under its key, and computed of no picture that is known. */
  async encodePicture({ key, picture }: Pick<Judged, 'key' | 'picture'>): Promise<Float32Array> {
    const name = await key();
    const known = this.pictures.get(name);
    if (known) return known;
    const { config, preprocess: how } = this.files;
    const before = await this.memory?.get(name, config.vision.projection_dim);
    const embedding = before ?? (await this.encodePixels(preprocess(await picture(), how).data));
    this.pictures.set(name, embedding);
    if (!before) await this.memory?.add(name, embedding);
    return embedding;
  }

  /** pixel_values [3, S, S]. */
  async encodePixels(data: Float32Array): Promise<Float32Array> {
    this.vision ??= await this.planned.make();
    return (await this.vision.run({ pixel_values: data }))['image_embeds']!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { vision } = this;
    this.vision = undefined;
    await vision?.[Symbol.asyncDispose]();
  }

  private async encodeRows(rows: readonly { ids: Int32Array; end: number }[]): Promise<Float32Array[]> {
    // What follows the end token changes nothing: no token sees a later one.
    const tokens = Math.max(...rows.map(({ end }) => end)) + 1;
    const graph = this.textGraph(tokens);
    const planned = this.runner.plan(graph, this.files.weights);
    if (planned.onDevice) await this[Symbol.asyncDispose]();
    await using text = await planned.make();
    const embeddings: Float32Array[] = [];
    for (const { ids, end } of rows) {
      const inputs_embeds = await this.rows.embedded(ids.subarray(0, tokens));
      const results = await text.run({ inputs_embeds, eos_index: Int32Array.of(end) });
      embeddings.push(new Float32Array(results['pooled']!));
    }
    return embeddings;
  }

  private textGraph(tokens: number): Graph {
    return textEncoderGraph(this.files.config.text!, { tokens, states: [], embedded: true }, this.options);
  }

  private table(): { name: string; shape: readonly number[] } {
    const { vocab_size: rows, hidden_size: width } = this.files.config.text!;
    return { name: TOKEN_TABLE, shape: [rows, width] };
  }

  private get options(): { dtypeOf: ReturnType<GraphRunner['dtypes']> } {
    return { dtypeOf: this.runner.dtypes(this.files.weights) };
  }
}
