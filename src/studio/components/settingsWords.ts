/** How pictures are made, in a line. */
import { plural, t } from '@lingui/core/macro';
import { samplers, isSamplerName } from '../../diffusion/samplers/table.ts';
import type { GenerationSettings } from '../../service/types.ts';
import { titleOf } from '../store/models.ts';
import type { PairRecipe } from '../store/generateSelectors.ts';
import { printSize } from './words.ts';

export function settingsInWords({
  steps,
  guidanceScale,
  guidanceRescale,
  width,
  height,
  scheduler,
  eta,
  schedulerConfig,
  negativePrompt,
  sampler,
  arithmetic,
  init,
}: GenerationSettings): string {
  const strength = init?.strength;
  return [
    plural(steps, { one: `${steps} step`, other: `${steps} steps` }),
    t`guidance ${guidanceScale}`,
    ...(guidanceRescale ? [t`rescaled by ${guidanceRescale}`] : []),
    printSize({ width, height }),
    isSamplerName(scheduler) ? samplers[scheduler].title : scheduler,
    ...(eta ? [`eta ${eta}`] : []),
    ...Object.entries(schedulerConfig ?? {}).map(([name, value]) => `${name} ${String(value)}`),
    ...(negativePrompt ? [t`without “${negativePrompt}”`] : []),
    ...(strength !== undefined ? [t`from a start image at ${strength}`] : []),
    ...(sampler === 'auto' ? [] : [sampler === 'engine' ? t`our kernels` : 'onnxruntime']),
    ...(arithmetic ? [t`arithmetic in ${arithmetic}`] : []),
  ].join(' · ');
}

const bestInWords = (model: string, { k }: NonNullable<PairRecipe['bestOf']>): string =>
  t`${model}, best and worst of ${k}`;

const quoted = (prompt: string): string => t`“${prompt}”`;

function promptsInWords(from: PairRecipe['from']): string {
  if (from === null) return t`prompts of the bundled list`;
  const { name, prompts } = from;
  const count = prompts.length;
  const [first] = prompts;
  return count === 1 ? quoted(first!) : t`${count} prompts of ${name}`;
}

/** What more pairs are made of. */
export function recipeInWords(
  { settings, from, against, bestOf }: PairRecipe,
  names: Parameters<typeof titleOf>[1],
): string {
  const model = titleOf(settings.model, names);
  const other = against ? titleOf(against, names) : null;
  const how = other !== null ? t`${model}, against ${other}` : bestOf ? bestInWords(model, bestOf) : model;
  return `${how} · ${promptsInWords(from)} · ${settingsInWords(settings)}`;
}
