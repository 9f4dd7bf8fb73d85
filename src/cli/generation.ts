/** Options that all verbs share which make images, and the images made from them. */
import { checkPrompt } from '../data/formats/promptList.ts';
import { openSafetensors } from '../data/formats/safetensors.ts';
import { type SamplerOption, samplerOptions, samplerReads } from '../diffusion/samplers/options.ts';
import { samplerNames, samplersReading, substitution } from '../diffusion/samplers/table.ts';
import type { Engine } from '../service/engineService.ts';
import type { GenerationSettings, ImageRecord, ModelInfo, ModelRef } from '../service/types.ts';
import { halfPictureError } from '../shared/arithmetic.ts';
import { isWinnowError, WinnowError } from '../shared/errors.ts';
import { checkFinite } from '../shared/finite.ts';
import { limits } from '../shared/limits.ts';
import { absolute, count, doNothing, number, oneOf, size } from './arguments.ts';
import { hashFile } from './fileHashes.ts';
import { folderReader } from './files.ts';
import { gpuOptions, modelOptions } from './modelRef.ts';
import { appendImages, readImages } from './records.ts';
import { Pace, type Terminal } from './terminal.ts';
import { badArguments, type Options, type Values } from './verb.ts';

export const generationOptions = {
  ...modelOptions,
  ...gpuOptions,
  negative: { kind: 'text', value: 'TEXT', help: 'negative prompt, read with guidance' },
  steps: { kind: 'text', value: 'N', help: `sampling steps (default: the model's usual)` },
  guidance: { kind: 'text', value: 'X', help: `guidance scale; 1 is none (default: the model's usual)` },
  'guidance-rescale': {
    kind: 'text',
    value: 'X',
    help: 'how far the deviation of guided predictions is pulled back, 0 to 1 (default: 0)',
  },
  size: { kind: 'text', value: 'WxH', help: `pixels (default: the model's own)` },
  scheduler: {
    kind: 'text',
    value: 'NAME',
    help: `${samplerNames.join(', ')} (default: the model's own)`,
  },
  eta: {
    kind: 'text',
    value: 'X',
    help: `${samplerOptions.eta.help}; of ${samplersReading('eta')} (default: ${samplerOptions.eta.default})`,
  },
  karras: {
    kind: 'text',
    value: 'ON',
    help: `${samplerOptions.karras.help}; of ${samplersReading('karras')} (default: as the model's scheduler config says)`,
  },
  init: {
    kind: 'text',
    value: 'IMAGE',
    help: 'image-to-image: a picture to start from (JPEG, PNG or WebP), of the size to be made',
  },
  strength: {
    kind: 'text',
    value: 'X',
    help: 'how much of the start image is replaced, above 0 and up to 1 (default: 0.6)',
  },
  arithmetic: {
    kind: 'text',
    value: 'NAME',
    help: `f32, or f16: our kernels draw, and multiply what is large in half width, where the GPU offers shader-f16, and so do large judges that are asked of the pictures; colours come out different by ${halfPictureError.mean} of 255 on average, ${halfPictureError.largest} at most (postcard, 12 steps)`,
    default: 'f32',
  },
  backend: {
    kind: 'text',
    value: 'NAME',
    help: 'what runs the model: auto (the faster), engine (our kernels) or onnx (onnxruntime)',
    default: 'auto',
    formerly: 'sampler',
  },
} as const satisfies Options;

/** What acts on a guided prediction alone. */
const needsGuidance = ['negative', 'guidance-rescale'] as const;

/** What a person asked for, each value checked; what they left open is the model's own. */
export interface Asked {
  values: Values<typeof generationOptions>;
  settings: Omit<GenerationSettings, 'model' | 'steps' | 'guidanceScale' | 'width' | 'height' | 'scheduler'> &
    Partial<GenerationSettings>;
  karras: boolean | undefined;
}

