/** Pictures from requests: text, sampling, decoding, PNG with its parameters, latents kept for training. */
import { decodePicture } from '../../data/formats/picture.ts';
import { encodePng } from '../../data/formats/png.ts';
import { checkPrompt } from '../../data/formats/promptList.ts';
import { writeSafetensors } from '../../data/formats/safetensors.ts';
import { formatParameters, KARRAS, samplerLabels } from '../../data/formats/a1111.ts';
import type { FileStore } from '../../data/files.ts';
import { withoutPaths } from '../../records/images.ts';
import { withOptions } from '../../diffusion/schedulerConfig.ts';
import type { Arithmetic } from '../../shared/arithmetic.ts';
import '../../shared/disposable.ts';
import { RandomStream } from '../../shared/rng.ts';
import { WinnowError } from '../../shared/errors.ts';
import { limits } from '../../shared/limits.ts';
import { nameOf } from '../../shared/paths.ts';
import { planarFromRgba } from '../../shared/planar.ts';
import { conditioningOf } from './conditioning.ts';
import type { Environment } from '../environment.ts';
import type { FrozenParts } from './frozenParts.ts';
import type { JobSignal } from '../jobs.ts';
import { latentSizeOf } from './latentSize.ts';
import type { ModelCache } from '../model/modelCache.ts';
import type { ModelPool, ResolvedModel } from '../model/modelPool.ts';
import type { NoisePredictor } from './noisePredictor.ts';
import type { DenoiserSize } from '../../models/denoiser.ts';
import type { Predictors } from './predictors.ts';
import { keepPreviews, type Preview, type PreviewMap, previewsOf } from './previews.ts';
import { sampleLatents } from './sampling.ts';
import type {
  EngineChoices,
  GenerateEvent,
  GenerateRequest,
  GenerationSettings,
  ImageRecord,
  Listener,
  OwnPair,
  PairsEvent,
  PairsRequest,
  BackendChoice,
  JudgeInfo,
  Score,
} from '../types.ts';

/** What generation needs of the engine, on one device. */
export interface GenerationContext {
  env: Environment;
  pool: ModelPool;
  cache: ModelCache;
  predictors: Predictors;
  frozenParts(model: ResolvedModel, arithmetic?: Arithmetic): FrozenParts;
  /** Rejects with BadArguments where products in f16 do not run, or not right. */
  checkHalf(): Promise<void>;
  /** @param ahead what is measured ahead, where that is wanted: kernels of this arithmetic, and who is told. */
  backendFor(
    choice: BackendChoice,
    model: ResolvedModel,
    ahead?: { arithmetic: Arithmetic | undefined; measuring: (what: string, done: number, total: number) => void },
  ): Promise<EngineChoices['sampler']>;
  score(
    judge: string,
    model: ResolvedModel,
    files: readonly { file: string; prompt: string }[],
    arithmetic?: Arithmetic,
  ): Promise<Score[]>;
}

/** The engine as it is for a job, which may need more than one device. */
export interface GenerationDevices extends Pick<GenerationContext, 'env' | 'pool'> {
  /** Rejects where there is none of this name. */
  judge(name: string, model: ResolvedModel): Promise<JudgeInfo>;
  /** Does `work` in a turn with what is on the device; where that is lost meanwhile, all of it again with what is on the next one. */
  turn<Result>(
    signal: JobSignal,
    work: (context: GenerationContext) => Promise<Result>,
    onLoss: (loss: WinnowError) => void,
  ): Promise<Result>;
}

export interface Picture {
  /** [3, H, W], about [-1, 1]. */
  image: Float32Array;
  /** [C * h * w], scaled. */
  latents: Float32Array;
}

