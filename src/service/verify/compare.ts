/** How far a tensor is from its reference, and whether that is near enough: the rules of tools/reference/README.md. */
import { badCase, type GoldenCase, type Tolerance } from './caseFile.ts';

export type ToleranceClass = 'forward' | 'grad' | 'trajectory';

export interface Row {
  name: string;
  class: ToleranceClass;
  elements: number;
  /** ||out - ref|| / max(||ref||, 1e-30); NaN where the output is NaN. */
  error: number;
  maxAbs: number;
  /** Peak signal to noise of an `image` whose case asks for it, in dB against a range of 1. */
  psnrDb?: number | undefined;
  ok: boolean;
}

export interface CaseResult {
  name: string;
  kind: string;
  rows: Row[];
  /** Expected tensors that the chosen backend cannot compute (onnxruntime has no backward pass). */
  skipped: string[];
  worst: Record<ToleranceClass, number>;
  ok: boolean;
  /** What ran it, and what else the person should know. */
  backend: string;
}

/** grad.* and grad_in.*; what follows a trajectory of steps; the rest is one forward pass. */
export function classOf(name: string): ToleranceClass {
  if (name.startsWith('grad')) return 'grad';
  return /^(step|final|sample)\./.test(name) || name === 'latents' || name === 'image' ? 'trajectory' : 'forward';
}

export interface Comparison {
  tolerance: number;
  /** Integers must be equal. */
  exact?: boolean;
  /** Passes, element by element, within this absolute difference too (logits). */
  slack?: ArrayLike<number> | undefined;
  psnrDb?: number | undefined;
}

/** One tensor against its reference. */
export function compareTensor(
  name: string,
  out: ArrayLike<number>,
  ref: ArrayLike<number>,
  { tolerance, exact = false, slack, psnrDb }: Comparison,
): Row {
  if (out.length !== ref.length)
    throw badCase(`${name}: the engine gives ${out.length} elements, expected.safetensors has ${ref.length}`);
  let difference = 0;
  let norm = 0;
  let maxAbs = 0;
  let withinSlack = slack !== undefined;
  for (let i = 0; i < ref.length; i++) {
    const d = out[i]! - ref[i]!;
    difference += d * d;
    norm += ref[i]! * ref[i]!;
    // Not Math.max alone, which a comparison would drop NaN from.
    maxAbs = Number.isNaN(d) ? NaN : Math.max(maxAbs, Math.abs(d));
    if (slack && !(Math.abs(d) <= slack[i]!)) withinSlack = false;
  }
  const error = Math.sqrt(difference) / Math.max(Math.sqrt(norm), 1e-30);
  const row: Row = { name, class: classOf(name), elements: ref.length, error, maxAbs, ok: false };
  if (psnrDb !== undefined) {
    row.psnrDb = -10 * Math.log10(difference / ref.length);
    row.ok = row.psnrDb >= psnrDb;
  } else if (exact) row.ok = maxAbs === 0;
  else if (norm === 0) {
    row.error = maxAbs;
    row.ok = maxAbs <= 1e-12 || withinSlack;
  } else row.ok = error <= tolerance || withinSlack;
  return row;
}

export const toleranceOf = (name: string, tolerance: Tolerance): number =>
  tolerance.tensors?.[name] ?? tolerance[classOf(name)];

/** What the engine computed, by the names of expected.safetensors. */
export type Outputs = ReadonlyMap<string, ArrayLike<number>>;

export interface OutputRules {
  backend: string;
  /** True for an expected tensor this backend cannot compute. */
  skip?: (name: string) => boolean;
  slack?: (name: string) => Promise<ArrayLike<number> | undefined> | ArrayLike<number> | undefined;
}

/** Compares everything in expected.safetensors. A name that was not computed is an error. */
export async function compareCase(
  golden: GoldenCase,
  outputs: Outputs,
  { backend, skip, slack }: OutputRules,
): Promise<CaseResult> {
  const { expected, tolerance } = golden;
  const rows: Row[] = [];
  const skipped: string[] = [];
  const unknown = expected.names.filter((name) => !outputs.has(name) && !skip?.(name));
  if (unknown.length > 0)
    throw badCase(
      `expected.safetensors holds ${unknown.slice(0, 3).join(', ')}, which a case of kind ${golden.kind} does not have`,
    );
  for (const name of expected.names) {
    const out = outputs.get(name);
    if (!out) {
      skipped.push(name);
      continue;
    }
    rows.push(
      compareTensor(name, out, await expected.read(name), {
        tolerance: toleranceOf(name, tolerance),
        exact: expected.info(name)!.dtype.startsWith('I') || expected.info(name)!.dtype === 'U8',
        slack: await slack?.(name),
        psnrDb: name === 'image' ? tolerance.psnr_db : undefined,
      }),
    );
  }
  // Math.max gives NaN where one is.
  const worst = (wanted: ToleranceClass): number =>
    Math.max(0, ...rows.filter((row) => row.class === wanted && row.psnrDb === undefined).map((row) => row.error));
  return {
    name: golden.name,
    kind: golden.kind,
    rows,
    skipped,
    worst: { forward: worst('forward'), grad: worst('grad'), trajectory: worst('trajectory') },
    ok: rows.length > 0 && rows.every((row) => row.ok),
    backend,
  };
}

const scientific = (x: number): string => (x === 0 ? '0' : x.toExponential(1));

/** One row a tensor, then one line for the case. */
export function formatCase(result: CaseResult): string {
  const cells = result.rows.map((row) => [
    row.name,
    String(row.elements),
    row.psnrDb === undefined ? scientific(row.error) : `${row.psnrDb.toFixed(1)} dB`,
    scientific(row.maxAbs),
    row.ok ? 'ok' : 'FAIL',
  ]);
  const table = [['name', 'elements', 'e', 'max abs', ''], ...cells];
  const widths = table[0]!.map((_, i) => Math.max(...table.map((line) => line[i]!.length)));
  const lines = table.map((line) =>
    line
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join('  ')
      .trimEnd(),
  );
  if (result.skipped.length > 0)
    lines.push(
      `not computed by ${result.backend}: ${result.skipped.length} tensors (${result.skipped.slice(0, 3).join(', ')}${result.skipped.length > 3 ? ', ...' : ''})`,
    );
  const { forward, grad, trajectory } = result.worst;
  lines.push(
    `${result.name}: ${result.rows.length} tensors, worst forward ${scientific(forward)}, worst grad ${scientific(grad)}, worst trajectory ${scientific(trajectory)}: ${result.ok ? 'ok' : 'FAIL'}`,
  );
  return lines.join('\n');
}
