/** Which pairs, timesteps, noises and dropped prompts a step draws. Counter-based: keyed by the run's seed and the draw's number alone, so
 *  pause, resume and micro-batch size do not change a draw. One timestep and one noise serve both images of a pair. */
import { RandomStream } from '../shared/rng.ts';

export interface Draw {
  /** Index into the run's pairs. */
  pair: number;
  /** Integer in [min, max). */
  timestep: number;
  /** [C * H * W] standard normal, shared by winner and loser. */
  noise: Float32Array;
  /** The prompt is replaced by the empty one. */
  dropPrompt: boolean;
}

export interface DrawSettings {
  seed: number;
  pairs: number;
  elements: number;
  timestepRange: readonly [number, number];
  promptDropout: number;
}

/** The n-th draw of a run (n = (step * accumulation + micro-batch) * pairsPerStep + slot). Every epoch is a fresh shuffle of the pairs. */
export function drawNumber(
  n: number,
  { seed, pairs, elements, timestepRange: [min, max], promptDropout }: DrawSettings,
): Draw {
  const order = new RandomStream({ seed, purpose: 'pairOrder', step: Math.floor(n / pairs) }).shuffled(
    Array.from({ length: pairs }, (_, i) => i),
  );
  return {
    pair: order[n % pairs]!,
    timestep: new RandomStream({ seed, purpose: 'timestep', step: n }).int(min, max),
    noise: new RandomStream({ seed, purpose: 'noise', step: n }).normals(elements),
    dropPrompt: new RandomStream({ seed, purpose: 'promptDropout', step: n }).uniform() < promptDropout,
  };
}