/** Bounds, before anything is allocated: requests come from screens, files and arguments alike. */
function checkSettings({
  steps,
  init,
  guidanceScale,
  guidanceRescale = 0,
  width,
  height,
  prompt,
  negativePrompt,
  seed,
  arithmetic,
  sampler,
}: Omit<GenerationSettings, 'model' | 'sampler' | 'scheduler'> &
  Partial<Pick<GenerationSettings, 'sampler'>> & { prompt: string; seed: number }): void {
  if (!Number.isInteger(steps) || steps < 1 || steps > limits.steps)
    throw new WinnowError('BadArguments', `${steps} steps were asked for.`, `Choose 1 to ${limits.steps}.`);
  if (!(guidanceScale >= 0 && guidanceScale <= limits.guidanceScale))
    throw new WinnowError(
      'BadArguments',
      `The guidance scale is ${guidanceScale}.`,
      `Choose one from 0 to ${limits.guidanceScale}.`,
    );
  if (!(guidanceRescale >= 0 && guidanceRescale <= 1))
    throw new WinnowError('BadArguments', `The guidance rescale is ${guidanceRescale}.`, 'Choose one from 0 to 1.');
  if (![width, height].every((side) => Number.isInteger(side) && side > 0 && side <= limits.side))
    throw new WinnowError(
      'BadArguments',
      `The size is ${width} by ${height} pixels.`,
      `Choose whole numbers up to ${limits.side}.`,
    );
  if (!Number.isSafeInteger(seed))
    throw new WinnowError('BadArguments', `The seed is ${seed}.`, `Choose a whole number from 0 to ${limits.seed}.`);
  for (const text of [prompt, negativePrompt]) checkPrompt(text);
  if (arithmetic === 'f16' && sampler === 'onnx')
    throw new WinnowError(
      'BadArguments',
      'Arithmetic in f16 was asked for, and onnxruntime to run the model, which has f32 alone.',
      'Let our kernels run the model, or choose f32.',
    );
  if (init && !(init.strength > 0 && init.strength <= 1))
    throw new WinnowError('BadArguments', `The strength is ${init.strength}.`, 'Choose one above 0 and up to 1.');
}

/** One picture of one prompt and seed. Call it in a turn. */
export async function makePicture(
  context: GenerationContext,
  model: ResolvedModel,
  settings: Omit<GenerationSettings, 'model' | 'sampler'> & {
    prompt: string;
    seed: number;
    ranOn: EngineChoices['sampler'];
    /** Instead of one made from the model's weights: a run samples with what it trains. It stays the caller's. */
    predictor?: (size: DenoiserSize) => Promise<NoisePredictor>;
    /** Learns from the picture, and is asked at each step. */
    previews?: PreviewMap | undefined;
  },
  onStep: (step: number, steps: number, preview: Preview | null) => void,
): Promise<Picture> {
  const { folder } = model;
  checkSettings(settings);
  const { height, width } = latentSizeOf(settings, folder.info.sizeMultiple);
  const { arithmetic } = settings;
  const parts = context.frozenParts(model, arithmetic);
  const { model: unet } = folder.unet;
  const told = await conditioningOf(unet, (prompt) => parts.encodeText(prompt, model.texts), {
    ...settings,
    negativePrompt: settings.negativePrompt || null,
  });
  const size = { batch: told.batch, height, width, tokens: folder.tokens, guidance: unet.guidanceInput };
  await using kept = settings.predictor ? null : await context.predictors.use(model, settings.ranOn, size, arithmetic);
  const predictor = kept?.value ?? (await settings.predictor!(size));
  const { init } = settings;
  const { latents } = await sampleLatents(
    predictor,
    {
      seed: settings.seed,
      steps: settings.steps,
      guidanceScale: settings.guidanceScale,
      guidanceRescale: settings.guidanceRescale ?? 0,
      eta: settings.eta ?? 0,
      pipelineClass: folder.pipeline.className,
      scheduler: settings.scheduler,
      schedulerConfig: withOptions(folder.scheduler, settings.schedulerConfig),
      latentShape: [folder.vae.config.latent_channels, height, width],
      ...told,
      ...(init && {
        init: {
          strength: init.strength,
          encode: async (generator) =>
            parts.encode(
              await readInit(context.env.files, init.file, settings.width, settings.height),
              settings.height,
              settings.width,
              generator,
            ),
        },
      }),
    },
    (step, steps, denoised) => onStep(step, steps, settings.previews?.look(denoised(), height, width) ?? null),
  );
  const image = await parts.decode(latents, height, width);
  settings.previews?.learn(latents, image, height, width);
  return { latents, image };
}

/** A picture of the store as [3, H, W] in [-1, 1]; must have the asked size. */
async function readInit(files: FileStore, file: string, width: number, height: number): Promise<Float32Array> {
  const picture = await decodePicture(await files.read(file));
  if (picture.width !== width || picture.height !== height) {
    throw new WinnowError(
      'BadArguments',
      `The start image is ${picture.width} by ${picture.height} pixels, the picture is to be ${width} by ${height}.`,
      'Resize the image, or choose its size.',
    );
  }
  return planarFromRgba(picture.data, width, height);
}

