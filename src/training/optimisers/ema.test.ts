/** The average of the trained weights against diffusers' EMAModel (tools/reference-ops/ema.py), in float64. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Graph } from '../../graph/graph.ts';
import { evaluate } from '../../oracle/run.ts';
import { emaDecay } from './ema.ts';

interface Case {
  decay: number;
  start: number[];
  steps: { param: number[]; decay: number; ema: number[] }[];
  decays: { t: number; decay: number }[];
}

const { cases } = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../../tools/reference-ops/ema.json'), 'utf8'),
) as { cases: Case[] };

it.each(cases.map((one) => [one.decay, one] as const))('a decay of %d', (decay, { start, steps, decays }) => {
  for (const { t, decay: expected } of decays) expect(emaDecay(decay, t)).toBeCloseTo(expected, 12);
  const graph = new Graph();
  const average = graph.state('ema', [start.length]);
  const [param, weight] = [graph.input('param', [start.length]), graph.input('ema_weight', [1])];
  graph.node('ema', {}, [average, param, weight]);
  let held = Float64Array.from(start);
  for (const [i, step] of steps.entries()) {
    expect(emaDecay(decay, i + 1)).toBeCloseTo(step.decay, 12);
    const read = evaluate(
      graph,
      new Map([
        [average, held],
        [param, Float64Array.from(step.param)],
        [weight, Float64Array.of(1 - emaDecay(decay, i + 1))],
      ]),
    );
    held = Float64Array.from(read(average));
    for (const [k, value] of step.ema.entries()) expect(held[k]).toBeCloseTo(value, 12);
  }
});
