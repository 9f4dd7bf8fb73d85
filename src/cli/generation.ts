/** Options that all verbs share which make images, and the images made from them. */
import { samplerNames, samplerReads, samplersReading } from '../diffusion/samplers/records.ts';
import type { Engine } from '../service/engineService.ts';
import type { GenerationSettings, ImageRecord, ModelInfo, ModelRef } from '../service/types.ts';
import { absolute, count, doNothing, number, oneOf, size } from './arguments.ts';
import { hashFile } from './fileHashes.ts';
import { modelOptions } from './modelRef.ts';
import { appendRecords, imagesFile, readRecords } from './records.ts';
import { Pace, type Terminal } from './terminal.ts';
import { badArguments, type Options, type Values } from './verb.ts';

export const generationOptions = {
  ...modelOptions,
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
    help: `fresh noise of each step, 0 to 1; of ${samplersReading('eta')} (default: 0)`,
  },
  karras: {
    kind: 'text',
    value: 'ON',
    help: `Karras noise levels, on or off; of ${samplersReading('karras')} (default: as the model's scheduler config says)`,
  },
  init: { kind: 'text', value: 'IMAGE', help: 'image-to-image: a PNG to start from' },
  strength: {
    kind: 'text',
    value: 'X',
    help: 'how much of the start image is replaced, above 0 and up to 1 (default: 0.6)',
  },
  sampler: { kind: 'text', value: 'NAME', help: 'auto (the faster), engine (our kernels) or onnx', default: 'auto' },
} as const satisfies Options;

/** What acts on a guided prediction alone. */
const needsGuidance = ['negative', 'guidance-rescale'] as const;

export function settingsOf(
  values: Values<typeof generationOptions>,
  model: ModelRef,
  info: ModelInfo,
): GenerationSettings {
  const { width, height } = values.size === undefined ? info.defaultSize : size('size', values.size);
  const { defaults } = info;
  const scheduler =
    values.scheduler === undefined ? defaults.scheduler : oneOf('scheduler', values.scheduler, samplerNames);
  const guidanceScale =
    values.guidance === undefined ? defaults.guidanceScale : number('guidance', values.guidance, { min: 0 });
  if (info.guidanceInput) doNothing(values, needsGuidance, `with ${info.title}, which takes guidance as an input`);
  else if (guidanceScale <= 1) doNothing(values, needsGuidance, `at a guidance of ${guidanceScale}`);
  for (const option of ['eta', 'karras'] as const)
    if (!samplerReads(scheduler, option)) doNothing(values, [option], `with ${scheduler}`);
  if (values.init === undefined) doNothing(values, ['strength'], 'without --init');
  const rescale = number('guidance-rescale', values['guidance-rescale'] ?? '0', { min: 0, max: 1 });
  const strength = number('strength', values.strength ?? '0.6', { min: 0, max: 1 });
  const eta = number('eta', values.eta ?? '0', { min: 0, max: 1 });
  const karras = values.karras === undefined ? info.karras : oneOf('karras', values.karras, ['on', 'off']) === 'on';
  if (strength === 0) throw badArguments('--strength is 0.', 'Choose one above 0 and up to 1.');
  return {
    model,
    negativePrompt: values.negative ?? '',
    steps: values.steps === undefined ? defaults.steps : count('steps', values.steps),
    guidanceScale,
    ...(rescale > 0 && { guidanceRescale: rescale }),
    width,
    height,
    scheduler,
    ...(eta > 0 && { eta }),
    ...(karras !== info.karras && { schedulerConfig: { use_karras_sigmas: karras } }),
    sampler: oneOf('sampler', values.sampler, ['auto', 'engine', 'onnx']),
    ...(values.init !== undefined && { init: { file: absolute(values.init), strength } }),
  };
}

/** With the start picture named by what is in it. */
export async function identified(settings: GenerationSettings): Promise<GenerationSettings> {
  const { init } = settings;
  return init ? { ...settings, init: { ...init, sha256: await hashFile(init.file) } } : settings;
}

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
  ]);

/** Makes the images that the folder (the engine's own) lacks, each noted in images.jsonl when it is there. Returns one for every item. */
export async function makeImages(
  engine: Engine,
  terminal: Terminal,
  folder: string,
  settings: GenerationSettings,
  items: readonly { prompt: string; seed: number }[],
  label = 'image',
): Promise<ImageRecord[]> {
  const made = new Map(readRecords<ImageRecord>(imagesFile(folder)).map((record) => [keyOf(record), record]));
  const modelHash = await engine.modelHash(settings.model);
  const wanted = { ...(await identified(settings)), modelHash };
  const missing = items.filter((item) => !made.has(keyOf({ ...wanted, ...item })));
  if (missing.length < items.length)
    terminal.note(`${items.length - missing.length} of ${items.length} images are there already`);
  if (missing.length > 0) {
    const job = 'generate';
    terminal.onInterrupt(() => void engine.cancel(job));
    const pace = new Pace();
    await engine.generate(job, { ...settings, items: missing }, (event) => {
      if (event.type === 'preparing') terminal.status(event.what);
      else if (event.type === 'step') {
        const done = event.item + event.step / event.steps;
        terminal.status(
          `${label} ${event.item + 1}/${event.items}, step ${event.step}/${event.steps}${pace.left(done, event.items)}`,
        );
      } else {
        appendRecords(imagesFile(folder), [event.record]);
        made.set(keyOf(event.record), event.record);
        terminal.status(
          `${label} ${event.item + 1}/${event.items}${pace.left(event.item + 1, event.items)}`,
          event.item + 1 === event.items,
        );
      }
    });
  }
  return items.map((item) => made.get(keyOf({ ...wanted, ...item }))!);
}
