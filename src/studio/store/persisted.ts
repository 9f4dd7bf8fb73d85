/** What this browser keeps of the studio itself, in one table: where, since which version, what is checked, what stands where nothing or
 *  nothing sound is kept. Each value is checked by itself: one that fails is dropped, and the rest stays. Records (labels, pairs, images,
 *  blind tests) stand in the table of data/db.ts; models, runs and pictures are the engine's files. */
import { z } from 'zod';
import { trainConfigSchema } from '../../data/formats/trainConfig.ts';
import { UNNAMED } from '../../records/raters.ts';
import { limits } from '../../shared/limits.ts';

/** An object in localStorage whose values are written together. */
interface Document<Values extends Record<string, z.ZodType>> {
  key: string;
  /** The n-th makes version n + 1 out of version n; what was written before versions were is version 0. */
  migrations: ((stored: Record<string, unknown>) => Record<string, unknown>)[];
  values: Values;
}

const define = <Values extends Record<string, z.ZodType>>(document: Document<Values>): Document<Values> => document;

const sound = <T>(schema: z.ZodType<T>, value: unknown): T[] => {
  const result = schema.safeParse(value);
  return result.success ? [result.data] : [];
};

/** The items that pass. */
const eachOf = <T>(item: z.ZodType<T>): z.ZodType<T[]> =>
  z.array(z.unknown()).transform((items) => items.flatMap((one) => sound(item, one)));

/** The entries that pass, whatever they are called. */
const eachBy = <T>(entry: z.ZodType<T>): z.ZodType<Record<string, T>> =>
  z
    .record(z.string(), z.unknown())
    .transform((entries) =>
      Object.fromEntries(
        Object.entries(entries).flatMap(([name, one]) => sound(entry, one).map((value) => [name, value] as const)),
      ),
    );

type Output<Shape extends Record<string, z.ZodType>> = { [Name in keyof Shape]: z.output<Shape[Name]> };

/** The fields that pass, of those that are named. */
const fieldsOf = <Shape extends Record<string, z.ZodType>>(shape: Shape): z.ZodType<Partial<Output<Shape>>> =>
  z.record(z.string(), z.unknown()).transform((stored) => soundValues(shape, stored));

function soundValues<Shape extends Record<string, z.ZodType>>(
  shape: Shape,
  stored: Record<string, unknown>,
): Partial<Output<Shape>> {
  const values = Object.entries(shape).flatMap(([name, schema]) =>
    sound(schema, stored[name]).map((value) => [name, value] as const),
  );
  return Object.fromEntries(values) as Partial<Output<Shape>>;
}

const lora = z.object({
  file: z.string().min(1),
  name: z.string(),
  rank: z.int().min(0).max(65_536),
  format: z.enum(['kohya', 'peft']),
  /** The model it was checked against; the embedded one where nothing is said. */
  base: z.string().exactOptional(),
  /** Layers of each net that it changes; not known of those that came in before it was kept. */
  parts: z.partialRecord(z.enum(['unet', 'text_encoder', 'text_encoder_2']), z.int().min(0)).exactOptional(),
});

export const raterColours = ['teal', 'orange', 'violet', 'lime', 'pink', 'blue'] as const;
export type RaterColour = (typeof raterColours)[number];

const rater = z.object({ name: z.string().trim().min(1).max(40), colour: z.enum(raterColours) });

/** Small choices: nothing here is worth more than a convenience. */
export const preferences = define({
  key: 'winnow.preferences',
  migrations: [],
  values: {
    /** Shortcuts of one key without a modifier (WCAG 2.1.4). */
    singleKeys: z.boolean().default(true),
    /** Of actions, by name, where a person chose others. */
    keys: eachBy(z.string().min(1).max(40)).default({}),
    keepMakingPairs: z.boolean().default(false),
    /** By the browser, at the end of a long job while the tab is hidden. */
    notify: z.boolean().default(false),
    /** Pictures in sight while they are drawn. */
    previews: z.boolean().default(true),
    /** Of large products of our kernels where they draw pictures, and the GPU has both. */
    arithmetic: z.enum(['f32', 'f16']).default('f32'),
    /** Whether the GPU is asked for subgroup matrices, an experiment, where it is opened. */
    matrices: z.boolean().default(false),
    /** Of small pictures that are shown large: by a good filter, or each pixel as so many of the screen's. */
    scaling: z.enum(['smooth', 'steps']).default('smooth'),
    smoothing: z.number().min(0).max(0.99).default(0.6),
    /** Its code; null: as the browser asks for. */
    language: z.string().nullable().default(null),
    /** LoRA files that were brought in, newest first. */
    loras: eachOf(lora).default([]),
    /** The model that is worked with, by its id; null: the embedded one. */
    baseModel: z.string().nullable().default(null),
    /** People who judge here beside whoever has given no name. */
    raters: eachOf(rater).default([]),
    /** Who judges now: `by` of their labels. */
    rater: z.string().startsWith(UNNAMED).default(UNNAMED),
  },
});

export type Preferences = Output<(typeof preferences)['values']>;

const side = z.int().min(0).max(limits.side);

const sampler = z.enum(['auto', 'engine', 'onnx']);

const settings = {
  steps: z.int().min(1).max(limits.steps),
  guidanceScale: z.number().min(0).max(limits.guidanceScale),
  guidanceRescale: z.number().min(0).max(1),
  width: side,
  height: side,
  scheduler: z.string(),
  eta: z.number().min(0).max(1),
  karras: z.boolean(),
};

