/** LAION's aesthetic predictors: a head on CLIP's image embedding, L2-normalised. v1 is one linear layer, v2 ("improved") five, whose published
 *  weights have no activations between them; a second set of v2 has ReLUs, and layers numbered accordingly.
 *  christophschuhmann/improved-aesthetic-predictor */
import type { TensorSource } from '../../models/weights.ts';
import { WinnowError } from '../../shared/errors.ts';

/** Of a list of layers: which entries of torch's Sequential are linear ones, and what lies between them. */
const shapes: readonly { indices: readonly number[]; relu: boolean }[] = [
  { indices: [0], relu: false },
  { indices: [0, 2, 4, 6, 7], relu: false },
  { indices: [0, 3, 6, 9, 11], relu: true },
];

/** Keys of published heads, in files of their own and beside a vision tower. */
const ALONE = /^(?:(?:mlp|model|predictor|head|linear|layers)\.)*(?:(\d+)\.)?(weight|bias)$/;
const BESIDE = /^(?:(?:mlp\.)?layers\.(\d+)|mlp\.(\d+)|predictor|aesthetic_head)\.(weight|bias)$/;

/** The tensors of a file's head under `N.weight` and `N.bias`, or undefined where it has none.
 *  @param alone whether the file holds nothing else. */
export function headTensors(source: TensorSource, alone = false): TensorSource | undefined {
  const names = new Map<string, string>();
  for (const name of source.names) {
    const found = (alone ? ALONE : BESIDE).exec(name);
    if (found) names.set(`${found.slice(1, -1).find((index) => index !== undefined) ?? 0}.${found.at(-1)}`, name);
  }
  if (names.size === 0) return undefined;
  return {
    names: [...names.keys()],
    shape: (name) => source.shape(names.get(name) ?? ''),
    read: (name) => source.read(names.get(name) ?? name),
  };
}

/** Embedding [P], of length 1 → score. */
export type AestheticHead = (embedding: ArrayLike<number>) => number;

/** Rejects with UnsupportedArchitecture for layers of no published head, WrongShape for those that do not follow one another from [width].
 *  @param words what it is called, and what to do where it does not follow. */
export async function openHead(
  source: TensorSource,
  width: number,
  { what, remedy } = {
    what: 'The aesthetic head',
    remedy: 'Take the head that was made for this vision tower: ViT-L/14 gives 768 numbers, ViT-B 512.',
  },
): Promise<AestheticHead> {
  const indices = [...new Set(source.names.map((name) => Number(name.split('.')[0])))].toSorted((a, b) => a - b);
  const found = shapes.find((shape) => shape.indices.join() === indices.join());
  if (!found)
    throw new WinnowError(
      'UnsupportedArchitecture',
      `${what} has layers ${indices.join(', ')}.`,
      `Choose one of LAION's: ${shapes.map((shape) => shape.indices.join(', ')).join('; ')}.`,
    );
  const layers: { weight: Float32Array; bias: Float32Array | undefined; inputs: number; outputs: number }[] = [];
  let inputs = width;
  for (const index of found.indices) {
    const [weight, bias] = [`${index}.weight`, `${index}.bias`];
    const shape = source.shape(weight) ?? [];
    const outputs = shape[0] ?? 0;
    const last = index === indices.at(-1);
    if (shape.length !== 2 || shape[1] !== inputs || (last && outputs !== 1))
      throw new WinnowError(
        'WrongShape',
        `${what} has layer ${index} of shape [${shape.join(', ')}]; it should be [${last ? 1 : '…'}, ${inputs}].`,
        remedy,
      );
    layers.push({
      weight: await source.read(weight),
      bias: source.shape(bias) && (await source.read(bias)),
      inputs,
      outputs,
    });
    inputs = outputs;
  }
  return (embedding) => {
    let x: ArrayLike<number> = embedding;
    layers.forEach(({ weight, bias, inputs: size, outputs }, i) => {
      const from = x;
      const relu = found.relu && i < layers.length - 1;
      x = Float64Array.from({ length: outputs }, (_, row) => {
        let sum = bias?.[row] ?? 0;
        for (let k = 0; k < size; k++) sum += weight[row * size + k]! * from[k]!;
        return relu ? Math.max(0, sum) : sum;
      });
    });
    return x[0]!;
  };
}
