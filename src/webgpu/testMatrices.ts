/** For tests: subgroup matrices on devices that have none, in the WGSL that all have. */
import { assert } from '../shared/assert.ts';
import { type HalfMatrix, MATRIX_FEATURE } from '../shared/subgroupMatrices.ts';
import type { EngineDevice } from './device.ts';

/** The same module with matrices spread by hand over subgroups of four or eight: an invocation keeps whole rows, each in fours. Halves are whole numbers
 *  then, which every device has. */
export function spreadByHand(code: string, size: number): string {
  assert(size === 4 || size === 8, `subgroups of ${size}`);
  const { M, N, K } = Object.fromEntries(
    [...code.matchAll(/^const ([MNK]) = (\d+)u;$/gm)].map(([, name, value]) => [name!, Number(value)]),
  ) as Record<'M' | 'N' | 'K', number>;
  const shapes = { Left: [M, K], Right: [K, N], Sums: [M, N] } as const;
  const functions = new Map<string, string>();
  const count = (length: number): number[] => Array.from({ length }, (_, i) => i);
  /** Whatever is said of each own element, and of where it lies; with no loop that a compiler would have to see through. */
  const each = (
    { type, major, inFours }: { type: keyof typeof shapes; major: string; inFours: boolean },
    said: (own: string, at: string) => string,
  ): string => {
    const [rows, columns] = shapes[type];
    return count(rows / size)
      .flatMap((r) =>
        count(columns).map((column) => {
          const row = `(${rows / size}u * lane + ${r}u)`;
          const [line, place] = major === 'row_major' ? [row, `${column}u`] : [`${column}u`, row];
          // What is kept in fours is counted in fours.
          const at = inFours
            ? `[at + stride * ${line} + ${place} / 4u][${place} % 4u]`
            : `[at + stride * ${line} + ${place}]`;
          return said(`matrix.own[${(columns / 4) * r + Math.floor(column / 4)}][${column % 4}]`, at);
        }),
      )
      .join(' ');
  };
  const load = (type: string, major: string, array: string): string => {
    const name = `load_${type}_${array}_${major}`;
    const inFours = code.includes('alias Kept = vec4h;');
    const body = each({ type: type as keyof typeof shapes, major, inFours }, (own, at) => `${own} = ${array}${at};`);
    functions.set(name, `fn ${name}(at: u32, stride: u32) -> ${type} { var matrix: ${type}; ${body} return matrix; }`);
    return name;
  };
  const store = (major: string, array: string): string => {
    const name = `store_${array}_${major}`;
    const body = each({ type: 'Sums', major, inFours: false }, (own, at) => `${array}${at} = ${own};`);
    functions.set(name, `fn ${name}(at: u32, matrix: Sums, stride: u32) { ${body} }`);
    return name;
  };
  const spread = code
    .replace(/^(enable chromium_experimental_subgroup_matrix|enable f16|diagnostic\(.*\));$/gm, '')
    .replace(/^alias (Left|Right|Sums) = subgroup_matrix_.*$/gm, (_, type: keyof typeof shapes) => {
      const [rows, columns] = shapes[type];
      return `struct ${type} { own: array<vec4f, ${(rows / size) * (columns / 4)}> }`;
    })
    .replace(
      /subgroupMatrixLoad<(\w+), (\w+)>\(&(\w+), /g,
      (_, type: string, major: string, array: string) => `${load(type, major, array)}(`,
    )
    .replace(/subgroupMatrixStore<(\w+)>\(&(\w+), /g, (_, major: string, array: string) => `${store(major, array)}(`)
    .replaceAll('subgroupMatrixMultiplyAccumulate(', 'multiplied(')
    .replaceAll('subgroupMatrixScalarMultiply(', 'scaled(')
    .replaceAll(/\bf16\b/g, 'f32')
    .replaceAll(/\bvec4h\b/g, 'vec4f')
    .replace(/^(enable subgroup_size_control;|@subgroup_size\(32\))$/gm, '')
    .replace(/(fn main\([^{]*)\) \{/, '$1, @builtin(subgroup_invocation_id) own_lane: u32) { lane = own_lane;');
  assert(!/subgroup_?matrix/i.test(spread), 'what else a subgroup matrix can do is not known here');
  const [fours, ownRows] = [N / 4, M / size];
  const terms = count(K).flatMap((k) =>
    count(fours).map((four) => {
      const right = `subgroupBroadcast(right.own[${fours * (k % (K / size)) + four}], ${Math.floor(k / (K / size))}u)`;
      const sums = count(ownRows).map(
        (r) => `sums.own[${fours * r + four}] += left.own[${(K / 4) * r + Math.floor(k / 4)}][${k % 4}] * of_all;`,
      );
      return `{ let of_all = ${right}; ${sums.join(' ')} }`;
    }),
  );
  const scaling = count(fours * ownRows).map((i) => `sums.own[${i}] *= factor;`);
  return [
    spread,
    'var<private> lane: u32;',
    `fn multiplied(left: Left, right: Right, before: Sums) -> Sums { var sums = before; ${terms.join(' ')} return sums; }`,
    `fn scaled(before: Sums, factor: f32) -> Sums { var sums = before; ${scaling.join(' ')} return sums; }`,
    ...functions.values(),
  ].join('\n');
}

/** A device that says it has subgroup matrices, and rewrites the modules with them before it compiles them. */
export function rewriting(
  engine: EngineDevice,
  halfMatrix: HalfMatrix | undefined,
  rewritten: (code: string) => string,
): EngineDevice {
  const device = new Proxy(engine.device, {
    get(of, key) {
      if (key === 'features') return new Set([...of.features, MATRIX_FEATURE, ...(halfMatrix ? ['shader-f16'] : [])]);
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
  return new Proxy(engine, {
    get: (of, key) => (key === 'device' ? device : key === 'halfMatrix' ? halfMatrix : Reflect.get(of, key, of)),
  });
}
