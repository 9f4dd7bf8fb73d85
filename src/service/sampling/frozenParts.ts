/** The frozen parts of a model: text encoders, VAE decoder and encoder. They are opened when first needed, kept in the cache of models, and can
 *  be let go at any time. */
import { pooledPositions, textEncoderGraph } from '../../models/clip/textEncoder.ts';
import type { PromptEncoding } from '../../models/conditioning.ts';
import { vaeDecoderGraph, vaeEncoderGraph, vaeScaleFactor } from '../../models/sd/vae.ts';
import { concatFloats } from '../../shared/arrays.ts';
import '../../shared/disposable.ts';
import { checkFinite } from '../../shared/finite.ts';
import type { TorchGenerator } from '../../shared/torchGenerator.ts';
import type { ModelFolder, TextEncoders } from '../model/modelFolder.ts';
import type { Lease, ModelCache, Planned } from '../model/modelCache.ts';
import type { OnnxSession } from '../../onnx/session.ts';
import { fedAs } from './onnxModel.ts';
import type { PartRunner, RunningPart, PlannedPart } from './partRunner.ts';
import { renamed, type SuppliedOnnx } from './suppliedOnnx.ts';
import { keptDtypes } from '../model/weightWidth.ts';

/** Encodings kept for prompts that come again. */
const KEPT_PROMPTS = 256;

export class FrozenParts {
  private static made = 0;
  private readonly model: ModelFolder;
  private readonly runner: PartRunner;
  private readonly supplied: SuppliedOnnx;
  private readonly cache: ModelCache;
  /** Another model may come under the id of one that is deleted. */
  private readonly serial = FrozenParts.made++;
  /** Those of our own kernels, by their keys in the cache. */
  private readonly streamed = new Set<string>();
  private readonly prompts = new Map<string, PromptEncoding>();

  /** @param supplied what the folder itself brings as ONNX, which then runs instead. */
  constructor(model: ModelFolder, runner: PartRunner, supplied: SuppliedOnnx, cache: ModelCache) {
    this.model = model;
    this.runner = runner;
    this.supplied = supplied;
    this.cache = cache;
  }

  /** Encodes a prompt; null is no negative prompt, which is the empty one, or zeros, as the pipeline has it. `texts`: the encoders with a model's
   *  adapters; the folder's own if left out. */
  async encodeText(
    prompt: string | null,
    texts: TextEncoders = { encoders: this.model.textEncoders, key: '' },
  ): Promise<PromptEncoding> {
    const key = JSON.stringify([texts.key, prompt]);
    const known = this.prompts.get(key);
    if (known) return known;
    const { zeroForNoNegative } = this.model.pipeline;
    const encoded =
      prompt === null && zeroForNoNegative
        ? zeros(await this.encodeText('', texts))
        : await this.encodeTokens(prompt ?? '', texts);
    this.prompts.set(key, encoded);
    for (const old of [...this.prompts.keys()].slice(0, -KEPT_PROMPTS)) this.prompts.delete(old);
    return encoded;
  }

  /** pipeline_stable_diffusion.py and pipeline_stable_diffusion_xl.py, encode_prompt. */
  private async encodeTokens(prompt: string, texts: TextEncoders): Promise<PromptEncoding> {
    const { tokens } = this.model;
    const { textStates } = this.model.unet.model;
    const states: Float32Array[] = [];
    let pooled = new Float32Array();
    for (const [i, { config, weights, tokenizer }] of texts.encoders.entries()) {
      await using part = await this.running(`text ${i} ${texts.key}`, async () => {
        const part = i === 0 ? 'text_encoder' : `text_encoder_${i + 1}`;
        // The folder's own file is the encoder without adapters.
        const file = texts.key === '' ? await this.supplied(part) : undefined;
        const graph = textEncoderGraph(config, { tokens, states: [textStates] }, { dtypeOf: keptDtypes(weights) });
        if (!file) return this.runner.plan(graph, weights);
        const theirs =
          textStates === 'penultimate' ? `hidden_states.${config.num_hidden_layers - 1}` : 'last_hidden_state';
        const outputs = { [textStates]: [theirs], pooled: ['text_embeds', 'pooler_output'] };
        return asPart(file, async (opened) =>
          fedAs(graph, await renamed(opened, part, { input_ids: 'input_ids' }, outputs)),
        );
      });
      const ids = tokenizer.encode(prompt, tokens);
      const results = await part.value.run({
        input_ids: ids,
        eos_index: pooledPositions(config, ids, tokens),
      });
      states.push(results[textStates]!);
      pooled = new Float32Array(results['pooled']!);
      for (const values of [results[textStates]!, pooled])
        checkFinite(
          values,
          `What the text encoder${texts.encoders.length > 1 ? ` ${i + 1}` : ''} makes of a prompt`,
          'A weight of it is too large (f16 overflows at 65504): take another copy of the model.',
        );
    }
    return { context: sideBySide(states, tokens), pooled };
  }

