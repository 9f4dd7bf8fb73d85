import { expect, it } from 'vitest';
import golden from '../../diffusion/guidance.golden.json' with { type: 'json' };
import { guidanceScaleEmbedding } from './conditioning.ts';

// Written by tools/reference/write_guidance.py.
it.each(golden.embeddings)(
  'the embedding of scale $guidanceScale, $width wide, is that of diffusers',
  ({ guidanceScale, width, values }) => {
    const out = guidanceScaleEmbedding(guidanceScale - 1, width);
    expect(out.length).toBe(values.length);
    const norm = (numbers: readonly number[]): number => Math.sqrt(numbers.reduce((sum, v) => sum + v * v, 0));
    // torch's exp may be off by one unit in the last place (here 1 of 128 is): with angles up to 7500 rad, 5e-4 of one sine.
    expect(norm(values.map((v, i) => v - out[i]!)) / norm(values)).toBeLessThan(1e-4);
  },
);