/** [3, H, W] in [-1, 1] → RGBA bytes; round((x / 2 + 0.5) * 255), as diffusers' VaeImageProcessor. */
export function rgbaFromPlanar(image: Float32Array, width: number, height: number): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(4 * width * height).fill(255);
  for (let c = 0; c < 3; c++) {
    for (let i = 0; i < width * height; i++)
      out[4 * i + c] = roundHalfEven(Math.min(1, Math.max(0, image[c * width * height + i]! / 2 + 0.5)) * 255);
  }
  return out;
}

/** numpy's round, which PIL conversion in diffusers goes through. */
function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  return x - floor === 0.5 ? floor + (floor % 2) : Math.round(x);
}

/** A start picture by what is in it: its place may hold another tomorrow. */
async function identified(
  { files, sha256 }: Pick<Environment, 'files' | 'sha256'>,
  { file, strength }: NonNullable<GenerationSettings['init']>,
): Promise<NonNullable<GenerationSettings['init']>> {
  return { file, strength, sha256: await sha256(await files.read(file)) };
}

/** Prompts that are encoded at a time. */
const TEXTS_AHEAD = 64;

/** A model at work for a job: resolved once, its predictor kept between pictures, and at the end what was streamed to the GPU let go. */
interface Easel extends AsyncDisposable {
  model: ResolvedModel;
  /** Texts first, many at a time: large text encoders need not lie on the GPU while the UNet works. */
  encode(prompts: readonly string[]): Promise<void>;
  /** One picture of each, in its own turn, kept with its latents in the file store. */
  draw(items: GenerateRequest['items'], first: number, total: number): Promise<ImageRecord[]>;
}

/** An easel on one device. */
interface Standing {
  context: GenerationContext;
  ranOn: EngineChoices['sampler'];
  parts: FrozenParts;
  held: Disposable;
}

async function setUp(
  { env, pool, turn }: GenerationDevices,
  signal: JobSignal,
  asked: GenerationSettings,
  listener: Listener<GenerateEvent>,
  withPreviews: boolean,
): Promise<Easel> {
  const settings = asked.init ? { ...asked, init: await identified(env, asked.init) } : asked;
  listener({ type: 'preparing', what: 'Opening the model', done: 0, total: 1 });
  const model = await pool.resolve(settings.model);
  const previews = withPreviews ? await previewsOf(env.files, model.folder) : undefined;
  let standing: Standing | undefined;
  let ahead: readonly string[] = [];

  async function encodeAhead({ parts }: Standing): Promise<void> {
    try {
      for (const text of new Set([settings.negativePrompt || null, ...ahead]))
        await parts.encodeText(text, model.texts);
    } finally {
      await parts.releaseStreamed('text');
    }
  }

  /** Call it in a turn. */
  async function standOn(context: GenerationContext): Promise<Standing> {
    if (standing?.context === context) return standing;
    const { arithmetic } = settings;
    if (arithmetic === 'f16') await context.checkHalf();
    // Ours alone compute in it.
    const wanted = arithmetic === 'f16' ? 'engine' : settings.sampler;
    const ranOn = await context.backendFor(wanted, model, {
      arithmetic,
      measuring: (what, done, total) => listener({ type: 'preparing', what, done, total }),
    });
    standing?.held[Symbol.dispose]();
    standing = { context, ranOn, parts: context.frozenParts(model, arithmetic), held: context.cache.hold(model.hash) };
    // What was encoded went with the device before.
    if (ahead.length > 0) await encodeAhead(standing);
    return standing;
  }

  const inTurn = <Result>(work: (standing: Standing) => Promise<Result>): Promise<Result> =>
    turn(signal, async (context) => work(await standOn(context)), tellOfLoss(listener));

  await inTurn(async () => {});
  return {
    model,
    async encode(prompts) {
      ahead = prompts;
      await inTurn(encodeAhead);
    },
    async draw(items, first, total) {
      const records: ImageRecord[] = [];
      for (const [i, { prompt, seed }] of items.entries()) {
        const item = first + i;
        const record = await inTurn(async ({ context, ranOn }) => {
          const onStep = (step: number, steps: number, preview: Preview | null): void => {
            listener({ type: 'step', item, items: total, step, steps, ...(preview && { preview }) });
            signal.check();
          };
          const picture = await makePicture(context, model, { ...settings, prompt, seed, ranOn, previews }, onStep);
          const id = env.newId();
          const made: ImageRecord = {
            ...settings,
            id,
            prompt,
            seed,
            modelHash: model.hash,
            ranOn,
            createdAt: env.now().toISOString(),
            file: `images/${id}.png`,
            latentsFile: `images/${id}.safetensors`,
          };
          await keepPicture(context, model, made, picture);
          return made;
        });
        records.push(record);
        listener({ type: 'image', item, items: total, record });
      }
      return records;
    },
    async [Symbol.asyncDispose]() {
      if (previews) await keepPreviews(env.files, model.folder, previews);
      if (!standing) return;
      const { held, parts } = standing;
      held[Symbol.dispose]();
      await signal.lastly(() => parts.releaseStreamed('all'));
    },
  };
}

