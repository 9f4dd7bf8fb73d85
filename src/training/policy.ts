/** How a model is built with the weights in training: trained tensors are views of flat arenas, adapters stand beside frozen layers. Shared by
 *  the training step and by whoever samples while it trains. */
import type { Graph, Value } from '../graph/graph.ts';
import type { LayerOptions, LoraHook } from '../models/layers.ts';
import type { ArenaLayout } from './arena.ts';

/** lora: scale = alpha / rank, as every module of one adapter has it, or by module path. */
export type TrainMode = { kind: 'full' } | { kind: 'lora'; scaleOf: (modulePath: string) => number };

export interface Policy {
  /** Trained tensors by name. */
  trained: ReadonlyMap<string, Value>;
  options: LayerOptions;
}

/** @param params the layout's arenas, as 1-D states of `graph`.
 *  @param frozen gives what is not trained. */
export function policyOf(
  graph: Graph,
  { layout, mode }: { layout: ArenaLayout; mode: TrainMode },
  params: readonly Value[],
  frozen: NonNullable<LayerOptions['parameter']>,
): Policy {
  const trained = new Map<string, Value>();
  for (const { name, shape, arena, offset } of layout.entries)
    trained.set(name, graph.view(name, params[arena]!, offset, shape));
  if (mode.kind === 'full')
    return { trained, options: { parameter: (name, ...rest) => trained.get(name) ?? frozen(name, ...rest) } };
  const lora: LoraHook = (modulePath) => {
    const down = trained.get(`${modulePath}.lora_down.weight`);
    const up = trained.get(`${modulePath}.lora_up.weight`);
    return down && up && { down, up, scale: mode.scaleOf(modulePath), rank: down.shape[0]! };
  };
  return { trained, options: { parameter: frozen, lora } };
}
