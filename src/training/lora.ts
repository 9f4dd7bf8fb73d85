/** Low-rank adapters (LoRA, arXiv 2106.09685) as trained tensors: which there are, how they start, how they merge into weights. */
import type { LoraTarget } from '../models/sd/unet.ts';
import type { TensorSource } from '../models/weights.ts';
import type { LoraModule } from '../shared/lora.ts';
import { RandomStream } from '../shared/rng.ts';
import { type Shape, sizeOf } from '../shared/shape.ts';

/** Adapters by module path. */
export type LoraWeights = ReadonlyMap<string, LoraModule>;

/** Trained tensors of an adapter of one rank, in the order of its targets: `<path>.lora_down.weight`, `<path>.lora_up.weight`. */
export function loraTensors(targets: readonly LoraTarget[], rank: number): { name: string; shape: Shape }[] {
  return targets.flatMap(({ path, weightShape: [out, ...rest] }) => [
    { name: `${path}.lora_down.weight`, shape: [rank, ...rest] },
    { name: `${path}.lora_up.weight`, shape: [out!, rank, ...rest.slice(1).map(() => 1)] },
  ]);
}

/** down ~ N(0, 1 / rank), up = 0 (PEFT's init_lora_weights="gaussian", which diffusers' scripts use): the adapter starts as the identity.
 *  Keyed by (seed, name's place in the list). */
export function initialLora(
  tensors: readonly { name: string; shape: Shape }[],
  rank: number,
  seed: number,
): Map<string, Float32Array> {
  return new Map(
    tensors.map(({ name, shape }, index) => {
      if (!name.endsWith('.lora_down.weight')) return [name, new Float32Array(sizeOf(shape))];
      const stream = new RandomStream({ seed, purpose: 'loraInit', pair: index });
      return [name, stream.normals(sizeOf(shape)).map((x) => x / rank)];
    }),
  );
}

/** Modules from tensors named as in loraTensors. */
export function loraModules(
  tensors: ReadonlyMap<string, Float32Array>,
  rank: number,
  alpha: number,
): Map<string, LoraModule> {
  const modules = new Map<string, LoraModule>();
  for (const [name, down] of tensors) {
    if (!name.endsWith('.lora_down.weight')) continue;
    const path = name.slice(0, -'.lora_down.weight'.length);
    modules.set(path, { down, up: tensors.get(`${path}.lora_up.weight`)!, rank, alpha });
  }
  return modules;
}

/** The weights with adapters merged, each at its strength: W + sum strength (alpha / rank) up down, in f64, rounded once to f32. */
export function withLora(
  source: TensorSource,
  adapters: readonly { lora: LoraWeights; strength: number }[],
): TensorSource {
  const active = adapters.filter(({ strength }) => strength !== 0);
  if (active.length === 0) return source;
  const layersOf = (name: string): { module: LoraModule; strength: number }[] => {
    const path = name.endsWith('.weight') ? name.slice(0, -'.weight'.length) : '';
    return active.flatMap(({ lora, strength }) => {
      const module = lora.get(path);
      return module ? [{ module, strength }] : [];
    });
  };
  const { half, readHalf } = source;
  return {
    names: source.names,
    shape: (name) => source.shape(name),
    // What no adapter touches stays as it is stored.
    ...(half &&
      readHalf && {
        half: (name: string) => (layersOf(name).length > 0 ? undefined : half.call(source, name)),
        readHalf: (name: string) => readHalf.call(source, name),
      }),
    async read(name) {
      const base = await source.read(name);
      const layers = layersOf(name);
      if (layers.length === 0) return base;
      const sum = Float64Array.from(base);
      for (const { module, strength } of layers) addProduct(sum, module, strength);
      return Float32Array.from(sum);
    },
  };
}

function addProduct(weight: Float64Array, { down, up, rank, alpha }: LoraModule, strength: number): void {
  const out = up.length / rank;
  const width = down.length / rank;
  const scale = (strength * alpha) / rank;
  for (let o = 0; o < out; o++) {
    for (let r = 0; r < rank; r++) {
      const factor = scale * up[o * rank + r]!;
      if (factor === 0) continue;
      for (let i = 0; i < width; i++) weight[o * width + i] = weight[o * width + i]! + factor * down[r * width + i]!;
    }
  }
}
