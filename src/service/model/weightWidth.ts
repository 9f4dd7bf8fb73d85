/** How a component's weights are kept on our own device. */
import type { ParameterDtype } from '../../graph/graph.ts';
import { storedDtypes, type TensorSource } from '../../models/weights.ts';
import { sizeOf } from '../../shared/shape.ts';

/** f32 bytes from which on weights count as many: they are kept as their file has them, and streamed to our kernels instead of being handed to
 *  onnxruntime, which needs a model's whole file in memory, and more than once while it loads. */
const LARGE_BYTES = 128 * 2 ** 20;

export const isLarge = (parameters: number): boolean => 4 * parameters >= LARGE_BYTES;

const parameterCount = (weights: Pick<TensorSource, 'names' | 'shape'>): number =>
  weights.names.reduce((sum, name) => sum + sizeOf(weights.shape(name)!), 0);

/** What LayerOptions.dtypeOf says of a component: half width where the file has it, without loss; f32 where the weights are few, which an
 *  adapter that runs on the CPU reads faster. */
export const keptDtypes = (
  weights: Pick<TensorSource, 'names' | 'shape' | 'half'>,
): ((key: string) => ParameterDtype) => storedDtypes(weights, isLarge(parameterCount(weights)) ? 'stored' : 'f32');

/** The same of a judge: large weights in f32 are rounded to f16, which moves a score by less than the half precision that judges are published
 *  and run in, and halves gigabytes. */
export const judgeDtypes = (
  weights: Pick<TensorSource, 'names' | 'shape' | 'half'>,
): ((key: string) => ParameterDtype) =>
  isLarge(parameterCount(weights)) ? (key) => weights.half?.(key) ?? 'f16' : () => 'f32';
