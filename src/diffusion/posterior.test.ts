/** Against diffusers' DiagonalGaussianDistribution (tools/reference/write_posterior.py), on what the `vae` cases say of their pictures. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { openSafetensors } from '../data/formats/safetensors.ts';
import { RandomStream } from '../shared/rng.ts';
import { deviation, drawPosterior, posteriorNoise } from './posterior.ts';
import golden from './posterior.golden.json' with { type: 'json' };

interface Golden {
  case?: string;
  raw?: { mean: number[]; logvar: number[] };
  seed: number;
  scale: number;
  noise: number[];
  sample: number[];
  mode: number[];
}

async function momentsOf({ case: name, raw }: Golden, elements: number): Promise<[Float32Array, Float32Array]> {
  // As the encoder's graph clamps it.
  if (raw) return [Float32Array.from(raw.mean), Float32Array.from(raw.logvar, (x) => Math.min(20, Math.max(-30, x)))];
  const file = `tools/reference/cases/${name}/expected.safetensors`;
  const expected = await openSafetensors(new Uint8Array(readFileSync(file)), file);
  const first = async (tensor: string): Promise<Float32Array> => (await expected.read(tensor)).subarray(0, elements);
  return [await first('mean'), await first('logvar')];
}

/** Of f32, of the largest term: exp may be another by its last bit, and three operations follow. */
const ROUNDING = 2 * 2 ** -24;

it.each(golden as Golden[])('$case, seed $seed: torch draws the same', async (one) => {
  const [mean, logvar] = await momentsOf(one, one.sample.length);
  const std = deviation(logvar);
  const noise = Float32Array.from(one.noise);
  const sample = drawPosterior({ mean, std }, noise, one.scale);
  one.sample.forEach((value, i) => {
    const largest = Math.abs(one.scale) * (Math.abs(mean[i]!) + std[i]! * Math.abs(noise[i]!));
    expect(Math.abs(sample[i]! - value), `element ${i}`).toBeLessThanOrEqual(ROUNDING * largest);
  });
  expect(drawPosterior({ mean, std }, null, one.scale)).toEqual(Float32Array.from(one.mode));
  // A code without a deviation has nothing to draw.
  expect(drawPosterior({ mean }, noise, one.scale)).toEqual(Float32Array.from(one.mode));
});

it('draws by the number of the draw, and apart for winner and loser', () => {
  const noise = posteriorNoise({ seed: 3, draw: 17, side: 'winner' }, 6);
  expect(noise).toEqual(posteriorNoise({ seed: 3, draw: 17, side: 'winner' }, 6));
  expect(noise).toEqual(new RandomStream({ seed: 3, purpose: 'posterior', step: 17, pair: 0 }).normals(6));
  for (const other of [
    { seed: 3, draw: 17, side: 'loser' as const },
    { seed: 3, draw: 18, side: 'winner' as const },
    { seed: 4, draw: 17, side: 'winner' as const },
  ])
    expect(posteriorNoise(other, 6)).not.toEqual(noise);
});