const tellOfLoss =
  (listener: Listener<GenerateEvent>) =>
  ({ what }: WinnowError): void =>
    listener({ type: 'recovered', message: `${what} It was opened again, and what was under way is made anew.` });

/** Makes every item's picture, each in its own turn, and keeps picture and latents in the file store. */
export async function generate(
  devices: GenerationDevices,
  signal: JobSignal,
  { items, previews = false, ...settings }: GenerateRequest,
  listener: Listener<GenerateEvent>,
): Promise<ImageRecord[]> {
  for (const item of items) checkSettings({ ...settings, ...item });
  await using easel = await setUp(devices, signal, settings, listener, previews);
  const records: ImageRecord[] = [];
  for (let first = 0; first < items.length; first += TEXTS_AHEAD) {
    const next = items.slice(first, first + TEXTS_AHEAD);
    await easel.encode(next.map(({ prompt }) => prompt));
    records.push(...(await easel.draw(next, first, items.length)));
  }
  return records;
}

async function keepPicture(
  { env }: GenerationContext,
  model: ResolvedModel,
  record: ImageRecord,
  { image, latents }: Picture,
): Promise<void> {
  const factor = model.folder.info.sizeMultiple;
  const shape = [1, model.folder.vae.config.latent_channels, record.height / factor, record.width / factor];
  await env.files.write(record.latentsFile, writeSafetensors({ latents: { shape, data: latents } }));
  const png = encodePng(
    { width: record.width, height: record.height, data: rgbaFromPlanar(image, record.width, record.height) },
    { parameters: infotext(model, record), winnow: JSON.stringify(withoutPaths(record)) },
  );
  await env.files.write(record.file, png);
}

/** A1111's text, which every viewer of such pictures reads. */
function infotext({ folder, unetHash }: ResolvedModel, record: ImageRecord): string {
  const { prompt, negativePrompt, steps, scheduler, schedulerConfig, eta, guidanceScale, seed, width, height, init } =
    record;
  const { arithmetic } = record;
  return formatParameters({
    prompt,
    negativePrompt,
    fields: {
      Steps: String(steps),
      Sampler: samplerLabels[scheduler] ?? scheduler,
      ...(schedulerConfig?.['use_karras_sigmas'] === true && { 'Schedule type': KARRAS }),
      'CFG scale': String(guidanceScale),
      Seed: String(seed),
      Size: `${width}x${height}`,
      'Model hash': unetHash.slice(0, 10),
      Model: nameOf(folder.info.title),
      ...(eta ? { 'Eta DDIM': String(eta) } : {}),
      ...(arithmetic ? { Arithmetic: arithmetic } : {}),
      ...(init ? { 'Denoising strength': String(init.strength) } : {}),
    },
  });
}

