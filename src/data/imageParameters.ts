/** Parameters of an image from its PNG text chunks: our own record (`winnow`), else the text A1111 and most tools write (`parameters`). What
 *  was written by a tool we do not read gives nothing rather than something else. */
import { type ImageRecord, imageRecordSchema } from '../records/images.ts';
import { parseJson } from '../shared/json.ts';
import { limits } from '../shared/limits.ts';
import { parseParameters, samplerOf } from './formats/a1111.ts';

export const imageParameters = (text: ReadonlyMap<string, string>): Partial<ImageRecord> | null =>
  readParameters(text).parameters;

/** The parameters, and in words what was there and is not among them. */
export function readParameters(text: ReadonlyMap<string, string>): {
  parameters: Partial<ImageRecord> | null;
  notTaken: string[];
} {
  const own = ownRecord(text.get('winnow'));
  if (own) return { parameters: own, notTaken: [] };
  const common = text.get('parameters');
  if (!common) return { parameters: null, notTaken: [] };
  if (isJson(common))
    return { parameters: null, notTaken: ['Its settings are in a form of another tool that Winnow does not read.'] };
  return fromParameters(common);
}

/** Undefined where something else wrote under our name: the common form may still be there. */
function ownRecord(text: string | undefined): Partial<ImageRecord> | undefined {
  if (!text) return undefined;
  try {
    const value = parseJson(text, { file: 'The record' });
    return imageRecordSchema.partial().safeParse(value).success ? (value as Partial<ImageRecord>) : undefined;
  } catch {
    return undefined;
  }
}

/** Fooocus, SwarmUI and others write JSON under the name of A1111's text. */
function isJson(text: string): boolean {
  if (!/^\s*[{[]/.test(text)) return false;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object';
  } catch {
    return false;
  }
}

/** A decimal number within bounds; undefined for anything else. */
function decimal(text: string | undefined, min: number, max: number, whole = false): number | undefined {
  if (text === undefined || !(whole ? /^\d{1,16}$/ : /^\d{1,16}(\.\d{1,16})?$/).test(text)) return undefined;
  const value = Number(text);
  return value >= min && value <= max ? value : undefined;
}

function fromParameters(text: string): ReturnType<typeof readParameters> {
  const { prompt, negativePrompt, fields } = parseParameters(text);
  if (!prompt && !Object.keys(fields).length) return { parameters: null, notTaken: [] };
  const size = /^(\d{1,5})\s*x\s*(\d{1,5})$/.exec(fields['Size'] ?? '');
  const [width, height] = [1, 2].map((side) => decimal(size?.[side], 1, limits.side, true));
  const sampler = fields['Sampler'];
  const type = fields['Schedule type'];
  const ours = sampler === undefined ? undefined : samplerOf(sampler, type);
  const seed = decimal(fields['Seed'], 0, Number.MAX_SAFE_INTEGER, true);
  const found: Partial<Record<keyof ImageRecord, unknown>> = {
    prompt,
    negativePrompt,
    steps: decimal(fields['Steps'], 1, limits.steps, true),
    guidanceScale: decimal(fields['CFG scale'], 0, limits.guidanceScale),
    seed,
    ...(width !== undefined && height !== undefined && { width, height }),
    eta: decimal(fields['Eta DDIM'], 0, 1),
    scheduler: ours?.scheduler,
    schedulerConfig: ours?.schedulerConfig,
  };
  return {
    parameters: Object.fromEntries(
      Object.entries(found).filter(([, value]) => value !== undefined),
    ) as Partial<ImageRecord>,
    notTaken: [
      ...(fields['Seed'] && seed === undefined
        ? [`Its seed (${fields['Seed'].slice(0, 40)}) is not one of Winnow's.`]
        : []),
      ...(sampler && !ours ? [`Its sampler (${sampler.slice(0, 40)}) is not one of Winnow's.`] : []),
      ...(ours?.unknownSchedule === undefined
        ? []
        : [`Its schedule (${ours.unknownSchedule.slice(0, 40)}) is not one that this sampler has here.`]),
    ],
  };
}
