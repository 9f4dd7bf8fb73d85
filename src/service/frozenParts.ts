/** The frozen parts of a model on onnxruntime: text encoder, VAE decoder and encoder. Sessions are made when first needed. */
import { Graph } from '../graph/graph.ts';
import { buildTextEncoder, pooledPositions, textEncoderInputs } from '../models/clip/textEncoder.ts';
import { buildVaeDecoder, buildVaeEncoder, vaeScaleFactor } from '../models/sd/vae.ts';
import { createSession, type OnnxSession, type SessionOptions } from '../onnx/session.ts';
import { TorchGenerator } from '../shared/torchGenerator.ts';
import type { ModelFolder } from './modelFolder.ts';
import { onnxBytes } from './onnxModel.ts';

export interface TextEncodingResult {
  /** [T, D] after the final layer norm: what the UNet attends to. */
  hidden: Float32Array;
  /** [D] at the end token. */
  pooled: Float32Array;
}

export class FrozenParts {
  private readonly model: ModelFolder;
  private readonly options: SessionOptions;
  private readonly sessions = new Map<string, Promise<OnnxSession>>();
  private readonly texts = new Map<string, TextEncodingResult>();

  constructor(model: ModelFolder, options: SessionOptions) {
    this.model = model;
    this.options = options;
  }

  /** Encodes a prompt; the same prompt is encoded once. */
  async encodeText(prompt: string): Promise<TextEncodingResult> {
    const known = this.texts.get(prompt);
    if (known) return known;
    const { config, weights } = this.model.textEncoder;
    const tokens = this.model.tokenizer.maxLength;
    const session = await this.session('text', async () => {
      const graph = new Graph();
      const encoding = buildTextEncoder(graph, config, textEncoderInputs(graph, { batch: 1, tokens }));
      graph.output('hidden', encoding.lastHiddenState);
      graph.output('pooled', encoding.pooled!);
      return onnxBytes(graph, weights);
    });
    const ids = this.model.tokenizer.encode(prompt, tokens);
    const results = await session.run({ input_ids: { data: ids, dims: [1, tokens] }, eos_index: { data: pooledPositions(config, ids, tokens), dims: [1] } });
    const encoded = { hidden: results['hidden']!, pooled: results['pooled']! };
    this.texts.set(prompt, encoded);
    return encoded;
  }

  /** Latents [1, C, h, w] as the diffusion model has them → image [3, H, W], about [-1, 1]. */
  async decode(latents: Float32Array, height: number, width: number): Promise<Float32Array> {
    const { config, weights } = this.model.vae;
    const dims = [1, config.latent_channels, height, width];
    const session = await this.session(`decode ${height}x${width}`, () => {
      const graph = new Graph();
      graph.output('image', buildVaeDecoder(graph, config, graph.input('latents', dims)));
      return onnxBytes(graph, weights);
    });
    const unscaled = latents.map((x) => x / config.scaling_factor + config.shift_factor);
    return (await session.run({ latents: { data: unscaled, dims } }))['image']!;
  }

  /** image [3, H, W] in [-1, 1] → latents [1, C, h, w] as the diffusion model has them. A posterior is sampled with the generator, as
   *  diffusers does (retrieve_latents, sample_mode "sample"). */
  async encode(image: Float32Array, imageHeight: number, imageWidth: number, generator: TorchGenerator): Promise<Float32Array> {
    const { config, weights } = this.model.vae;
    const factor = vaeScaleFactor(config);
    const dims = [1, 3, imageHeight, imageWidth];
    const session = await this.session(`encode ${imageHeight}x${imageWidth}`, () => {
      const graph = new Graph();
      const encoded = buildVaeEncoder(graph, config, graph.input('image', dims));
      if (encoded.kind === 'AutoencoderTiny') graph.output('mean', encoded.encoded);
      else {
        graph.output('mean', encoded.mean);
        graph.output('logvar', encoded.logvar);
      }
      return onnxBytes(graph, weights);
    });
    const { mean, logvar } = (await session.run({ image: { data: image, dims } })) as { mean: Float32Array; logvar?: Float32Array };
    if (mean.length !== config.latent_channels * (imageHeight / factor) * (imageWidth / factor)) throw new Error('the encoder made latents of another size');
    const noise = logvar && generator.randn(mean.length);
    return mean.map((mu, i) => ((logvar && noise ? mu + Math.exp(0.5 * logvar[i]!) * noise[i]! : mu) - config.shift_factor) * config.scaling_factor);
  }

  async dispose(): Promise<void> {
    for (const session of this.sessions.values()) await (await session).release();
    this.sessions.clear();
  }

  private session(key: string, bytes: () => Promise<Uint8Array<ArrayBuffer>>): Promise<OnnxSession> {
    const known = this.sessions.get(key) ?? bytes().then((file) => createSession(file, this.options));
    this.sessions.set(key, known);
    return known;
  }
}
