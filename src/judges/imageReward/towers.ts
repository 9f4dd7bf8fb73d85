/** ImageReward at work: each picture's tokens once, and each prompt read beside them. Both towers stay where they are, which in half width is less than
 *  the vision tower of a ViT-H alone: the text encoder reads every picture. */
import type { Graph } from '../../graph/graph.ts';
import { BLIP_WORDS, blipTextGraph, textMask } from '../../models/blip/textEncoder.ts';
import { blipVisionGraph } from '../../models/blip/visionEncoder.ts';
import '../../shared/disposable.ts';
import type { GraphRunner, Judged, PictureMemory, Planned, RunningGraph } from '../judge.ts';
import { Kept } from '../kept.ts';
import { preprocess } from '../preprocess.ts';
import { TokenRows } from '../tokenRows.ts';
import type { ImageRewardFiles } from './folder.ts';

/** Of pictures' tokens: 800 kB a picture. */
const MOST_BYTES = 64 * 2 ** 20;

export class ImageRewardTowers implements AsyncDisposable {
  readonly bytes: number;
  readonly onDevice: boolean;
  private readonly files: ImageRewardFiles;
  private readonly planned: Record<'vision' | 'text', Planned<RunningGraph>>;
  private readonly running: Partial<Record<'vision' | 'text', RunningGraph>> = {};
  private readonly pictures = new Kept(MOST_BYTES);
  private readonly rows: TokenRows;
  private readonly memory: PictureMemory | undefined;
  /** T and vision.hidden_size. */
  private readonly image: { tokens: number; width: number };

  /** @param memory of pictures that were seen before. */
  constructor(files: ImageRewardFiles, runner: GraphRunner, memory?: PictureMemory) {
    this.files = files;
    this.memory = memory;
    this.rows = new TokenRows(files.weights, BLIP_WORDS);
    const { vision, text, tokens, weights } = files;
    const options = { dtypeOf: runner.dtypes(weights) };
    const plan = (graph: Graph): Planned<RunningGraph> => runner.plan(graph, weights);
    const image = { tokens: (vision.image_size / vision.patch_size) ** 2 + 1, width: vision.hidden_size };
    this.image = image;
    this.planned = {
      vision: plan(blipVisionGraph(vision, options)),
      text: plan(blipTextGraph(text, { tokens, image }, options)),
    };
    this.bytes = this.planned.vision.bytes + this.planned.text.bytes;
    this.onDevice = this.planned.vision.onDevice || this.planned.text.onDevice;
  }

  /** A picture's tokens [T, vision.hidden_size]: kept under its key, and computed of no picture that is known. */
  async encodePicture({ key, picture }: Pick<Judged, 'key' | 'picture'>): Promise<Float32Array> {
    const name = await key();
    const known = this.pictures.get(name);
    if (known) return known;
    const before = await this.memory?.get(name, this.image.tokens * this.image.width);
    const tokens = before ?? (await this.encodePixels(preprocess(await picture(), this.files.preprocess).data));
    this.pictures.set(name, tokens);
    if (!before) await this.memory?.add(name, tokens);
    return tokens;
  }

  /** pixel_values [3, S, S] → [T, vision.hidden_size]. */
  async encodePixels(data: Float32Array): Promise<Float32Array> {
    return new Float32Array((await (await this.tower('vision')).run({ pixel_values: data }))['image_tokens']!);
  }

  /** What the text encoder makes of a prompt beside a picture: the first token's state [text.hidden_size]. */
  async read(prompt: string, picture: Float32Array): Promise<Float32Array> {
    const { text, tokens, tokenizer } = this.files;
    const { ids, count } = tokenizer.encode(prompt, tokens);
    const results = await (
      await this.tower('text')
    ).run({
      inputs_embeds: await this.rows.embedded(ids),
      mask: textMask(text, tokens, count),
      image_tokens: picture,
    });
    return new Float32Array(results['features']!);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { vision, text } = this.running;
    delete this.running.vision;
    delete this.running.text;
    await vision?.[Symbol.asyncDispose]();
    await text?.[Symbol.asyncDispose]();
  }

  private async tower(name: 'vision' | 'text'): Promise<RunningGraph> {
    return (this.running[name] ??= await this.planned[name].make());
  }
}
