/** Bakes shapes and switches into a WGSL file: replaces the right-hand side of its `const NAME = …;` lines. What a kernel takes as data
 *  (kernels/dispatch.ts `data`) becomes a uniform of that name instead, so that one pipeline serves every shape.
 *
 *  A kernel's file has defaults of its own, with which it compiles beside its shared pieces; the type of a constant is the one its line declares. */
import { assert } from '../shared/assert.ts';
import type { Dispatch, KernelSource } from './kernels/dispatch.ts';
import { closingBrace } from './kernels/unroll.ts';

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

/** The module of a dispatch: its constants baked in, its data in a uniform bound behind its operands. */
export function moduleOf({ kernel, constants, reads, writes }: Dispatch): string {
  const { data = [] } = kernel;
  const baked = Object.entries(constants).filter(([name]) => !data.includes(name));
  const code = specialize(kernel, Object.fromEntries(baked));
  return data.length > 0 ? withUniform({ ...kernel, code }, data, reads.length + writes.length) : code;
}

/** What the uniform of a dispatch holds; null where its kernel takes no data. */
export function dataOf({ kernel, constants }: Pick<Dispatch, 'kernel' | 'constants'>): Uint32Array<ArrayBuffer> | null {
  const { data = [] } = kernel;
  if (data.length === 0) return null;
  const words = new DataView(new ArrayBuffer(4 * data.length));
  data.forEach((name, i) => {
    const { type, text } = declared(kernel, name);
    const value = constants[name] ?? Number.parseFloat(text);
    literal(value, type, `${kernel.name}.${name}`); // refuses what does not fit
    if (type === 'f32') words.setFloat32(4 * i, value as number, true);
    else words.setUint32(4 * i, value as number, true);
  });
  return new Uint32Array(words.buffer);
}

/** Type and default of a constant that may be data. */
function declared(kernel: KernelSource, name: string): { type: string; text: string } {
  const match = line(name).exec(kernel.code);
  assert(match, `${kernel.name}.wgsl has no line \`const ${name} = …;\``);
  const [, , declaredType, text] = match;
  const type = declaredType ?? typeOfLiteral(text!);
  assert(['u32', 'i32', 'f32'].includes(type), `${kernel.name}.${name} is a ${type}, which is no data`);
  return { type, text: text! };
}

/** `main` reads every number once, and by its own name; the functions around it read the uniform. A private variable would not do: barriers may not
 *  depend on one. Constants that are computed from data are computed there, too. */
function withUniform(kernel: KernelSource, data: readonly string[], binding: number): string {
  const members = data.map((name) => `${name}: ${declared(kernel, name).type}`);
  /** Name → what stands for it outside `main`. */
  const outside = new Map(data.map((name) => [name, `shape.${name}`]));
  const replaced = (text: string): string => text.replace(/\b[A-Z]\w*\b/g, (word) => outside.get(word) ?? word);
  const lets = data.map((name) => `let ${name} = shape.${name};`);
  const code = kernel.code.replace(/^const (\w+)[^=\n]*=\s*([^;]+);/gm, (whole, name: string, value: string) => {
    if (outside.has(name)) return '';
    const computed = replaced(value);
    if (computed === value) return whole;
    outside.set(name, `(${computed})`);
    lets.push(`let ${name} = ${value};`);
    return '';
  });
  const head = /fn main\([^{]*\{/.exec(code);
  assert(head, `${kernel.name}.wgsl has no main`);
  const start = head.index + head[0].length;
  const end = closingBrace(code, start);
  return [
    `${replaced(code.slice(0, start))} ${lets.join(' ')}${code.slice(start, end)}${replaced(code.slice(end))}`,
    `struct Shape { ${members.join(', ')} }`,
    `@group(0) @binding(${binding}) var<uniform> shape: Shape;`,
  ].join('\n');
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
