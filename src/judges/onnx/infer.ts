/** How a model without a judge.json is fed and read: by the names of its graph's inputs and outputs, as transformers and optimum export them, and by
 *  the preprocessing that lies beside it. What could be meant in two ways is refused. */
import type { OnnxHeader, OnnxPort } from '../../data/formats/onnxHeader.ts';
import { WinnowError } from '../../shared/errors.ts';
import { isRecord } from '../../shared/json.ts';
import { type Description, parseDescription } from './description.ts';

const describe = 'Describe the judge in a judge.json beside it (docs/judges.md).';
const listed = (ports: readonly { name: string }[]): string =>
  ports.length > 0
    ? ports
        .slice(0, 8)
        .map(({ name }) => name)
        .join(', ')
    : 'none';

/** @param model the file's path in its folder. @param config preprocessor_config.json, or timm's config. Throws BadFile. */
export function inferred(model: string, { inputs, outputs }: OnnxHeader, config: Record<string, unknown>): Description {
  const refuse = (what: string): never => {
    throw new WinnowError('BadFile', `${model} ${what}.`, describe);
  };
  const pictures = inputs.filter(({ dims }) => dims.length === 4);
  const [picture] = pictures;
  if (!picture || pictures.length > 1)
    refuse(`has ${pictures.length} inputs that could be a picture (${listed(inputs)})`);
  const known = [picture!.name, 'input_ids', 'attention_mask'];
  const others = inputs.filter(({ name }) => !known.includes(name));
  if (others.length > 0) refuse(`wants inputs that nobody describes (${listed(others)})`);
  const port = (name: string): OnnxPort | undefined => inputs.find((input) => input.name === name);
  const ids = port('input_ids');
  const { type } = picture!;
  if (type !== 'float32' && type !== 'float16' && type !== 'uint8') refuse(`takes pictures as ${type}`);
  return parseDescription(
    {
      judge: 1,
      model,
      image: {
        input: picture!.name,
        layout: layoutOf(picture!),
        dtype: type,
        ...preprocessing(config),
      },
      text: ids
        ? {
            ids: ids.name,
            mask: port('attention_mask')?.name ?? null,
            dtype: ids.type === 'int32' ? 'int32' : 'int64',
            maxLength: ids.dims[1] ?? 77,
            padTo: ids.dims[1] ?? null,
          }
        : null,
      score: scoreOf(outputs, refuse),
    },
    model,
  );
}

const layoutOf = ({ dims }: OnnxPort): 'NCHW' | 'NHWC' => (dims[3] === 3 && dims[1] !== 3 ? 'NHWC' : 'NCHW');

function scoreOf(outputs: readonly OnnxPort[], refuse: (what: string) => never): Description['score'] {
  const named = outputs.find(({ name }) => name === 'logits_per_image');
  if (named) return { output: named.name, index: 0 };
  // Of one picture, one number.
  const single = outputs.filter(({ dims }) => dims.every((size, i) => size === 1 || (i === 0 && size === null)));
  const [only, ...more] = single;
  if (!only || more.length > 0)
    refuse(
      only
        ? `has several outputs that could be the score (${listed(single)})`
        : `has no output that is one number (${listed(outputs)})`,
    );
  return { output: only!.name, index: 0 };
}

const resampling: Readonly<Record<string, number>> = { nearest: 0, lanczos: 1, bilinear: 2, bicubic: 3 };

/** In transformers' words, whoever said it: timm's config.json has a `pretrained_cfg`, or is that alone. */
function preprocessing(config: Record<string, unknown>): {
  preprocessor: Record<string, unknown>;
  cropOffset: 'floor' | 'round';
} {
  const timm = isRecord(config['pretrained_cfg']) ? config['pretrained_cfg'] : config;
  if (!Array.isArray(timm['input_size'])) return { preprocessor: config, cropOffset: 'floor' };
  const [, height, width] = timm['input_size'] as unknown[];
  const { crop_pct: part = 0.875, crop_mode: mode = 'center', interpolation = 'bilinear' } = timm;
  const target = Math.floor(Number(height) / Number(part));
  return {
    preprocessor: {
      size: mode === 'squash' ? { height: target, width: target } : { shortest_edge: target },
      resample: resampling[String(interpolation)],
      crop_size: { height, width },
      image_mean: timm['mean'],
      image_std: timm['std'],
    },
    // torchvision's.
    cropOffset: 'round',
  };
}
