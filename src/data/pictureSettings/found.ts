/** What a tool wrote of a picture, and what of it Winnow has. A tool is one file here and a line of table.ts. */
import type { ImageRecord } from '../../records/images.ts';
import { isRecord, parseJson } from '../../shared/json.ts';
import { limits } from '../../shared/limits.ts';
import { samplerOf } from '../formats/a1111.ts';

/** As they stand in the picture: numbers or their text. What a tool did not say is left out. */
export interface Found {
  prompt?: unknown;
  negativePrompt?: unknown;
  steps?: unknown;
  guidanceScale?: unknown;
  seed?: unknown;
  width?: unknown;
  height?: unknown;
  eta?: unknown;
  /** Under A1111's name, and its schedule. */
  sampler?: { name: string; schedule?: string | undefined } | undefined;
  /** What it was made with, in the tool's words. */
  model?: unknown;
  /** In sentences: what else was there, and is not taken. */
  notTaken?: string[];
}

/** Everything of a picture's text, by keyword. */
export type PictureText = ReadonlyMap<string, string>;

export interface SettingsTool {
  /** For documentation. */
  title: string;
  /** Undefined where the text is not this tool's. */
  read(text: PictureText): Found | undefined;
}

export interface ReadParameters {
  parameters: Partial<ImageRecord> | null;
  /** In words, what was there and is not among them. */
  notTaken: string[];
}

/** Longer ones are no settings; a workflow of ComfyUI's takes some 100 KB. */
const MAX_CHARACTERS = 4_000_000;

/** A keyword's JSON object; undefined for anything else. */
export function objectOf(text: string | undefined): Record<string, unknown> | undefined {
  if (!text || !/^\s*\{/.test(text)) return undefined;
  try {
    const value = parseJson(text, { file: 'The text', limit: MAX_CHARACTERS });
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Fooocus, SwarmUI and others write JSON under the name of A1111's text. */
export function isJson(text: string): boolean {
  if (!/^\s*[{[]/.test(text)) return false;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object';
  } catch {
    return false;
  }
}

/** `1024 x 768`, `(768, 1280)`. */
export function sizeOf(text: unknown): { width?: string; height?: string } {
  const [, width, height] = /^\(?\s*(\d{1,5})\s*[x×,]\s*(\d{1,5})\s*\)?$/.exec(String(text ?? '')) ?? [];
  return width && height ? { width, height } : {};
}

/** A decimal number within bounds; undefined for anything else. */
function decimal(value: unknown, min: number, max: number, whole = false): number | undefined {
  const text = typeof value === 'number' ? String(value) : value;
  if (typeof text !== 'string' || !(whole ? /^\d{1,16}$/ : /^\d{1,16}(\.\d{1,16})?$/).test(text)) return undefined;
  const read = Number(text);
  return read >= min && read <= max ? read : undefined;
}

const shown = (value: unknown): string => String(value).slice(0, 40);

export function toParameters(found: Found): ReadParameters {
  const width = decimal(found.width, 1, limits.side, true);
  const height = decimal(found.height, 1, limits.side, true);
  const ours = found.sampler && samplerOf(found.sampler.name, found.sampler.schedule);
  const seed = decimal(found.seed, 0, Number.MAX_SAFE_INTEGER, true);
  const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
  const parameters: Partial<Record<keyof ImageRecord, unknown>> = {
    prompt: text(found.prompt),
    negativePrompt: text(found.negativePrompt),
    steps: decimal(found.steps, 1, limits.steps, true),
    guidanceScale: decimal(found.guidanceScale, 0, limits.guidanceScale),
    seed,
    ...(width !== undefined && height !== undefined && { width, height }),
    eta: decimal(found.eta, 0, 1),
    scheduler: ours?.scheduler,
    schedulerConfig: ours?.schedulerConfig,
  };
  const taken = Object.entries(parameters).filter(([, value]) => value !== undefined);
  return {
    parameters: taken.length > 0 ? (Object.fromEntries(taken) as Partial<ImageRecord>) : null,
    notTaken: [
      ...((found.seed ?? '') !== '' && seed === undefined
        ? [`Its seed (${shown(found.seed)}) is not one of Winnow's.`]
        : []),
      ...(found.sampler && !ours ? [`Its sampler (${shown(found.sampler.name)}) is not one of Winnow's.`] : []),
      ...(ours?.unknownSchedule === undefined
        ? []
        : [`Its schedule (${shown(ours.unknownSchedule)}) is not one that this sampler has here.`]),
      ...(found.model ? [`Its model was ${String(found.model).slice(0, 80)}: choose yours.`] : []),
      ...(found.notTaken ?? []),
    ],
  };
}
