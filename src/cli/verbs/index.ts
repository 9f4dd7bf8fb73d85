/** The verbs, in the order of the loop. */
import type { Verb } from '../verb.ts';
import { bench } from './bench.ts';
import { download } from './download.ts';
import { evaluate } from './evaluate.ts';
import { exportVerb } from './export.ts';
import { generate } from './generate.ts';
import { handoff } from './handoff.ts';
import { importVerb } from './import.ts';
import { label } from './label.ts';
import { pairs } from './pairs.ts';
import { plan } from './plan.ts';
import { raters } from './raters.ts';
import { round } from './round.ts';
import { score } from './score.ts';
import { train } from './train.ts';
import { verify } from './verify.ts';

export const verbs: readonly Verb[] = [
  generate,
  pairs,
  importVerb,
  label,
  raters,
  score,
  train,
  evaluate,
  round,
  exportVerb,
  handoff,
  download,
  plan,
  verify,
  bench,
];
