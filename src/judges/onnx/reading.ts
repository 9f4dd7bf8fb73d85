/** A score from what a model gives for one picture. */
import { WinnowError } from '../../shared/errors.ts';
import type { AestheticHead } from '../clip/aestheticHead.ts';
import type { Description } from './description.ts';

/** On an embedding of so many numbers. */
export interface Head {
  score: AestheticHead;
  width: number;
}

export type Outputs = Readonly<Record<string, Float32Array>>;

/** Of the model's outputs, those that the score is made of. */
export const outputsRead = ({ score }: Pick<Description, 'score'>): string[] =>
  'dot' in score ? [...score.dot] : [score.output];

/** As its makers print it: not turned round yet where lower is better. Throws BadFile where the model gives something else than was described.
 *  @param head where the score is a head's */
export function scoreOf(
  { score, scale, shift }: Pick<Description, 'score' | 'scale' | 'shift'>,
  outputs: Outputs,
  model: string,
  head?: Head,
): number {
  return rawScore(score, outputs, model, head) * scale + shift;
}

function rawScore(score: Description['score'], outputs: Outputs, model: string, head: Head | undefined): number {
  const bad = (what: string): WinnowError =>
    new WinnowError('BadFile', `${model} ${what}.`, 'Correct judge.json, or take another export of the model.');
  if ('dot' in score) {
    const [a, b] = score.dot.map((name) => outputs[name]!) as [Float32Array, Float32Array];
    if (a.length !== b.length)
      throw bad(`gives ${a.length} numbers as ${score.dot[0]} and ${b.length} as ${score.dot[1]}`);
    const length = (values: Float32Array): number => (score.normalize ? Math.hypot(...values) : 1);
    return (score.scale * a.reduce((sum, value, i) => sum + value * b[i]!, 0)) / (length(a) * length(b));
  }
  const values = outputs[score.output]!;
  if ('head' in score) {
    if (values.length !== head!.width)
      throw bad(`gives ${values.length} numbers as ${score.output}, and its head reads ${head!.width}`);
    const length = score.normalize ? Math.max(Math.hypot(...values), 1e-12) : 1;
    return head!.score(Float64Array.from(values, (value) => value / length));
  }
  if ('weights' in score) {
    if (values.length !== score.weights.length)
      throw bad(`gives ${values.length} numbers as ${score.output}, and the judge weighs ${score.weights.length}`);
    const shares = score.softmax ? softmax(values) : Array.from(values);
    return shares.reduce((sum, share, i) => sum + share * score.weights[i]!, 0);
  }
  const value = values[score.index];
  if (value === undefined)
    throw bad(`gives ${values.length} numbers as ${score.output}, and the judge reads number ${score.index}`);
  return value;
}

function softmax(values: Float32Array): number[] {
  const most = values.reduce((a, b) => Math.max(a, b), -Infinity);
  const parts = Array.from(values, (value) => Math.exp(value - most));
  const sum = parts.reduce((a, b) => a + b, 0);
  return parts.map((part) => part / sum);
}
