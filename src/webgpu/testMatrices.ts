/** For tests: subgroup matrices on devices that have none, in the WGSL that all have. */
import { assert } from '../shared/assert.ts';
import { MATRIX_FEATURE } from '../shared/subgroupMatrices.ts';
import type { EngineDevice } from './device.ts';

/** The same module with matrices of 8 x 8 spread by hand over subgroups of four or eight: an invocation keeps two rows, or one. */
export function spreadByHand(code: string, size: number): string {
  assert(size === 4 || size === 8, `subgroups of ${size}`);
  const calls = new Map<string, string>();
  const own = 8 / size;
  const rows = Array.from({ length: own }, (_, r) => r);
  /** With no loop that a compiler would have to see through: whatever is said of each own element, where it lies. */
  const each = (major: string, body: (own: string, at: string) => string): string =>
    rows
      .flatMap((r) =>
        Array.from({ length: 8 }, (_, column) => {
          const row = `(${own}u * lane + ${r}u)`;
          const at = major === 'row_major' ? `stride * ${row} + ${column}u` : `stride * ${column}u + ${row}`;
          return body(`matrix.own[${2 * r + Math.floor(column / 4)}][${column % 4}]`, `at + ${at}`);
        }),
      )
      .join(' ');
  const call = (kind: 'load' | 'store', array: string, major: string): string => {
    const name = `${kind}_${array}_${major}`;
    const text =
      kind === 'load'
        ? `fn ${name}(at: u32, stride: u32) -> Matrix { var matrix: Matrix; ${each(major, (own, at) => `${own} = ${array}[${at}];`)} return matrix; }`
        : `fn ${name}(at: u32, matrix: Matrix, stride: u32) { ${each(major, (own, at) => `${array}[${at}] = ${own};`)} }`;
    calls.set(name, text);
    return name;
  };
  const spread = code
    .replace('enable chromium_experimental_subgroup_matrix;\n', '')
    .replace(/subgroup_matrix_(left|right|result)<f32, 8, 8>/g, 'Matrix')
    .replace(
      /subgroupMatrixLoad<\w+, (\w+)>\(&(\w+), /g,
      (_, major: string, array: string) => `${call('load', array, major)}(`,
    )
    .replace(
      /subgroupMatrixStore<(\w+)>\(&(\w+), /g,
      (_, major: string, array: string) => `${call('store', array, major)}(`,
    )
    .replaceAll('subgroupMatrixMultiplyAccumulate(', 'multiplied(')
    .replace(/(fn main\([^{]*)\) \{/, '$1, @builtin(subgroup_invocation_id) own_lane: u32) { lane = own_lane;');
  assert(!/subgroup_?matrix/i.test(spread), 'what else a subgroup matrix can do is not known here');
  const terms = Array.from({ length: 8 }, (_, k) =>
    [0, 1].map((four) => {
      const right = `subgroupBroadcast(right.own[${2 * (k % own) + four}], ${Math.floor(k / own)}u)`;
      return `{ let of_all = ${right}; ${rows.map((r) => `sums.own[${2 * r + four}] += left.own[${2 * r + Math.floor(k / 4)}][${k % 4}] * of_all;`).join(' ')} }`;
    }),
  );
  return [
    spread,
    `struct Matrix { own: array<vec4f, ${2 * own}> }`,
    'var<private> lane: u32;',
    `fn multiplied(left: Matrix, right: Matrix, before: Matrix) -> Matrix { var sums = before; ${terms.flat().join(' ')} return sums; }`,
    ...calls.values(),
  ].join('\n');
}

/** A device that says it has subgroup matrices, and rewrites the modules with them before it compiles them. */
export function rewriting(engine: EngineDevice, rewritten: (code: string) => string): EngineDevice {
  const device = new Proxy(engine.device, {
    get(of, key) {
      if (key === 'features') return new Set([...of.features, MATRIX_FEATURE]);
      if (key === 'createShaderModule')
        return (descriptor: GPUShaderModuleDescriptor) => {
          const { code } = descriptor;
          const has = code.includes('enable chromium_experimental_subgroup_matrix;');
          return of.createShaderModule(has ? { ...descriptor, code: rewritten(code) } : descriptor);
        };
      const member: unknown = Reflect.get(of, key, of);
      return typeof member === 'function' ? member.bind(of) : member;
    },
  });
  return new Proxy(engine, { get: (of, key) => (key === 'device' ? device : Reflect.get(of, key, of)) });
}