/** Before anything is opened or made: throws BadArguments or BadPrompt. */
export function askedOf(values: Values<typeof generationOptions>): Asked {
  const rescale = number('guidance-rescale', values['guidance-rescale'] ?? '0', { min: 0, max: 1 });
  const strength = number('strength', values.strength ?? '0.6', { min: 0, max: 1 });
  if (strength === 0) throw badArguments('--strength is 0.', 'Choose one above 0 and up to 1.');
  if (values.init === undefined) doNothing(values, ['strength'], 'without --init');
  const eta = number('eta', values.eta ?? String(samplerOptions.eta.default), samplerOptions.eta);
  const arithmetic = oneOf('arithmetic', values.arithmetic, ['f32', 'f16']);
  if (arithmetic === 'f16' && values.backend === 'onnx')
    throw badArguments('--arithmetic f16 does nothing with --backend onnx.', 'Leave one of them out.');
  checkPrompt(values.negative ?? '');
  const settings = {
    negativePrompt: values.negative ?? '',
    sampler: oneOf('backend', values.backend, ['auto', 'engine', 'onnx']),
    ...(values.steps !== undefined && { steps: count('steps', values.steps, { max: limits.steps }) }),
    ...(values.guidance !== undefined && {
      guidanceScale: number('guidance', values.guidance, { min: 0, max: limits.guidanceScale }),
    }),
    ...(values.size !== undefined && size('size', values.size)),
    ...(values.scheduler !== undefined && { scheduler: oneOf('scheduler', values.scheduler, samplerNames) }),
    ...(rescale > 0 && { guidanceRescale: rescale }),
    ...(eta > 0 && { eta }),
    ...(arithmetic === 'f16' && { arithmetic }),
    ...(values.init !== undefined && { init: { file: absolute(values.init), strength } }),
  };
  const karras = values.karras === undefined ? undefined : oneOf('karras', values.karras, ['on', 'off']) === 'on';
  return { values, settings, karras };
}

/** With the start picture named by what is in it. */
export async function identified(settings: GenerationSettings): Promise<GenerationSettings> {
  const { init } = settings;
  return init ? { ...settings, init: { ...init, sha256: await hashFile(init.file) } } : settings;
}

/** With what the model leaves no choice in: throws BadArguments for an option that would do nothing. */
export function settingsOf(
  { values, settings, karras }: Asked,
  model: ModelRef,
  { defaults, defaultSize, guidanceInput, title, karras: own }: ModelInfo,
): GenerationSettings {
  const made = { ...defaults, ...defaultSize, ...settings, model };
  if (guidanceInput) doNothing(values, needsGuidance, `with ${title}, which takes guidance as an input`);
  else if (made.guidanceScale <= 1) doNothing(values, needsGuidance, `at a guidance of ${made.guidanceScale}`);
  for (const option of Object.keys(samplerOptions) as SamplerOption[])
    if (!samplerReads(made.scheduler, option)) doNothing(values, [option], `with ${made.scheduler}`);
  return {
    ...made,
    ...(karras !== undefined && karras !== own && { schedulerConfig: { [samplerOptions.karras.field]: karras } }),
  };
}

/** Says where another sampler than the model's own draws. */
export function saySampler(terminal: Terminal, { scheduler, defaults }: ModelInfo, used = defaults.scheduler): void {
  const said = used === defaults.scheduler ? substitution(scheduler) : null;
  if (said !== null) terminal.note(said);
}

/** Prompts told in full; the others are counted. */
const MOST_TOLD = 5;

/** Says of which prompts the model reads only the beginning, and what it does not read, as transformers does. */
export async function sayCuts(
  engine: Engine,
  terminal: Terminal,
  model: ModelRef,
  prompts: readonly string[],
): Promise<void> {
  const read = await engine.readPrompts(model, [...new Set(prompts)]);
  tellCuts(
    terminal,
    read.filter(({ lost }) => lost !== ''),
    ({ maxTokens }) => `the text encoder reads ${maxTokens} tokens at most`,
  );
}

export function tellCuts<Cut extends { prompt: string; lost: string }>(
  terminal: Pick<Terminal, 'note'>,
  cut: readonly Cut[],
  why: (cut: Cut) => string,
): void {
  for (const one of cut.slice(0, MOST_TOLD))
    terminal.note(
      `The following part of ${quoted(one.prompt)} is cut off, because ${why(one)}: ${quoted(one.lost, 2000)}`,
    );
  if (cut.length > MOST_TOLD) terminal.note(`${cut.length - MOST_TOLD} more prompts are cut off.`);
}

const quoted = (text: string, most = 60): string =>
  JSON.stringify(text.length > most ? `${text.slice(0, most)}…` : text);

type Wanted = GenerationSettings & { prompt: string; seed: number; modelHash: string };