/** What a person was about to do: the prompt and its settings, the next run's settings, what is compared. What nothing is kept of stands as
 *  the slices set it. */
export const drafts = define({
  key: 'winnow.drafts',
  migrations: [
    // Settings of a model had no eta.
    (stored) => ({
      ...stored,
      kept: mapEntries(stored['kept'], (one) => ({ ...one, settings: { eta: 0, ...objectOf(one['settings']) } })),
    }),
    // Nor did the next run hold pairs out, or stop where it leaves its model behind: it does as the presets have it.
    (stored) => ({
      ...stored,
      ...(stored['trainConfig'] !== undefined && { trainConfig: guarded(stored['trainConfig']) }),
      kept: mapEntries(stored['kept'], (one) => ({ ...one, trainConfig: guarded(one['trainConfig']) })),
    }),
    // Comparisons were made by what was set on Generate: the pictures that are there stay in view.
    (stored) => {
      const own = objectOf(stored['draft']);
      const { base } = own;
      return {
        ...stored,
        ...(typeof base === 'string' &&
          base !== '' && { compareSettings: { [base]: { guidanceRescale: 0, eta: 0, karras: false, ...own } } }),
      };
    },
  ],
  values: {
    /** Not the models, the list and the start image: they may be gone by now. */
    draft: fieldsOf({
      ...settings,
      prompt: z.string(),
      negativePrompt: z.string(),
      seed: z.int().min(0).max(limits.seed),
      seedLocked: z.boolean(),
      count: z.int().min(1).max(limits.count),
      base: z.string(),
      sampler,
      pairCount: z.int().min(1).max(limits.count),
    }),
    trainConfig: trainConfigSchema,
    presetName: z.string().nullable(),
    /** By model id, what was set for it before another one was chosen. */
    kept: eachBy(
      z.object({ settings: z.object(settings), trainConfig: trainConfigSchema, presetName: z.string().nullable() }),
    ),
    comparePrompts: z.array(z.string()),
    compareSeeds: z.array(z.int().min(0).max(limits.seed)).min(1),
    /** By model id. */
    compareSettings: eachBy(z.object({ ...settings, negativePrompt: z.string(), sampler })),
  },
});

/** The study that somebody is at, by its id: of this tab alone and as long as it is open, so that loading the page again leads back to it, and not to
 *  screens that name models. */
export const studyHere = {
  key: 'winnow.study',
  read(): string | null {
    try {
      return sessionStorage.getItem(studyHere.key);
    } catch {
      return null;
    }
  },
  write(id: string | null): void {
    try {
      if (id === null) sessionStorage.removeItem(studyHere.key);
      else sessionStorage.setItem(studyHere.key, id);
    } catch {
      // A browser that keeps nothing begins at its first screen.
    }
  },
} as const;

/** Light or dark: Mantine reads, checks and writes it, index.html reads it before the first paint. */
export const theme = { key: 'mantine-color-scheme-value', initial: 'auto' } as const;

const objectOf = (value: unknown): Record<string, unknown> =>
  value && typeof value === 'object' && !Array.isArray(value) ? { ...value } : {};

const guarded = (config: unknown): unknown => ({ heldOut: 0.1, driftGuard: 'stop', ...objectOf(config) });

const mapEntries = (value: unknown, change: (entry: Record<string, unknown>) => unknown): Record<string, unknown> =>
  Object.fromEntries(Object.entries(objectOf(value)).map(([name, one]) => [name, change(objectOf(one))]));

/** The values that are kept and sound, or have a default. */
export function readDocument<Values extends Record<string, z.ZodType>>({
  key,
  migrations,
  values,
}: Document<Values>): Partial<Output<Values>> {
  let stored: Record<string, unknown>;
  try {
    stored = objectOf(JSON.parse(localStorage.getItem(key) ?? '{}'));
  } catch {
    // Blocked, or no JSON.
    stored = {};
  }
  const { version } = stored;
  const from = typeof version === 'number' && version >= 0 ? version : 0;
  const read = soundValues(
    values,
    migrations.slice(from).reduce((before, migrate) => migrate(before), stored),
  );
  // A value that failed its check is as good as none.
  return { ...soundValues(values, {}), ...read };
}

export function writeDocument<Values extends Record<string, z.ZodType>>(
  { key, migrations }: Document<Values>,
  values: Output<Values>,
): void {
  try {
    localStorage.setItem(key, JSON.stringify({ version: migrations.length, ...values }));
  } catch {
    // Private browsing may refuse; what was chosen then lasts for this visit.
  }
}

const documents = [preferences.key, drafts.key, theme.key] as const;

/** All of the table as this browser holds it, to be taken to another one. */
export const heldTexts = (): Record<string, string | null> =>
  Object.fromEntries(
    documents.map((key) => {
      try {
        return [key, localStorage.getItem(key)];
      } catch {
        return [key, null];
      }
    }),
  );

/** What another browser held takes the place of what is held here; it is checked as it is read. */
export function holdTexts(texts: unknown, keys: readonly string[] = documents): void {
  const given = objectOf(texts);
  try {
    for (const key of keys) {
      const text = given[key];
      if (documents.some((one) => one === key) && typeof text === 'string') localStorage.setItem(key, text);
    }
  } catch {
    // A browser that keeps no choices does without them.
  }
}