  /** Latents [1, C, h, w] as the diffusion model has them → image [3, H, W], about [-1, 1]. */
  async decode(latents: Float32Array, height: number, width: number): Promise<Float32Array> {
    const { config, weights } = this.model.vae;
    await using part = await this.running(`decode ${height}x${width}`, async () => {
      const file = await this.supplied('vae_decoder');
      const graph = vaeDecoderGraph(config, { height, width }, { dtypeOf: keptDtypes(weights) });
      if (!file) return this.runner.plan(graph, weights);
      return asPart(file, async (opened) =>
        fedAs(graph, await renamed(opened, 'vae_decoder', { latents: 'latent_sample' }, { image: ['sample'] })),
      );
    });
    const unscaled = latents.map((x) => x / config.scaling_factor);
    checkFinite(
      unscaled,
      'The latents, divided by the scaling factor,',
      `Correct scaling_factor in vae/config.json, which is ${config.scaling_factor}.`,
    );
    const image = (await part.value.run({ latents: unscaled }))['image']!;
    checkFinite(
      image,
      'What the VAE makes of the latents',
      'A weight of it is too large (f16 overflows at 65504; Stable Diffusion XL has an fp16-fix VAE for that): take another copy of the VAE.',
    );
    return image;
  }

  /** image [3, H, W] in [-1, 1] → the autoencoder's posterior, [1, C, h, w] each, logvar clamped to [-30, 20]; of an AutoencoderTiny its code as
   *  the mean, alone. Not scaled. */
  async posterior(
    image: Float32Array,
    imageHeight: number,
    imageWidth: number,
  ): Promise<{ mean: Float32Array; logvar?: Float32Array }> {
    const { config, weights } = this.model.vae;
    const factor = vaeScaleFactor(config);
    await using part = await this.running(`encode ${imageHeight}x${imageWidth}`, async () => {
      const file = await this.supplied('vae_encoder');
      const size = { height: imageHeight, width: imageWidth };
      const graph = vaeEncoderGraph(config, size, { dtypeOf: keptDtypes(weights) });
      const own = this.runner.plan(graph, weights);
      if (!file) return own;
      return asPart(file, async (opened) => {
        if (opened.outputNames.includes('latent_parameters'))
          return fedAs(
            graph,
            await renamed(opened, 'vae_encoder', { image: 'sample' }, { moments: ['latent_parameters'] }),
          );
        // Older exports sample inside, from noise of their own: they cannot repeat a seed.
        await opened[Symbol.asyncDispose]();
        return own.make();
      });
    });
    const posterior = posteriorOf(await part.value.run({ image }));
    if (posterior.mean.length !== config.latent_channels * (imageHeight / factor) * (imageWidth / factor))
      throw new Error('the encoder made latents of another size');
    return posterior;
  }

  /** image [3, H, W] in [-1, 1] → latents [1, C, h, w] as the diffusion model has them. A posterior is sampled with the generator, as
   *  diffusers does (retrieve_latents, sample_mode "sample"). */
  async encode(
    image: Float32Array,
    imageHeight: number,
    imageWidth: number,
    generator: TorchGenerator,
  ): Promise<Float32Array> {
    const { config } = this.model.vae;
    const { mean, logvar } = await this.posterior(image, imageHeight, imageWidth);
    const noise = logvar && generator.randn(mean.length);
    const latents = mean.map(
      (mu, i) => (logvar && noise ? mu + Math.exp(0.5 * logvar[i]!) * noise[i]! : mu) * config.scaling_factor,
    );
    checkFinite(
      latents,
      'What the VAE makes of the start image',
      `Check scaling_factor in vae/config.json, which is ${config.scaling_factor}, or take another copy of the VAE.`,
    );
    return latents;
  }

  /** Lets the parts go whose weights lie on the GPU: all, or the text encoders. What was encoded is kept; they are opened again when needed. */
  releaseStreamed(which: 'text' | 'all'): Promise<void> {
    const text = this.key('text');
    return this.cache.letGo(({ key }) => this.streamed.has(key) && (which === 'all' || key.startsWith(text)));
  }

  private key(part: string): string {
    return `${this.model.info.id} ${this.serial} ${part}`;
  }

  private running(part: string, plan: () => Promise<PlannedPart>): Promise<Lease<RunningPart>> {
    const key = this.key(part);
    return this.cache.use({ key, model: this.model.info.id }, async () => {
      const planned = await plan();
      if (planned.streamed) this.streamed.add(key);
      return planned;
    });
  }
}

/** A file that the folder brought, behind our names. */
const asPart = (file: Planned<OnnxSession>, open: (file: OnnxSession) => Promise<RunningPart>): PlannedPart => ({
  ...file,
  streamed: false,
  make: async () => open(await file.make()),
});

/** Mean and clamped logvar, from both or from the moments that hold them one behind the other. */
function posteriorOf({ mean, logvar, moments }: Record<string, Float32Array>): {
  mean: Float32Array;
  logvar?: Float32Array;
} {
  if (!moments) return { mean: mean!, ...(logvar && { logvar }) };
  const half = moments.length / 2;
  return {
    mean: moments.slice(0, half),
    logvar: moments.slice(half).map((value) => Math.min(20, Math.max(-30, value))),
  };
}

const zeros = ({ context, pooled }: PromptEncoding): PromptEncoding => ({
  context: new Float32Array(context.length),
  pooled: new Float32Array(pooled.length),
});

/** [T, D] of each encoder → [T, sum of D]. */
function sideBySide(states: readonly Float32Array[], tokens: number): Float32Array {
  if (states.length === 1) return states[0]!;
  const rows = Array.from({ length: tokens }, (_, t) =>
    states.map((state) => state.subarray((t * state.length) / tokens, ((t + 1) * state.length) / tokens)),
  );
  return concatFloats(rows.flat());
}
