/** How pictures are made, in a line. */
import { samplers, isSamplerName } from '../../diffusion/samplers/table.ts';
import type { GenerationSettings } from '../../service/types.ts';
import { titleOf } from '../store/models.ts';
import type { PairRecipe } from '../store/generateSelectors.ts';
import { plural, printSize } from './words.ts';

export const settingsInWords = ({
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
  init,
}: GenerationSettings): string =>
  [
    plural(steps, 'step'),
    `guidance ${guidanceScale}`,
    ...(guidanceRescale ? [`rescaled by ${guidanceRescale}`] : []),
    printSize({ width, height }),
    isSamplerName(scheduler) ? samplers[scheduler].title : scheduler,
    ...(eta ? [`eta ${eta}`] : []),
    ...Object.entries(schedulerConfig ?? {}).map(([name, value]) => `${name} ${String(value)}`),
    ...(negativePrompt ? [`without “${negativePrompt}”`] : []),
    ...(init ? [`from a start image at ${init.strength}`] : []),
    ...(sampler === 'auto' ? [] : [sampler === 'engine' ? 'our kernels' : 'onnxruntime']),
  ].join(' · ');

/** What more pairs are made of. */
export function recipeInWords(
  { settings, from, against, bestOf }: PairRecipe,
  names: Parameters<typeof titleOf>[1],
): string {
  const prompts =
    from === null
      ? 'prompts of the bundled list'
      : from.prompts.length === 1
        ? `“${from.prompts[0]}”`
        : `${from.prompts.length} prompts of ${from.name}`;
  const how = against ? `, against ${titleOf(against, names)}` : bestOf ? `, best and worst of ${bestOf.k}` : '';
  return `${titleOf(settings.model, names)}${how} · ${prompts} · ${settingsInWords(settings)}`;
}
