/** Parameters of an image from its PNG text chunks: our own record (`winnow`), else the text A1111 and most tools write (`parameters`). */
import type { ImageRecord } from '../service/types.ts';
import { parseParameters, samplerLabels } from './formats/a1111.ts';

export function imageParameters(text: ReadonlyMap<string, string>): Partial<ImageRecord> | null {
  const own = text.get('winnow');
  if (own) {
    try {
      return JSON.parse(own) as ImageRecord;
    } catch {
      // Written by something else under our name: the common form may still be there.
    }
  }
  const common = text.get('parameters');
  return common ? fromParameters(common) : null;
}

function fromParameters(text: string): Partial<ImageRecord> | null {
  const { prompt, negativePrompt, fields } = parseParameters(text);
  if (!prompt && !Object.keys(fields).length) return null;
  const number = (name: string): number | undefined => {
    const value = Number(fields[name]);
    return fields[name] !== undefined && Number.isFinite(value) ? value : undefined;
  };
  const size = /^(\d+)x(\d+)$/.exec(fields['Size'] ?? '');
  const found: Partial<Record<keyof ImageRecord, unknown>> = {
    prompt,
    negativePrompt,
    steps: number('Steps'),
    guidanceScale: number('CFG scale'),
    seed: number('Seed'),
    width: size ? Number(size[1]) : undefined,
    height: size ? Number(size[2]) : undefined,
    eta: number('Eta DDIM'),
    scheduler: Object.entries(samplerLabels).find(([, label]) => label === fields['Sampler'])?.[0],
  };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined)) as Partial<ImageRecord>;
}
