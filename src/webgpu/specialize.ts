/** Bakes shapes and switches into a WGSL file: replaces the right-hand side of its `const NAME = …;` lines.
 *
 *  A kernel's file has defaults of its own, with which it compiles beside its shared pieces; the type of a constant is the one its line declares. */
import { assert } from '../shared/assert.ts';
import type { KernelSource } from './kernels/dispatch.ts';

/** `const ROWS: u32 = 8;`, `const ROWS = 8u;`, `const EPS: f32 = 1e-5;`, `const SILU = false;` */
const line = (name: string): RegExp => new RegExp(`^(const ${name}\\s*(?::\\s*(\\w+)\\s*)?=\\s*)([^;]+);`, 'm');

/** The kernel's code with every named constant replaced; throws if the file declares no such constant. */
export function specialize(kernel: KernelSource, constants: Readonly<Record<string, number | boolean>>): string {
  let code = kernel.code;
  for (const [name, value] of Object.entries(constants)) {
    const match = line(name).exec(code);
    assert(match, `${kernel.name}.wgsl has no line \`const ${name} = …;\``);
    const [whole, head, type, previous] = match;
    const text = literal(value, type ?? typeOfLiteral(previous!), `${kernel.name}.${name}`);
    code = code.slice(0, match.index) + `${head}${text};` + code.slice(match.index + whole.length);
  }
  return code;
}

function typeOfLiteral(text: string): string {
  const trimmed = text.trim();
  if (trimmed === 'true' || trimmed === 'false') return 'bool';
  const suffix = /[uif]$/.exec(trimmed)?.[0];
  if (suffix === 'u' || suffix === 'i') return `${suffix}32`;
  return suffix === 'f' || /[.e]/.test(trimmed) ? 'f32' : 'int';
}

function literal(value: number | boolean, type: string, name: string): string {
  assert((typeof value === 'boolean') === (type === 'bool'), `${name} is a ${type}, got ${value}`);
  if (typeof value === 'boolean') return String(value);
  if (type === 'f32') {
    assert(Number.isFinite(Math.fround(value)), `${name}: ${value} is no finite f32`);
    // A value with more digits than f32 holds is rounded here, once, so that host and shader agree on it.
    return `f32(${Math.fround(value)})`;
  }
  assert(Number.isSafeInteger(value), `${name} is a ${type}, got ${value}`);
  assert(type !== 'u32' || value >= 0, `${name} is a u32, got ${value}`);
  return type === 'u32' ? `${value}u` : type === 'i32' ? `${value}i` : String(value);
}