const keyOf = ({
  modelHash,
  negativePrompt,
  steps,
  guidanceScale,
  guidanceRescale,
  width,
  height,
  scheduler,
  eta,
  schedulerConfig,
  sampler,
  arithmetic,
  init,
  prompt,
  seed,
}: Wanted): string =>
  JSON.stringify([
    modelHash,
    negativePrompt,
    steps,
    guidanceScale,
    guidanceRescale ?? 0,
    width,
    height,
    scheduler,
    sampler,
    // By what is in it, not by where it lies: a record of an earlier version does not say.
    init ? [init.sha256 ?? null, init.strength] : null,
    prompt,
    seed,
    ...(eta || schedulerConfig ? [eta ?? 0, schedulerConfig ?? {}] : []),
    ...(arithmetic ? [arithmetic] : []),
  ]);

/** Whether a record's files are there, and its latents numbers: earlier versions kept pictures of NaN. */
async function isPicture(folder: string, { file, latentsFile }: ImageRecord): Promise<boolean> {
  const reader = folderReader(folder);
  try {
    await reader.open(file);
    const latents = await openSafetensors(await reader.read(latentsFile), latentsFile);
    checkFinite(await latents.read('latents'), latentsFile, '');
    return true;
  } catch (error) {
    if (isWinnowError(error)) return false;
    throw error;
  }
}

/** What is drawn: with a picture of its own to start from, where it has one. */
export interface WantedImage {
  prompt: string;
  seed: number;
  init?: GenerationSettings['init'];
}

/** Makes the images that the folder (the engine's own) lacks, each noted in images.jsonl when it is there. Returns one for every item. */
export async function makeImages(
  engine: Engine,
  terminal: Terminal,
  folder: string,
  settings: GenerationSettings,
  items: readonly WantedImage[],
  label = 'image',
): Promise<ImageRecord[]> {
  const say = (text: string): void => terminal.note(text);
  const made = new Map(readImages(folder, say).map((record) => [keyOf(record), record]));
  const modelHash = await engine.modelHash(settings.model);
  const common = { ...(await identified(settings)), modelHash };
  const wanted = await Promise.all(
    items.map(async (item) => ({
      item,
      key: keyOf({
        ...common,
        ...item,
        ...(item.init && { init: { ...item.init, sha256: await hashFile(item.init.file) } }),
      }),
    })),
  );
  for (const { key } of wanted) {
    const record = made.get(key);
    if (record && !(await isPicture(folder, record))) made.delete(key);
  }
  const missing = wanted.filter(({ key }) => !made.has(key)).map(({ item }) => item);
  if (missing.length < items.length)
    terminal.note(`${items.length - missing.length} of ${items.length} images are there already`);
  if (missing.length > 0) {
    const job = 'generate';
    let stop = false;
    terminal.onInterrupt(() => {
      stop = true;
      void engine.cancel(job);
    });
    const pace = new Pace();
    let before = 0;
    // One request for all that start from the same: noise, or a picture.
    for (const part of byInit(missing)) {
      if (stop) throw new WinnowError('Cancelled', 'Generating was stopped.', 'The same command goes on.');
      const { init = settings.init } = part[0]!;
      const request = {
        ...settings,
        ...(init && { init: (await identified({ ...settings, init })).init! }),
        items: part.map(({ prompt, seed }) => ({ prompt, seed })),
      };
      const start = before;
      await engine.generate(job, request, (event) => {
        if (event.type === 'preparing') terminal.status(event.what);
        else if (event.type === 'step') {
          const done = start + event.item + event.step / event.steps;
          terminal.status(
            `${label} ${start + event.item + 1}/${missing.length}, step ${event.step}/${event.steps}${pace.left(done, missing.length)}`,
          );
        } else if (event.type === 'recovered') terminal.note(event.message);
        else {
          appendImages(folder, [event.record], say);
          made.set(keyOf(event.record), event.record);
          const done = start + event.item + 1;
          terminal.status(
            `${label} ${done}/${missing.length}${pace.left(done, missing.length)}`,
            done === missing.length,
          );
        }
      });
      before += part.length;
    }
  }
  return wanted.map(({ key }) => made.get(key)!);
}

function byInit(items: readonly WantedImage[]): WantedImage[][] {
  const parts = new Map<string, WantedImage[]>();
  for (const item of items) {
    const key = item.init?.file ?? '';
    const part = parts.get(key);
    if (part) part.push(item);
    else parts.set(key, [item]);
  }
  return [...parts.values()];
}
