/** A LoRA that runs beside its layers, as frozen parameters of a graph. */
import type { LoraSite } from '../../data/formats/lora.ts';
import type { Graph, Value } from '../../graph/graph.ts';
import type { LoraHook } from '../../models/layers.ts';
import type { TensorSource } from '../../models/weights.ts';
import type { LoraModule } from '../../shared/lora.ts';
import type { Shape } from '../../shared/shape.ts';

export interface AdapterBeside {
  hook: LoraHook;
  /** Its tensors, under the names of the graph's parameters: `<name>.lora_down.weight`, `<name>.lora_up.weight`. */
  source: TensorSource;
}

/** @param nameOf what a module's parameters are called; its path if left out. */
export function adapterBeside(
  graph: Graph,
  modules: ReadonlyMap<string, LoraModule>,
  sites: readonly LoraSite[],
  nameOf: (path: string) => string = (path) => path,
): AdapterBeside {
  const tensors = new Map<string, { shape: Shape; data: Float32Array }>();
  const values = new Map<string, { down: Value; up: Value; module: LoraModule }>();
  for (const { path, weightShape } of sites) {
    const module = modules.get(path);
    if (!module) continue;
    const [out, ...rest] = weightShape;
    const put = (part: 'down' | 'up', shape: Shape): Value => {
      const name = `${nameOf(path)}.lora_${part}.weight`;
      tensors.set(name, { shape, data: module[part] });
      return graph.parameter(name, shape);
    };
    values.set(path, {
      down: put('down', [module.rank, ...rest]),
      up: put('up', [out!, module.rank, ...rest.slice(1).map(() => 1)]),
      module,
    });
  }
  return {
    hook: (path) => {
      const found = values.get(path);
      return (
        found && {
          down: found.down,
          up: found.up,
          scale: found.module.alpha / found.module.rank,
          rank: found.module.rank,
        }
      );
    },
    source: {
      names: [...tensors.keys()],
      shape: (name) => tensors.get(name)?.shape,
      read: async (name) => tensors.get(name)!.data,
    },
  };
}

/** Tensors of two sources, the first of which may have any that the second has not. */
export function both(first: TensorSource, second: TensorSource): TensorSource {
  const home = (name: string): TensorSource => (second.shape(name) ? second : first);
  const { half, readHalf } = first;
  return {
    names: [...first.names, ...second.names],
    shape: (name) => home(name).shape(name),
    read: (name) => home(name).read(name),
    ...(half &&
      readHalf && {
        half: (name: string) => half.call(first, name),
        readHalf: (name: string) => readHalf.call(first, name),
      }),
  };
}
