/** What a judge.json says: how any ONNX model that scores pictures is fed and read. The form is docs/judges.md's; its `image.preprocessor` is
 *  transformers' preprocessor_config.json, field by field. */
import { z } from 'zod';
import { isHeadFile, isTestPicture, MOST_TESTS } from '../../data/judgeNames.ts';
import { WinnowError } from '../../shared/errors.ts';
import { isRecord } from '../../shared/json.ts';
import { problemsIn } from '../../shared/problems.ts';

const side = z.int().min(1).max(8192);
const factor = z.number().min(-1e6).max(1e6);
const scale = factor.refine((value) => value !== 0, 'is 0, which makes all scores the same');
const name = z.string().min(1).max(200);
/** A picture and a prompt with the score that the judge is known to give, before it is turned round. */
const known = z.strictObject({
  image: z
    .string()
    .max(200)
    .refine(isTestPicture, 'is no .png, .jpg or .webp file of the folder itself or of its selfTest/'),
  prompt: z.string().max(10_000).default(''),
  score: z.number().min(-1e6).max(1e6),
  tolerance: z.number().min(0).max(1e6).default(0.01),
});

/** Of the folder, never out of it. */
const file = name.refine(
  (path) => !path.split(/[\\/]/).includes('..') && !/^([\\/]|[a-z]:)/i.test(path),
  'leads out of its folder',
);
const image = z.looseObject({
  input: name,
  layout: z.enum(['NCHW', 'NHWC']).default('NCHW'),
  channels: z.enum(['RGB', 'BGR']).default('RGB'),
  dtype: z.enum(['float32', 'float16', 'uint8']).default('float32'),
  preprocessor: z.record(z.string(), z.unknown()),
  resizeIn: z.enum(['uint8', 'float32']).default('uint8'),
  antialias: z.boolean().default(true),
  cropOffset: z.enum(['floor', 'round']).default('floor'),
  pad: z
    .looseObject({
      height: side,
      width: side,
      value: factor.default(0),
      when: z.enum(['beforeNormalize', 'afterNormalize']).default('beforeNormalize'),
    })
    .nullable()
    .default(null),
});

const text = z.looseObject({
  ids: name,
  mask: name.nullable().default(null),
  dtype: z.enum(['int64', 'int32']).default('int64'),
  tokenizer: z.literal('clip', 'is of another kind: Winnow has the tokenizer of CLIP').default('clip'),
  maxLength: z.int().min(3).max(8192).default(77),
  padTo: z.int().min(3).max(8192).nullable().default(null),
  padId: z
    .int()
    .min(0)
    .max(2 ** 31 - 1)
    .optional(),
  prefix: z.string().max(1000).default(''),
});

const score = z.union([
  z.strictObject({
    output: name,
    normalize: z.boolean().default(true),
    head: file.refine(isHeadFile, 'is no .safetensors file with head or mlp in its name'),
  }),
  z.strictObject({
    output: name,
    softmax: z.boolean().default(false),
    weights: z.array(factor).min(1).max(10_000),
  }),
  z.strictObject({ output: name, index: z.int().min(0).max(1_000_000).default(0) }),
  z.strictObject({
    dot: z.tuple([name, name]),
    normalize: z.boolean().default(true),
    scale: scale.default(1),
  }),
]);

const description = z
  .looseObject({
    judge: z.literal(1),
    name: z.string().min(1).max(100).optional(),
    model: file.refine((path) => /\.onnx$/i.test(path), 'is no .onnx file'),
    image,
    text: text.nullable().default(null),
    score,
    higherIsBetter: z.boolean().default(true),
    scale: scale.default(1),
    shift: factor.default(0),
    range: z
      .tuple([factor, factor])
      .refine(([low, high]) => low < high, 'ends before it begins')
      .optional(),
    pairProbability: z.enum(['softmax']).nullable().default(null),
    selfTest: z.array(known).max(MOST_TESTS).default([]),
    purpose: z.string().max(500).optional(),
    weakness: z.string().max(500).optional(),
  })
  .superRefine(({ usesPrompt, text: reads }, context) => {
    if (usesPrompt === true && reads === null)
      context.addIssue({ code: 'custom', path: ['text'], message: 'is missing, and usesPrompt is true' });
  });

export type ImageInput = z.infer<typeof image>;
export type TextInput = z.infer<typeof text>;
export type KnownScore = z.infer<typeof known>;
export type Description = z.infer<typeof description>;

/** Throws BadFile with the field. @param what the file, in messages */
export function parseDescription(value: unknown, what: string): Description {
  if (isRecord(value) && value['command'] !== undefined)
    throw new WinnowError(
      'UnsupportedArchitecture',
      `${what} asks for a program to be run (command), which Winnow does for no judge: a folder of data must not start programs.`,
      'Score the pairs with that program, and take its answers in as labels (winnow label PAIRS --judge FILE), or export the judge to ONNX.',
    );
  const result = description.safeParse(value);
  if (result.success) return result.data;
  throw new WinnowError(
    'BadFile',
    `${what} is not right (${problemsIn(result.error, 'it')}).`,
    'Correct it: docs/judges.md says what it may hold.',
  );
}