/** Pairs of pictures: one prompt and two seeds; or one seed through two models; or the best and the worst of several by a judge. */
export async function makePairs(
  devices: GenerationDevices,
  signal: JobSignal,
  request: PairsRequest,
  listener: Listener<PairsEvent>,
): Promise<OwnPair[]> {
  const { prompts, count, first = 0, seed, against, bestOf, previews = false, ...settings } = request;
  if (prompts.length === 0)
    throw new WinnowError('BadPrompt', 'There is no prompt to make pairs of.', 'Type one, or choose a prompt list.');
  for (const prompt of prompts) checkSettings({ ...settings, prompt, seed });
  const { arithmetic } = settings;
  const perPair = bestOf ? bestOf.k : against ? 1 : 2;
  const pairs: OwnPair[] = [];
  await using easels = new AsyncDisposableStack();
  const sides: Easel[] = [];
  for (const model of against ? [settings.model, against] : [settings.model])
    sides.push(easels.use(await setUp(devices, signal, { ...settings, model }, listener, previews)));
  if (bestOf) {
    const judge = await devices.judge(bestOf.judge, sides[0]!.model);
    checkSees(judge, settings);
    checkScale(judge, bestOf.scale);
  }
  const promptOf = (n: number): string => prompts[n % prompts.length]!;
  for (let n = first; n < count; n++) {
    if ((n - first) % TEXTS_AHEAD === 0) {
      const ahead = Array.from({ length: Math.min(TEXTS_AHEAD, count - n) }, (_, i) => promptOf(n + i));
      for (const side of sides) await side.encode(ahead);
    }
    const prompt = promptOf(n);
    const seeds = new RandomStream({ seed, purpose: 'imageSeed', step: n });
    const items = Array.from({ length: perPair }, () => ({ prompt, seed: seeds.uint32() }));
    const images: ImageRecord[] = [];
    let kept: [ImageRecord, ImageRecord];
    try {
      for (const side of sides)
        for (const [i, item] of items.entries()) images.push(...(await side.draw([item], i, perPair)));
      kept = bestOf
        ? await bestAndWorst(devices, signal, sides[0]!.model, images, { ...bestOf, arithmetic }, listener)
        : [images[0]!, images[1]!];
    } catch (error) {
      // Nobody keeps a record of a picture that was still to be chosen from.
      if (bestOf) for (const record of images) await removePicture(devices, record);
      throw error;
    }
    const pair: OwnPair = {
      id: devices.env.newId(),
      prompt,
      images: kept,
      origin: against ? 'models' : 'seeds',
      createdAt: devices.env.now().toISOString(),
    };
    pairs.push(pair);
    listener({ type: 'pair', pair, done: n + 1, total: count });
  }
  return pairs;
}

/** Before a picture is drawn that the judge does not see. */
function checkSees(
  { title, imageSize: side }: JudgeInfo,
  { width, height }: Pick<GenerationSettings, 'width' | 'height'>,
): void {
  if (side === null || (width === side && height === side)) return;
  throw new WinnowError(
    'BadArguments',
    `${title} sees pictures of ${side} by ${side} pixels, and these have ${width} by ${height}.`,
    'Choose that size, or another judge.',
  );
}

async function removePicture({ env }: GenerationDevices, { file, latentsFile }: ImageRecord): Promise<void> {
  await env.files.remove(file);
  await env.files.remove(latentsFile);
}

function checkScale({ title, scales }: JudgeInfo, scale: string | undefined): void {
  if (scale === undefined || scales.some(({ name }) => name === scale)) return;
  throw new WinnowError(
    'BadArguments',
    `${title} says nothing of ${scale}.`,
    `Choose one of ${scales.map(({ name }) => name).join(', ')}.`,
  );
}

/** The pictures in between are removed. */
async function bestAndWorst(
  devices: GenerationDevices,
  signal: JobSignal,
  model: ResolvedModel,
  images: ImageRecord[],
  { judge, scale, arithmetic }: NonNullable<PairsRequest['bestOf']> & Pick<PairsRequest, 'arithmetic'>,
  listener: Listener<GenerateEvent>,
): Promise<[ImageRecord, ImageRecord]> {
  const scores = await devices.turn(
    signal,
    (context) => context.score(judge, model, images, arithmetic),
    tellOfLoss(listener),
  );
  const order = images
    .map((record, i) => ({ record, score: scale === undefined ? Object.values(scores[i]!)[0]! : scores[i]![scale]! }))
    .sort((a, b) => b.score - a.score);
  for (const { record } of order.slice(1, -1)) await removePicture(devices, record);
  // In the order they were made: which is better is for the label to say.
  const kept = [order[0]!.record, order.at(-1)!.record].sort((a, b) => images.indexOf(a) - images.indexOf(b));
  return [kept[0]!, kept[1]!];
}
